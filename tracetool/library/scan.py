"""A trace as a lazy frame of events, read by the queries made of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from polars.io.plugins import register_io_source

from tracetool.errors import UsageError
from tracetool.events import EVENTS_SCHEMA
from tracetool.library.inputs import named_traces, open_readers, warn_of_damage

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl


__all__ = ["scan"]

CHUNK_BYTES = 4 << 20
"""Bytes read between checks for the end of the query."""

_LINE_BYTES = 100
"""About the length of an event in a log."""


def scan(*traces: str | os.PathLike[str], input_format: str | None = None, strict: bool = False) -> pl.LazyFrame:
    """The events of traces as a polars LazyFrame of `EVENTS_SCHEMA`, for traces that do not fit into memory.

    Each query reads the files anew, as a stream: it gets the columns and rows that it selects, and reading ends where
    a limit (`head`) is reached.

    Args:
        traces: as for `open`; standard input cannot be scanned.
        input_format: what they are, where that is not recognised: a name that `--input-format` takes.
        strict: raise at the first line or record that is not understood, instead of a warning at the end.

    Raises:
        InputError: a trace cannot be read.
        UsageError: a trace cannot be read more than once.
    """
    paths = named_traces([os.fspath(trace) for trace in traces])
    for reader in open_readers(paths, input_format=input_format, strict=strict):
        if not reader.rereadable:
            raise UsageError(f"{reader.meta.name}: a query reads the trace anew, which a stream does not allow")

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch_rows: int | None
    ) -> Iterator[pl.DataFrame]:
        limit = CHUNK_BYTES if rows is None else min(CHUNK_BYTES, (rows + 1) * _LINE_BYTES)
        readers = open_readers(paths, input_format=input_format, strict=strict, chunk_bytes=limit)
        for frame in (frame for number, reader in enumerate(readers) for frame in reader.chunks(number)):
            found = frame if predicate is None else frame.filter(predicate)
            found = found if rows is None else found.head(rows)
            found = found if columns is None else found.select(columns)
            if found.height:
                yield from found.iter_slices(batch_rows or found.height)
            if rows is not None and not (rows := rows - found.height):
                return
        warn_of_damage(readers)

    return register_io_source(source, schema=EVENTS_SCHEMA, explain_name="tracetool", explain_detail=", ".join(paths))
