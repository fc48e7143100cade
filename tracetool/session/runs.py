"""What run directories say of the devices, as options that the user did not have to give."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tracetool.ingest.run import directory_of
from tracetool.session.options import RecordedFlash

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from tracetool.ingest import TraceReader
    from tracetool.runs.directory import RunDirectory
    from tracetool.runs.run import Flash
    from tracetool.session.options import Options

__all__ = ["images_after", "with_runs"]


def with_runs(readers: Sequence[TraceReader], options: Options) -> Options:
    """Add what run directories say to the options; what the user said comes first."""
    runs = [directory_of(reader) for reader in readers]
    if not any(runs):
        return options
    return replace(
        options,
        images={**_images_before(runs[0], options.images), **options.images},
        recorded=dict(_recorded(runs)),
        changed_images=dict(_changed(runs)),
    )


def images_after(readers: Sequence[TraceReader]) -> dict[str, Path]:
    """The images of writable devices after the last trace, by device, where a run directory has them."""
    last = directory_of(readers[-1]) if readers else None
    if last is None:
        return {}
    writable = [(name, flash) for name, flash in _named(last) if not flash.read_only]
    found = {name: last.after(flash) for name, flash in writable}
    return {name: path for name, path in found.items() if path is not None}


def _named(run: RunDirectory | None) -> Iterator[tuple[str, Flash]]:
    for flash in run.run.flashes if run is not None else ():
        if flash.name is not None:
            yield flash.name, flash


def _images_before(run: RunDirectory | None, given: Collection[str | None]) -> dict[str, Path]:
    if run is None:
        return {}
    found = {name: run.before(flash) for name, flash in _named(run) if name not in given}
    return {name: path for name, path in found.items() if path is not None}


def _recorded(runs: Sequence[RunDirectory | None]) -> Iterator[tuple[str, RecordedFlash]]:
    """Each device, as its first run has it: what comes last in a dictionary stays."""
    for run in reversed(runs):
        for name, flash in _named(run):
            board = run.run.board if run is not None else None
            yield name, RecordedFlash(board, flash.read_only, flash.extent_bytes)


def _changed(runs: Sequence[RunDirectory | None]) -> Iterator[tuple[tuple[int, str], Path | None]]:
    """Devices whose image before a run is not the one after the run before it."""
    for number, (earlier, later) in enumerate(pairwise(runs), 1):
        if earlier is None or later is None:
            continue
        for name, flash in _named(later):
            if not _follows(earlier.run.flash(name), flash):
                yield (number, name), later.before(flash)


def _follows(left: Flash | None, found: Flash) -> bool:
    """Whether a run begins with the contents that the one before it left."""
    if left is None or left.after is None or found.before is None:
        return found.read_only
    return left.after.sha256 == found.before.sha256
