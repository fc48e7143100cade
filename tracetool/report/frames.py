"""Event frames as table, CSV, JSON lines or Parquet, written as they come."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO, cast

import polars as pl
from polars.io.plugins import register_io_source

from tracetool.analysis.naming import events_of
from tracetool.events import EVENTS_SCHEMA, render
from tracetool.ingest.parquet_checksum import ChecksummedFile
from tracetool.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO

    from tracetool.timeline.query import Query

    Describe = Callable[[], dict[str, str]]

__all__ = ["seconds", "write_frames", "write_parquet_frames"]

ROW_GROUP = 1 << 16
"""Rows of a Parquet row group."""

_NANOSECONDS = 1_000_000_000


def write_frames(
    frames: Iterable[pl.DataFrame],
    output_format: str,
    file: BinaryIO,
    *,
    device: str | None = None,
    query: Query | None = None,
    describe: Describe | None = None,
    several: bool = False,
) -> int:
    """Write event frames to `file`, of one device or as a query selects; return the number of events.

    `describe` is called once the frames have been read; its entries are metadata of a Parquet file.
    `several`: they are of several traces, so the table names that of each event.
    """
    counted = _Counted(frames, device, query, several=several)
    if output_format == "parquet":
        write_parquet_frames(counted, EVENTS_SCHEMA, file, describe)
    else:
        _WRITERS[output_format](counted, file)
    return counted.count


class _Counted:
    """Frames, filtered and counted as they pass."""

    def __init__(
        self, frames: Iterable[pl.DataFrame], device: str | None, query: Query | None, *, several: bool
    ) -> None:
        self._frames = frames
        self._device = device
        self._query = query
        self.several = several
        self.start: int | None = None
        self.count = 0
        self._trace = 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for frame in self._frames:
            if int(frame["trace"][0]) != self._trace:
                self._trace, self.start = int(frame["trace"][0]), None
            if self.start is None and len(times := frame["time_ns"].drop_nulls()):
                self.start = int(times[0])
            chosen = frame if self._device is None else frame.filter(events_of(self._device))
            chosen = chosen if self._query is None else chosen.filter(self._query.expression((self.start,)))
            self.count += len(chosen)
            if len(chosen):
                yield chosen.select(EVENTS_SCHEMA.names())


def _begun(frames: _Counted) -> Iterator[pl.DataFrame]:
    """Read the first frame ahead, so that an unreadable trace leaves no header."""
    rest = iter(frames)
    return chain(list(islice(rest, 1)), rest)


def _write_csv(frames: _Counted, file: BinaryIO) -> None:
    begun = _begun(frames)
    file.write(pl.DataFrame(schema=EVENTS_SCHEMA).write_csv().encode())
    file.writelines(frame.write_csv(include_header=False).encode() for frame in begun)


def _write_jsonl(frames: _Counted, file: BinaryIO) -> None:
    file.writelines(frame.write_ndjson().encode() for frame in frames)


def write_parquet_frames(
    frames: Iterable[pl.DataFrame], schema: pl.Schema, file: BinaryIO, describe: Describe | None = None
) -> None:
    """Write frames of one schema as they come, sealed; OSError where the file cannot take them.

    `describe` gives entries for the file's metadata once the frames have been read.
    """

    def source(
        _columns: list[str] | None, _predicate: pl.Expr | None, _rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        yield from frames

    sealed = ChecksummedFile(file)
    try:
        register_io_source(source, schema=schema).sink_parquet(
            cast("IO[bytes]", sealed),
            engine="streaming",
            row_group_size=ROW_GROUP,
            metadata=lambda _: sealed.metadata(describe() if describe else {}),
        )
    except pl.exceptions.ComputeError as error:
        if sealed.failure is None:
            raise
        raise sealed.failure from error
    sealed.finish()


def _write_table(frames: _Counted, file: BinaryIO) -> None:
    """Write aligned columns: seq, seconds since the trace's first event, boot, and the event as QEMU writes it."""
    begun = _begun(frames)
    file.write(f"{'trace  ' * frames.several}{'seq':>9}  {'time':>12}  boot  event\n".encode())
    for frame in begun:
        lines = []
        for row in frame.iter_rows(named=True):
            when = row["time_ns"]
            time = "" if when is None or frames.start is None else seconds(when - frames.start)
            trace = f"{row['trace']:>5}  " * frames.several
            lines.append(f"{trace}{row['seq']:>9}  {time:>12}  {row['boot']:>4}  {sanitize(render(row))}\n")
        file.write("".join(lines).encode())


def seconds(nanoseconds: int) -> str:
    """Format a time as seconds with microseconds: `1.250000`."""
    sign = "-" if nanoseconds < 0 else ""
    whole, rest = divmod(abs(nanoseconds), _NANOSECONDS)
    return f"{sign}{whole}.{rest // 1000:06d}"


_WRITERS: dict[str, Callable[[_Counted, BinaryIO], None]] = {
    "table": _write_table,
    "csv": _write_csv,
    "jsonl": _write_jsonl,
}
