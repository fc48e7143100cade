"""Facts of a run directory."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.runs.run import RECORDING
from tracetool.sanitize import sanitize
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.runs.directory import RunDirectory
    from tracetool.runs.run import Flash, Run, SavedImage

__all__ = ["run_facts"]


def run_facts(directory: RunDirectory) -> Iterator[tuple[str, str]]:
    """Label and phrase of each fact: program, end, images, what is missing."""
    for name, text in _facts(directory.run):
        yield sanitize(name), sanitize(text)


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    yield "run", f"{Path(run.program).name} {run.version or 'of an unknown release'}, {_ended(run)}"
    yield "command", shlex.join(run.command)
    if run.launcher:
        yield "started by", shlex.join(run.launcher)
    for flash in run.flashes:
        yield f"{flash.name or f'unit {flash.unit}'} image", _flash(flash)
    for missing in run.missing:
        yield "missing", missing
    for note in run.notes:
        yield "note", note


def _ended(run: Run) -> str:
    if run.state == RECORDING:
        return "its end is not known"
    took = "" if run.started is None or run.ended is None else f" after {run.ended - run.started:.1f} s"
    how = f"ended by signal {run.signal}" if run.signal is not None else f"exit code {run.exit_code}"
    stopped = "" if run.stopped_after is None else f", stopped by the recorder after {run.stopped_after:g} s"
    relayed = f", {' and '.join(run.relayed)} passed on to it" if run.relayed else ""
    return f"{how}{took}{stopped}{relayed}"


def _flash(flash: Flash) -> str:
    access = "read-only" if flash.read_only else "writable"
    return f"{flash.image} ({flash.format}), {access}, {_contents(flash.before, flash.after)}"


def _contents(before: SavedImage | None, after: SavedImage | None) -> str:
    if before is None:
        return "no copy of it"
    size = format_size(before.bytes)
    if after is None:
        return f"{size}, not known after the run"
    return f"{size}, {'the same' if after.sha256 == before.sha256 else 'changed'} after the run"
