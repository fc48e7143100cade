"""A trace that is followed in the app: what is shown of it at any time, and at its end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from replay.backing import Policy
from tests.captures import capture_path
from tests.patience import PATIENCE_S, wait_until
from tests.tracetool.cli.program import PADDING
from tests.tracetool.ingest.test_following import wait_until_read
from tests.tracetool.logs import log
from tests.tracetool.viewmodel.samples import finished, job, padding
from tests.tracetool.viewmodel.test_inspection import after_a_whole_replay, plain
from tracetool.analysis import replay
from tracetool.analysis.options import ANY_DEVICE, Options
from tracetool.compression import zstd
from tracetool.errors import InputError, UsageError
from tracetool.ingest.following import Following, open_followed
from tracetool.report.formats.json import audit_document
from tracetool.viewmodel.audit_session import Progress, Settings, load
from tracetool.viewmodel.growing_trace import GrowingTrace
from tracetool.viewmodel.inspection import inspect
from tracetool.viewmodel.status import progress_words
from tracetool.viewmodel.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tracetool.analysis.history import History
    from tracetool.uefi.store_timeline import StoreTimeline
    from tracetool.viewmodel.audit_session import AuditSession

pytestmark = pytest.mark.usefixtures("hurried")

FLASH1 = "virt.flash1"
SETTINGS = Settings()


def followed(path: Path) -> GrowingTrace:
    """A trace that is read while the test writes it."""
    control = Following()
    return GrowingTrace(open_followed(str(path), control), control).start()


def until_read(trace: GrowingTrace, events: int) -> None:
    wait_until(lambda: trace.events >= events, f"{events} events are not read")


def ended(trace: GrowingTrace, chosen: Settings = SETTINGS) -> AuditSession:
    """The session of all of it."""
    trace.stop()
    assert trace.ended.wait(PATIENCE_S)
    return finished(trace.job(chosen))


def unpacked(capture: str) -> bytes:
    return zstd.decompress(capture_path(capture).read_bytes())


def two_machines() -> bytes:
    """Two QEMUs in one journal, of which the second begins later; one writes beyond the extent."""
    first = log(FLASH1).realize(768 << 10).reset().program(0x0, 1).erase(0x40000).program(0x100000, 2).read_array()
    second = log(FLASH1).realize(768 << 10).reset().program(0x0, 3)
    two = ((1, first), (2, second))
    lines = [f"host qemu[{pid}]: {line}" for pid, trace in two for line in trace.text.splitlines()]
    return "\n".join([*lines[::2], *lines[1::2], ""]).encode()


def by_threads() -> bytes:
    """Two QEMUs side by side that only their threads tell apart, which shows when the first goes on."""
    parts = (log(FLASH1).reset().program(0x0, 1), log(FLASH1).reset().program(0x0, 2), log(FLASH1).program(0x40, 3))
    lines = [f"{7 + number % 2}@1.0:{line}" for number, part in enumerate(parts) for line in part.text.splitlines()]
    return "\n".join([*lines, ""]).encode()


def late_extent() -> bytes:
    """A write beyond the extent, before the firmware writes the store that tells of it."""
    before = log(FLASH1).program(0x200000, 1).read_array().text
    return before.encode() + unpacked("aavmf-first-boot/trace.log.zst")[: 1 << 20]


FIRST_BOOT = "aavmf-first-boot/trace.log.zst"
IMAGE = {FLASH1: "aavmf-shell-padding/flash1-before.fd.zst"}
KINDS: dict[str, tuple[Callable[[], bytes], Settings, int]] = {
    "log": (partial(unpacked, FIRST_BOOT), Settings(Options(variables=True)), 2000),
    "simple": (partial(unpacked, "aavmf-first-boot/trace.simple.zst"), Settings(), 1 << 16),
    "policy": (
        partial(unpacked, "aavmf-shell-padding/trace.log.zst"),
        Settings(Options(policy=Policy.VOLATILE, extents={FLASH1: 512 << 10})),
        500,
    ),
    "short-backing": (partial(unpacked, "aavmf-rfc-v2/trace.log.zst"), Settings(), 1000),
    "cfi02": (partial(unpacked, "cfi02/ref405ep.log.zst"), Settings(), 1000),
    "two-machines": (two_machines, Settings(), 8),
    "threads": (by_threads, Settings(), 8),
    "late-extent": (late_extent, Settings(), 500),
    "unnamed-device": (partial(unpacked, FIRST_BOOT), Settings(Options(extents={ANY_DEVICE: 768 << 10})), 1000),
}
"""The bytes of a trace, the settings of its audit, and after how many events a device is decided."""


def assert_same(found: AuditSession, expected: AuditSession, moments: Sequence[float]) -> None:
    """All that the views show is the same; contents at some moments, each a part of the way to the end."""
    assert_frame_equal(found.operations, expected.operations)
    assert found.audit.findings == expected.audit.findings
    assert audit_document(found.audit) == audit_document(expected.audit)
    assert (found.starts, found.growing) == (expected.starts, expected.growing)
    for mine, other in zip(found.audit.devices, expected.audit.devices, strict=True):
        assert_frame_equal(mine.blocks, other.blocks)
        assert_frame_equal(mine.activity, other.activity)
        assert_frame_equal(mine.free_space, other.free_space)
        for both in (
            (found.history(mine.name), expected.history(mine.name)),
            (found.policy_history(mine.name), expected.policy_history(mine.name)),
        ):
            assert_same_contents(*both, moments)
        assert_same_store(found.store_timeline(mine.name), expected.store_timeline(mine.name))


def assert_same_contents(found: History | None, expected: History | None, moments: Sequence[float]) -> None:
    assert (found is None) == (expected is None)
    if found is None or expected is None:
        return
    assert len(found) == len(expected)
    for moment in (0.0, *moments, 1.0):
        mine, other = (history.snapshot(round(moment * len(history))) for history in (found, expected))
        assert mine.blocks.keys() == other.blocks.keys()
        for number in mine.blocks:
            assert all(map(np.array_equal, mine.block(number), other.block(number)))


def assert_same_store(found: StoreTimeline | None, expected: StoreTimeline | None) -> None:
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert_frame_equal(found.touches, expected.touches)
        assert (found.rooms, found.faults, found.start) == (expected.rooms, expected.faults, expected.start)
        assert list(map(repr, found.copies)) == list(map(repr, expected.copies))


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.lists(st.floats(0, 1), max_size=2))
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.slow
def test_what_is_shown_as_a_trace_grows_is_what_loading_as_much_shows(
    tmp_path: Path, kind: str, steps: list[float], moments: list[float]
) -> None:
    """And what was shown before stays as it was."""
    made, chosen, preroll = KINDS[kind]
    data, path = made(), tmp_path / "guest"
    at = len(data) // 8
    path.write_bytes(data[:at])
    shown: list[tuple[AuditSession, AuditSession]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracetool.analysis.intake.PREROLL", preroll)
        trace = followed(path)
        try:
            for step in sorted(steps):
                end = max(at, round(step * len(data)))
                with path.open("ab") as file:
                    file.write(data[at:end])
                at = end
                wait_until(lambda: trace.events > 0, "nothing is read")
                found = finished(trace.job(chosen))
                shown.append((found, load(found.traces, chosen)))
            with path.open("ab") as file:
                file.write(data[at:])
            wait_until_read(path)
        finally:
            found = ended(trace, chosen)
        shown.append((found, load(found.traces, chosen)))
        assert_same(found, finished(job(path, settings=chosen)), moments)
        for pair in shown:
            assert_same(*pair, moments)


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


@pytest.mark.slow
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


def test_a_wrong_geometry_is_known_while_the_trace_grows(tmp_path: Path) -> None:
    path = tmp_path / "guest.log"
    path.write_text(log(FLASH1).reset().program(0x0, 1).text)
    trace, wrong = followed(path), Settings(Options(geometries={FLASH1: "block=96K"}))
    try:
        until_read(trace, 1)
        waiting = trace.job(wrong)
        wait_until(lambda: "not a whole number of blocks" in waiting.progress.held, "it is not said why")
        assert progress_words(waiting.progress).startswith("not audited yet: --geometry virt.flash1: ")
    finally:
        trace.stop()
    with pytest.raises(UsageError, match="not a whole number of blocks"):
        ended(trace, wrong)


def test_a_trace_that_ends_without_an_event_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "guest.log"
    path.write_text("guest: hello\n" * 40)
    control = Following()
    control.stop()
    trace = GrowingTrace(open_followed(str(path), control), control).start()
    assert trace.ended.wait(PATIENCE_S)
    with pytest.raises(InputError, match="no pflash event"):
        finished(trace.job(Settings()))


@pytest.mark.slow
def test_an_event_is_explained_as_after_a_whole_replay_while_the_trace_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From marks of the replay that goes on: each session has a copy of its machines."""
    monkeypatch.setattr(replay, "SPACING", 100)
    path, lines = tmp_path / "trace.log", unpacked(FIRST_BOOT).splitlines(keepends=True)
    sessions: list[AuditSession] = []
    with path.open("wb") as file:
        file.writelines(lines[:1500])
        file.flush()
        trace = followed(path)
        for start, end in ((1500, 3000), (3000, len(lines))):
            until_read(trace, start - 1000)
            sessions.append(finished(trace.job(SETTINGS)))
            file.writelines(lines[start:end])
            file.flush()
    sessions.append(ended(trace))
    for session in sessions:
        events, tables = session.traces[0].events, Tables(session)
        assert sum(len(device.marks) for device in session.replayed.devices.values()) > events // 200
        for seq in (0, events // 3, events // 2, events - 2, events - 1):
            assert plain(inspect(tables, 0, seq, Progress()).inspection) == after_a_whole_replay(session, 0, seq)
