"""Options from run directories."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from tracetool.analysis.options import GuestCode, RecordedFlash
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from tracetool.analysis.options import Options
    from tracetool.ingest import TraceReader
    from tracetool.runs.directory import RunDirectory
    from tracetool.runs.run import Flash

__all__ = ["has_code", "images_after", "thrown_away", "with_runs"]


def with_runs(readers: Sequence[TraceReader], options: Options) -> Options:
    """Add options from run directories; those given by the user take precedence."""
    runs = [reader.meta.run for reader in readers]
    options = replace(options, guest_code=dict(_guest_code(runs, options)))
    if not any(runs):
        return options
    changed = list(_changed(runs))
    return replace(
        options,
        images={**_images_before(runs[0], options.images), **options.images},
        recorded=dict(_recorded(runs)),
        changed_images={key: image for key, image, _ in changed},
        restored_images=frozenset(key for key, _, restored in changed if restored),
    )


def has_code(readers: Sequence[TraceReader], options: Options) -> bool:
    """True where a trace has a log of the guest's code."""
    runs = (reader.meta.run for reader in readers)
    return options.who_log is not None or any(run is not None and run.run.who is not None for run in runs)


def images_after(readers: Sequence[TraceReader]) -> dict[str, Path]:
    """The images of writable devices after the last trace, by device, where a run directory has them.

    An image that QEMU did not write (`snapshot=on`) is left out.
    """
    last = _last(readers)
    if last is None:
        return {}
    writable = [
        (name, flash) for name, flash in _named(last) if not flash.read_only and not last.run.throws_away(flash)
    ]
    found = {name: last.file_of(flash.after) for name, flash in writable}
    return {name: path for name, path in found.items() if path is not None}


def thrown_away(readers: Sequence[TraceReader]) -> frozenset[str]:
    """The devices whose writes QEMU discarded in the last run."""
    last = _last(readers)
    return frozenset(name for name, flash in _named(last) if last is not None and last.run.throws_away(flash))


def _guest_code(runs: Sequence[RunDirectory | None], options: Options) -> Iterator[tuple[int, GuestCode]]:
    """The log of each trace that has one.

    Raises:
        UsageError: one is given for several traces.
    """
    if options.who_log is not None and len(runs) > 1:
        raise UsageError("--who-log: one log is of one run; name one trace")
    for number, run in enumerate(runs):
        code = partial(_code_of, run, options)
        if options.who_log is not None:
            yield number, GuestCode(lambda: options.who_log, code, optional=False)
        elif run is not None and run.run.who is not None:
            yield number, GuestCode(run.log_of_code, code, optional=True)


def _code_of(run: RunDirectory | None, options: Options) -> Path | None:
    """The image of the first read-only flash of a run, which holds the firmware's code; else that of the options."""
    if options.code is not None or run is None:
        return options.code
    found = (run.file_of(flash.before) for flash in run.run.flashes if flash.read_only)
    return next((path for path in found if path is not None), None)


def _last(readers: Sequence[TraceReader]) -> RunDirectory | None:
    return readers[-1].meta.run if readers else None


def _named(run: RunDirectory | None) -> Iterator[tuple[str, Flash]]:
    for flash in run.run.flashes if run is not None else ():
        if flash.name is not None:
            yield flash.name, flash


def _images_before(run: RunDirectory | None, given: Collection[str | None]) -> dict[str, Path]:
    if run is None:
        return {}
    found = {name: run.file_of(flash.before) for name, flash in _named(run) if name not in given}
    return {name: path for name, path in found.items() if path is not None}


def _recorded(runs: Sequence[RunDirectory | None]) -> Iterator[tuple[str, RecordedFlash]]:
    """Each device, by its first run last, which takes precedence in a dictionary."""
    for run in reversed(runs):
        for name, flash in _named(run):
            board = run.run.board if run is not None else None
            length = flash.before.bytes if flash.before is not None else None
            yield name, RecordedFlash(board, flash.read_only, flash.extent_bytes, length)


def _changed(runs: Sequence[RunDirectory | None]) -> Iterator[tuple[tuple[int, str], Path | None, bool]]:
    """Trace number and device, where the image before a run is not the one that the guest left in the run before it.

    With the image, and True when QEMU restored it itself, which leaves no doubt.
    """
    for number, (earlier, later) in enumerate(pairwise(runs), 1):
        if earlier is None or later is None:
            continue
        for name, flash in _named(later):
            left = earlier.run.flash(name)
            follows = _follows(left, flash)
            restored = left is not None and not flash.read_only and earlier.run.throws_away(left)
            if restored or not follows:
                yield (number, name), later.file_of(flash.before), restored and follows


def _follows(left: Flash | None, found: Flash) -> bool:
    """True when an image before a run is the one after the run before it."""
    if left is None or left.after is None or found.before is None:
        return found.read_only
    return left.after.sha256 == found.before.sha256
