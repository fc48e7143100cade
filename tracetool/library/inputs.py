"""Traces as users name them, opened: files, run directories, directories of runs, parts of one log."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.errors import UsageError
from tracetool.paths import user_path
from tracetool.runs.place import is_run_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tracetool.ingest import TraceReader

    Progress = Callable[[int, int | None], None]

__all__ = [
    "LOGGER",
    "STANDARD_INPUT",
    "named_traces",
    "open_readers",
    "warn_of_damage",
]

LOGGER = logging.getLogger("tracetool")
"""Logger of the library: warnings of damage, and the order in which traces were taken (info)."""

STANDARD_INPUT = "-"


def named_traces(given: Sequence[str]) -> list[str]:
    """The traces that paths stand for: a directory of run directories is its runs, in natural order.

    What lies beside run directories and is no trace is passed over, so that `runs/*` is the same as `runs`. Both are
    logged.

    Raises:
        InputError: a directory holds run directories and other traces.
        UsageError: standard input is named twice.
    """
    if given.count(STANDARD_INPUT) > 1:
        raise UsageError("standard input can be read only once")
    return [trace for path in _without_by_products(given) for trace in _runs_of(path)]


def _runs_of(path: str) -> list[str]:
    if is_run_directory(path) or not os.path.isdir(path):  # noqa: PTH112  Path's raises for a null character
        return [path]
    from tracetool.ingest.directory import runs_in

    runs = runs_in(path)
    if runs:
        LOGGER.info("%s: %s, in this order", path, ", ".join(Path(run).name for run in runs))
    return runs or [path]


def _without_by_products(given: Sequence[str]) -> list[str]:
    folders = {Path(path).absolute().parent for path in given if is_run_directory(path)}
    kept = [path for path in given if Path(path).absolute().parent not in folders or _may_be_meant(path)]
    for path in given:
        if path not in kept:
            LOGGER.warning("%s: no run directory and no trace; passed over", path)
    return kept


def _may_be_meant(path: str) -> bool:
    """True for a run directory, a trace, and a path that does not exist, which is an error when it is opened."""
    if is_run_directory(path) or not os.path.exists(path):  # noqa: PTH110  as above
        return True
    from tracetool.ingest.directory import is_trace, traces_in

    if os.path.isdir(path):  # noqa: PTH112
        return bool(traces_in(path))
    return is_trace(Path(path))


def open_readers(
    paths: Sequence[str],
    *,
    input_format: str | None = None,
    strict: bool = False,
    progress: Callable[[str], Progress] | None = None,
    chunk_bytes: int | None = None,
) -> list[TraceReader]:
    """The readers of consecutive boots; parts of one log, and logs of one QEMU's threads, are one trace.

    `progress` returns for each path a function that is called with the bytes read and the size of the file.
    """
    from tracetool.ingest import open_trace
    from tracetool.ingest.reader import CHUNK_BYTES

    readers = [
        open_trace(
            path if path == STANDARD_INPUT else str(user_path(path)),
            input_format=input_format,
            strict=strict,
            chunk_bytes=chunk_bytes or CHUNK_BYTES,
            progress=None if progress is None else progress(path),
        )
        for path in paths
    ]
    if len(readers) == 1:
        return readers
    from tracetool.ingest.split_logs import combine_logs

    combined = combine_logs(readers)
    if len(combined) < len(readers):
        LOGGER.info("%s: %s, read as one trace", combined[0].meta.name, combined[0].meta.reason.partition(":")[0])
    return combined


def warn_of_damage(readers: Sequence[TraceReader]) -> None:
    """Log what could not be read, a line each for damage, a cut end and lost events of a trace."""
    from tracetool.findings.phrases import events_lost

    for reader in readers:
        health, name, unit = reader.health, reader.meta.name, reader.meta.unit
        if health.damaged:
            first = health.first_damaged[0]
            LOGGER.warning(
                f"{name}: {health.damaged:,} of {health.lines:,} {unit}s not understood, "  # noqa: G004  with separators
                f"first at {unit} {first.number:,} ({first.reason})"
            )
        if health.truncated is not None:
            LOGGER.warning("%s: %s", name, health.truncated)
        elif health.unterminated and not health.damaged:
            LOGGER.warning("%s: the last line has no newline: the file may have been cut there", name)
        if lost := events_lost(health):
            LOGGER.warning("%s: %s, says the trace itself", name, lost)
