from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.patience import PATIENCE_S
from tests.tracetool.cli.program import PADDING
from tests.tracetool.viewmodel.samples import both, finished, first_boot, job, padding
from tracetool.analysis.options import Options
from tracetool.audit import audit
from tracetool.audit.verdict import Verdict
from tracetool.errors import InputError, UsageError
from tracetool.ingest import open_trace
from tracetool.timeline.touched import TOUCHED
from tracetool.viewmodel.audit_session import AuditSession, Cancelled, Progress, Settings, load, partial_session, start
from tracetool.viewmodel.cached_trace import CachedTrace
from tracetool.viewmodel.status import timeline_status
from tracetool.viewmodel.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

    from tracetool.analysis.session import Replayed


def test_what_is_loaded_is_what_the_audit_says() -> None:
    told = audit([open_trace(str(PADDING))], Options())
    assert padding().audit.findings == told.findings
    assert [d.verdict for d in padding().audit.devices] == [d.verdict for d in told.devices]


def test_the_same_traces_are_audited_again_without_their_files() -> None:
    session = padding()
    settings = Settings(replace(session.settings.options, extents={"virt.flash1": 2 << 20}))
    again = finished(start(session.traces, settings))
    device = again.device("virt.flash1")
    assert device is not None
    assert device.verdict == Verdict.WITHIN_EXTENT
    assert again.operations.equals(session.operations)


def test_a_smaller_extent_has_more_outside() -> None:
    settings = Settings(Options(extents={"virt.flash1": 1 << 18}))
    device = finished(start(padding().traces, settings)).device("virt.flash1")
    assert device is not None
    assert device.verdict == Verdict.OUTSIDE_EXTENT


def test_a_job_ends_with_its_error_and_a_trace_that_cannot_be_opened_begins_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        job(tmp_path / "missing.log")
    wrong = job(PADDING, settings=Settings(Options(extents={"nobody": 1 << 20})))
    with pytest.raises(UsageError, match="no device 'nobody'"):
        finished(wrong)


def test_a_trace_without_an_event_is_an_error(tmp_path: Path) -> None:
    silent = tmp_path / "silent.log"
    silent.write_text("hello\nworld\n")
    with pytest.raises(InputError, match="no pflash event in 2 lines"):
        finished(job(silent))


def test_a_cancelled_job_gives_nothing_and_leaves_the_session_readable() -> None:
    session = finished(job(PADDING))
    progress = Progress()
    progress.stop.set()
    started = start(session.traces, Settings(), progress)
    assert started.wait(PATIENCE_S)
    assert (started.result, started.error) == (None, None)
    assert sum(map(len, session.traces[0].chunks())) == session.traces[0].events


def test_a_stopped_progress_says_so_to_whoever_reports() -> None:
    progress = Progress()
    progress.report(1, 4)
    assert progress.share == 0.25
    progress.stop.set()
    with pytest.raises(Cancelled):
        progress.report(2, 4)
    assert Progress().share is None


def test_names_of_what_was_loaded() -> None:
    assert padding().name.endswith("trace.log.zst")
    assert both().name.endswith("and 1 more trace")
    assert padding().written == "virt.flash1"
    assert first_boot().extents == {"virt.flash1": 768 * 1024}


@pytest.mark.slow
def test_while_the_trace_is_read_there_are_rows_already() -> None:
    reader = open_trace(str(PADDING), chunk_bytes=20_000)
    passes: list[Replayed] = []
    seen: list[AuditSession | None] = []

    class Looking(CachedTrace):
        def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
            for frame in super().chunks(trace):
                yield frame
                seen.append(partial_session([self], Settings(), passes[-1]))

    trace = Looking(reader)
    whole = load([trace], Settings(), passes.append)
    part = partial_session([trace], Settings(), passes[-1])
    assert part is not None
    assert (part.complete, whole.complete, part.starts) == (False, True, whole.starts)
    assert part.operations.drop(TOUCHED).equals(whole.operations.drop(TOUCHED))
    assert len(Timeline(part).lines(0, 300)) == 224
    assert "so far" in timeline_status(Timeline(part))
    assert len(seen) > 1
