"""Traces named on the command line: a directory of runs is expanded to its runs, in order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.cli.common import say
from tracetool.runs.place import is_run_directory

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["named_traces"]


def named_traces(given: Sequence[str]) -> list[str]:
    """Replace each directory of run directories by those, and pass over what lies beside run directories and is none.

    Both are said on standard error. `runs/*` is so the same as `runs`, where the shell's order is that of the boots.

    Raises:
        InputError: a directory holds run directories and other traces.
    """
    return [trace for path in _without_by_products(given) for trace in _runs_of(path)]


def _runs_of(path: str) -> list[str]:
    if is_run_directory(path) or not os.path.isdir(path):  # noqa: PTH112  Path's raises for a null character
        return [path]
    from tracetool.ingest.directory import runs_in

    runs = runs_in(path)
    if runs:
        say(f"{path}: {', '.join(Path(run).name for run in runs)}, in this order")
    return runs or [path]


def _without_by_products(given: Sequence[str]) -> list[str]:
    folders = {Path(path).absolute().parent for path in given if is_run_directory(path)}
    kept = [path for path in given if Path(path).absolute().parent not in folders or _may_be_meant(path)]
    for path in given:
        if path not in kept:
            say(f"{path}: no run directory and no trace; passed over")
    return kept


def _may_be_meant(path: str) -> bool:
    """True for a run directory, a trace, or a path that does not exist: opening it raises the error."""
    if is_run_directory(path) or not os.path.exists(path):  # noqa: PTH110  as above
        return True
    from tracetool.ingest.directory import is_trace, traces_in

    if os.path.isdir(path):  # noqa: PTH112
        return bool(traces_in(path))
    return is_trace(Path(path))
