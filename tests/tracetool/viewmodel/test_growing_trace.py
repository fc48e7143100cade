"""A trace that is followed in the app: what is shown of it at any time, and at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.patience import PATIENCE_S, wait_until
from tests.tracetool.cli.program import PADDING
from tests.tracetool.logs import log
from tests.tracetool.viewmodel.samples import finished, job, padding
from tracetool.compression import zstd
from tracetool.errors import InputError
from tracetool.ingest.following import Following, open_followed
from tracetool.viewmodel.audit_session import Settings
from tracetool.viewmodel.growing_trace import GrowingTrace

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.viewmodel.audit_session import AuditSession

pytestmark = pytest.mark.usefixtures("hurried")

FLASH1 = "virt.flash1"


def followed(path: Path) -> GrowingTrace:
    """A trace that is read while the test writes it."""
    control = Following()
    return GrowingTrace(open_followed(str(path), control), control).start()


def until_read(trace: GrowingTrace, events: int) -> None:
    wait_until(lambda: trace.events >= events, f"{events} events are not read")


def ended(trace: GrowingTrace) -> AuditSession:
    """The session of all of it."""
    trace.stop()
    assert trace.ended.wait(PATIENCE_S)
    return finished(trace.job(Settings()))


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=5))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_a_trace_grows_its_session_ends_as_that_of_the_file(tmp_path: Path, steps: list[int]) -> None:
    text = zstd.decompress(PADDING.read_bytes())
    lines, path = text.splitlines(keepends=True), tmp_path / "guest.log"
    path.write_bytes(lines[0])
    trace, at = followed(path), 1
    try:
        for step in steps:
            with path.open("ab") as file:
                file.writelines(lines[at : at + step])
            at = min(at + step, len(lines))
            until_read(trace, at)
            session = finished(trace.job(Settings()))
            assert session.growing
            assert session.traces[0].events == at
            known = padding().operations.select("device", "first_seq")
            assert session.operations.join(known, on=["device", "first_seq"], how="anti").is_empty()
        with path.open("ab") as file:
            file.writelines(lines[at:])
        until_read(trace, len(lines))
    finally:
        session = ended(trace)
    expected = finished(job(path))
    assert not session.growing
    assert_frame_equal(session.operations, expected.operations)
    assert session.audit.findings == expected.audit.findings
    assert session.audit.verdict == expected.audit.verdict
    assert session.traces[0].health == expected.traces[0].health
    assert_frame_equal(
        pl.concat(f for _, f in session.traces[0].kept()), pl.concat(f for _, f in expected.traces[0].kept())
    )


def test_nothing_is_made_of_the_end_of_a_trace_that_is_still_written(tmp_path: Path) -> None:
    path = tmp_path / "guest.log"
    whole = log(FLASH1).reset().program(0x0, 1).program(0x40, 2).text
    path.write_text(whole[: whole.rindex("pflash_data_write")])
    trace = followed(path)
    try:
        until_read(trace, 1)
        growing = finished(trace.job(Settings()))
    finally:
        cut = ended(trace)
    rules = {finding.rule for finding in growing.audit.findings}
    assert {finding.rule for finding in cut.audit.findings} - rules >= {"SEQ005"}
    assert len(growing.operations) == len(cut.operations) - 1


def test_few_frames_are_kept_of_events_that_came_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "guest.log"
    lines = zstd.decompress(PADDING.read_bytes()).splitlines(keepends=True)[:300]
    path.write_bytes(lines[0])
    trace = followed(path)
    try:
        for number, line in enumerate(lines[1:], 2):
            with path.open("ab") as file:
                file.write(line)
            until_read(trace, number)
    finally:
        session = ended(trace)
    assert len(list(session.traces[0].kept())) < 10
    assert_frame_equal(session.traces[0].rows(0, 300), padding().traces[0].rows(0, 300))


def test_what_cannot_be_audited_yet_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "guest.log"
    path.write_text(log(FLASH1).reset().text)
    trace = followed(path)
    until_read(trace, 1)
    first = trace.job(Settings(), shown=trace.events)
    assert not first.wait(0.2)
    with path.open("a") as file:
        file.write(log(FLASH1).program(0x0, 1).text)
    assert finished(first).traces[0].events > 1
    ended(trace)


def test_a_trace_that_ends_without_an_event_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "guest.log"
    path.write_text("guest: hello\n" * 40)
    control = Following()
    control.stop()
    trace = GrowingTrace(open_followed(str(path), control), control).start()
    assert trace.ended.wait(PATIENCE_S)
    with pytest.raises(InputError, match="no pflash event"):
        finished(trace.job(Settings()))
