"""Recognition of run directories, by the names of files alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.errors import InputError

if TYPE_CHECKING:
    from tracetool.runs.directory import RunDirectory

__all__ = ["RUN_FILE", "is_run_directory", "run_of"]

RUN_FILE = "run.json"


def is_run_directory(path: str | Path) -> bool:
    """True for a directory with a `run.json`."""
    try:
        return (Path(path) / RUN_FILE).is_file()
    except (OSError, ValueError):
        return False


def run_of(path: str) -> RunDirectory | None:
    """The run that a path stands for: its directory, or the trace in it; None if it is another file.

    Raises:
        InputError: `run.json` of the directory cannot be read, or is none.
    """
    folder = Path(path).parent
    is_run = is_run_directory(path)
    if not is_run and not (is_run_directory(folder) and Path(path).is_file()):
        return None
    from tracetool.runs.directory import read_run_directory  # noqa: PLC0415  most traces are no run's

    if is_run:
        return read_run_directory(path)
    try:
        found = read_run_directory(str(folder))
    except InputError:  # the trace alone may be all that is left to read
        return None
    return found if found.run.trace == Path(path).name else None
