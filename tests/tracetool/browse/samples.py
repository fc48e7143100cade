"""What was loaded of the recorded samples, once for all tests of a process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tracetool.browse.loading import Job, Settings, start
from tracetool.browse.timeline import Timeline
from tracetool.ingest import open_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tracetool.browse.loading import Loaded
    from tracetool.ingest import TraceReader

OUTSIDE = 4370
"""The write to 0x100000 in the padding sample."""


def opening(path: Path) -> Callable[[Callable[[int, int | None], None]], TraceReader]:
    """What opens a trace and reports its progress."""
    return lambda report: open_trace(str(path), progress=report)


def job(*paths: Path, settings: Settings | None = None) -> Job:
    """The traces, being loaded."""
    return start([opening(path) for path in paths], settings or Settings())


def finished(started: Job) -> Loaded:
    """What a job gives."""
    assert started.wait(60)
    if started.error is not None:
        raise started.error
    assert started.result is not None
    return started.result


@cache
def padding() -> Loaded:
    """The padding sample."""
    return finished(job(PADDING))


@cache
def first_boot() -> Loaded:
    """The first boot."""
    return finished(job(FIRST_BOOT))


@cache
def both() -> Loaded:
    """The first boot, then the padding sample, as consecutive boots."""
    return finished(job(FIRST_BOOT, PADDING))


def padding_timeline() -> Timeline:
    """A timeline of the padding sample, as it is shown first."""
    return Timeline(padding())
