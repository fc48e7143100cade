"""The callers of a trace's operations, from the logs of its run directories."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tracetool.errors import InputError, UsageError
from tracetool.ingest.source import open_source
from tracetool.who.attribution import CALLERS_SCHEMA, attribute, operations_with_callers
from tracetool.who.log import read_who_log
from tracetool.who.modules import Modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tracetool.ingest import TraceReader
    from tracetool.runs.directory import RunDirectory
    from tracetool.who.attribution import Attributed
    from tracetool.who.log import WhoLog

__all__ = ["with_callers"]

_LOGGER = logging.getLogger("tracetool")
_MOST_BYTES = 1 << 32
_PIECE = 1 << 24


def with_callers(
    readers: Sequence[TraceReader],
    chunks: Callable[[int], Iterator[pl.DataFrame]],
    operations: pl.DataFrame,
    *,
    log: str | Path | None = None,
    code: str | Path | None = None,
) -> pl.DataFrame:
    """Add their callers to operations (`OPERATIONS_SCHEMA`); a frame of `CALLERS_SCHEMA`.

    What cannot be attributed is null, and is told by the logger `tracetool`.

    Args:
        readers: the traces.
        chunks: gives a trace's events, by its number, in frames of `EVENTS_SCHEMA`.
        operations: of all traces.
        log: the log of the plugin; None: that of each run directory.
        code: the image of the code flash; None: that of each run directory.

    Raises:
        InputError: there is no log, or it cannot be read.
        UsageError: one log is given for several traces.
    """
    if log is not None and len(readers) > 1:
        raise UsageError("--log: one log is of one run; name one trace")
    parts = [CALLERS_SCHEMA.to_frame()]
    for number, reader in enumerate(readers):
        path = Path(log) if log is not None else _log_of(reader)
        who_log = read_who_log(_read(path))
        attributed = attribute(chunks(number), who_log)
        _tell(path, who_log, attributed)
        firmware = _read(Path(code)) if code is not None else _code_of(reader.meta.run)
        of_trace = operations.filter(pl.col("trace") == number)
        parts.append(operations_with_callers(of_trace, attributed, who_log, Modules(who_log, firmware)))
    return pl.concat(parts)


def _log_of(reader: TraceReader) -> Path:
    run = reader.meta.run
    if run is None or run.run.who is None:
        raise InputError(
            f"{reader.meta.name}: holds no log of the guest's code: record the run with tracetool record --who, "
            "or give the log with --log"
        )
    return Path(run.path) / run.run.who


def _code_of(run: RunDirectory | None) -> bytes | None:
    """The image of the first read-only flash of a run, which holds the firmware's code."""
    for flash in run.run.flashes if run is not None else ():
        path = run.file_of(flash.before) if run is not None and flash.read_only else None
        if path is not None:
            return _read(path)
    return None


def _read(path: Path) -> bytes:
    source = open_source(str(path))
    data = bytearray()
    try:
        while piece := source.read(_PIECE):
            data += piece
            if len(data) > _MOST_BYTES:
                raise InputError(f"{path}: is larger than {_MOST_BYTES >> 30} GiB, which no log of a boot is")
    finally:
        source.close()
    return bytes(data)


def _tell(path: Path, log: WhoLog, attributed: Attributed) -> None:
    """Warn of what the log lacks."""
    if log.damaged:
        _LOGGER.warning("%s: %d lines are damaged, the first is line %d", path, log.damaged, log.first_damage)
    elif not log.complete:
        _LOGGER.warning("%s: is not complete: QEMU was killed, or the disk was full", path)
    if attributed.rows_over and attributed.events == attributed.events_over:
        _LOGGER.warning("%s: fits no access of the trace: it is of another run", path)
    elif attributed.events_over:
        _LOGGER.warning(
            "%s: %d of %d accesses have no row: no load or store of a virtual CPU made them",
            path,
            attributed.events_over,
            attributed.events,
        )
