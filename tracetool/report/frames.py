"""Event frames as table, CSV, JSON lines or Parquet, written as they come."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, BinaryIO

import polars as pl
from polars.io.plugins import register_io_source

from tracetool.events import EVENTS_SCHEMA, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tracetool.timeline.query import Query

__all__ = ["TABLE_FORMATS", "seconds", "write_frames", "write_parquet_frames"]

TABLE_FORMATS = ("table", "csv", "jsonl", "parquet")
"""How tables can be written; the first is for people."""

_OS_ERROR = re.compile(r"\(os error (\d+)\)")
"""How polars says why it could not write; the number is the system's."""

_NANOSECONDS = 1_000_000_000


def write_frames(
    frames: Iterable[pl.DataFrame],
    output_format: str,
    file: BinaryIO,
    *,
    device: str | None = None,
    query: Query | None = None,
) -> int:
    """Write event frames to `file`, one device's or those that a query selects alone; how many were written."""
    counted = _Counted(frames, device, query)
    _WRITERS[output_format](counted, file)
    return counted.count


class _Counted:
    """The frames, filtered and counted while they pass."""

    def __init__(self, frames: Iterable[pl.DataFrame], device: str | None, query: Query | None) -> None:
        self._frames = frames
        self._device = device
        self._query = query
        self.start: int | None = None
        self.count = 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for frame in self._frames:
            if self.start is None and len(times := frame["time_ns"].drop_nulls()):
                self.start = int(times[0])
            chosen = frame if self._device is None else frame.filter(pl.col("device").cast(pl.String) == self._device)
            chosen = chosen if self._query is None else chosen.filter(self._query.expression(self.start))
            self.count += len(chosen)
            if len(chosen):
                yield chosen


def _write_csv(frames: _Counted, file: BinaryIO) -> None:
    file.write(pl.DataFrame(schema=EVENTS_SCHEMA).write_csv().encode())
    file.writelines(frame.write_csv(include_header=False).encode() for frame in frames)


def _write_jsonl(frames: _Counted, file: BinaryIO) -> None:
    file.writelines(frame.write_ndjson().encode() for frame in frames)


def _write_parquet(frames: _Counted, file: BinaryIO) -> None:
    write_parquet_frames(frames, EVENTS_SCHEMA, file)


def write_parquet_frames(frames: Iterable[pl.DataFrame], schema: pl.Schema, file: BinaryIO) -> None:
    """Write frames of one schema as they come; OSError where the file cannot take them."""

    def source(
        _columns: list[str] | None, _predicate: pl.Expr | None, _rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        yield from frames

    try:
        register_io_source(source, schema=schema).sink_parquet(file, engine="streaming")
    except pl.exceptions.ComputeError as error:
        number = _OS_ERROR.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def _write_table(frames: _Counted, file: BinaryIO) -> None:
    """Aligned columns: seq, seconds since the first event, boot, and the event as QEMU writes it."""
    file.write(f"{'seq':>9}  {'time':>12}  boot  event\n".encode())
    for frame in frames:
        lines = []
        for row in frame.iter_rows(named=True):
            when = row["time_ns"]
            time = "" if when is None or frames.start is None else seconds(when - frames.start)
            lines.append(f"{row['seq']:>9}  {time:>12}  {row['boot']:>4}  {render(row)}\n")
        file.write("".join(lines).encode())


def seconds(nanoseconds: int) -> str:
    """A time as seconds with microseconds: `1.250000`."""
    sign = "-" if nanoseconds < 0 else ""
    whole, rest = divmod(abs(nanoseconds), _NANOSECONDS)
    return f"{sign}{whole}.{rest // 1000:06d}"


_WRITERS: dict[str, Callable[[_Counted, BinaryIO], None]] = {
    "table": _write_table,
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
