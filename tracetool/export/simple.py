"""QEMU's simple trace format, version 4, little-endian.

Layout: a header of three u64 (all ones, magic, version); then records, each after a u64 type: 0 a mapping
{u64 id, u32 length, name}, 1 an event {u64 id, u64 ts_ns, u32 length, u32 pid, arguments}, where length counts from
id to the last argument. A number is a u64 (sign-extended), a string a u32 length and its bytes; the device's name
comes first. Losses are events of the id that QEMU keeps for them, with their count.

Ref: QEMU trace/simple.c and scripts/simpletrace.py, releases 2.8 to 10.2.
"""

from __future__ import annotations

import struct
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import polars as pl

from tracetool.events import CATALOGUE, PREFIX
from tracetool.export.formats import ExportFormat
from tracetool.export.job import Failure, Loss
from tracetool.export.shapes import Strings, argument_columns, shape
from tracetool.ingest.names import LONGEST_DEVICE, TEXT
from tracetool.ingest.simple_records import THREADS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tracetool.events import Variant
    from tracetool.export.job import Job
    from tracetool.export.shapes import Group

    Bytes = NDArray[np.uint8]
    Numbers = NDArray[np.int64 | np.uint64]

__all__ = ["FORMAT"]

_HEADER = struct.pack("<3Q", 0xFFFF_FFFF_FFFF_FFFF, 0xF2B1_77CB_0AA4_29B4, 4)
_MAPPING, _EVENT = 0, 1
_DROPPED = 0xFFFF_FFFF_FFFF_FFFE
_TYPE_BYTES = 8
_FIXED_BYTES = 24  # of an event, before its arguments, as its length counts them
_STRINGS = Strings(TEXT, LONGEST_DEVICE, TEXT, 512)
"""QEMU records no longer string; which flash a record without a name comes from depends on those before it."""
_MOST = (1 << 32) - 1
_IDS = {source: number for number, source in enumerate(dict.fromkeys(variant.source for variant in CATALOGUE))}


def write(job: Job, file: BinaryIO) -> list[str]:
    """Write the events of the job as a simple trace; what is left out is marked in it as dropped.

    The process of each event is recorded. Where the first events name none their threads are, and a name says so: they
    tell machines apart that ran side by side.
    """
    pieces = job.pieces()
    early = list(_until_events(pieces))
    threads = bool(early) and isinstance(first := early[-1], pl.DataFrame) and _nameless(first)
    who = "thread" if threads else "process"
    file.write(_HEADER + _names([*_IDS, *[THREADS] * threads]))
    left_out = failures = untimed = nobody = 0
    mixed = False
    for piece in chain(early, pieces):
        if isinstance(piece, Loss):
            file.write(_dropped(piece.count, piece.time_ns))
        elif isinstance(piece, Failure):
            failures += 1
        else:
            left_out += _add(piece.with_columns(who=who), file)
            untimed += piece["time_ns"].null_count()
            nobody += piece[who].null_count()
            mixed = mixed or (threads and not _nameless(piece))
    if mixed:
        # A trace names threads or processes, not both.
        file.write(_dropped(0, None))
    return [*_said(left_out, failures, lossy=job.lossy), *_unknown(untimed, nobody, who), *_clocks(job)]


FORMAT = ExportFormat("simple", (".simple",), write, binary=True)


def _until_events(pieces: Iterator[pl.DataFrame | Loss | Failure]) -> Iterator[pl.DataFrame | Loss | Failure]:
    """The pieces up to the first frame of events."""
    for piece in pieces:
        yield piece
        if isinstance(piece, pl.DataFrame):
            return


def _nameless(events: pl.DataFrame) -> bool:
    """True if no event names its process."""
    return events["process"].null_count() == events.height


def _said(left_out: int, failures: int, *, lossy: bool) -> Iterator[str]:
    if left_out:
        yield f"{left_out:,} events that have no form in a simple trace are marked as dropped"
    if lossy:
        yield "what the trace lost, or was not understood in it, is marked as dropped events"
    if failures:
        yield f"a simple trace does not hold that the host could not write the image, {failures:,} times"


def _unknown(untimed: int, nobody: int, who: str) -> Iterator[str]:
    if untimed:
        yield f"{untimed:,} events have no time; they are written with 0"
    if nobody:
        yield f"{nobody:,} events have no {who}; they are written with 0"


def _clocks(job: Job) -> Iterator[str]:
    if job.reader.meta.clock not in ("monotonic", "none"):
        yield f"its times are {job.reader.meta.clock}; a simple trace's are taken for monotonic"


def _names(sources: Sequence[str]) -> bytes:
    names = [(source if source == THREADS else f"{PREFIX}{source}").encode() for source in sources]
    return b"".join(struct.pack("<QQI", _MAPPING, number, len(name)) + name for number, name in enumerate(names))


def _dropped(count: int, time_ns: int | None) -> bytes:
    return struct.pack("<QQQIIQ", _EVENT, _DROPPED, max(time_ns or 0, 0), _FIXED_BYTES + 8, 0, min(count, _MOST))


def _add(frame: pl.DataFrame, file: BinaryIO) -> int:
    """Write the records of a frame, with a dropped record before what follows a row without form; how many those."""
    frame = frame.with_columns(pl.col("text").cast(pl.Categorical()).to_physical().alias("word"))
    shaped = shape(frame, _STRINGS, leave_out=False)
    pieces: list[tuple[NDArray[np.intp], Bytes]] = []
    left = list(shaped.left)
    for group in shaped.groups:
        for rows in _alike(frame, group):
            records = _records(group.variant, frame[rows])
            if records is None:
                left.extend(rows)
            else:
                pieces.append((rows, records))
    pieces += [(np.array([row]), np.frombuffer(_dropped(1, None), np.uint8)[None, :]) for row in left]
    file.write(_interleaved(frame.height, pieces).data)
    return len(left)


def _alike(frame: pl.DataFrame, group: Group) -> Iterator[NDArray[np.intp]]:
    """The rows of a variant by their strings, so that their records are of one length."""
    rows = frame[group.rows].select(pl.col("device").to_physical(), "word")
    keys = rows["device"].to_numpy().astype(np.int64) << 32
    if any(not argument.radix for argument in group.variant.arguments):
        keys += rows["word"].to_numpy()
    for key in np.unique(keys):
        yield group.rows[keys == key]


def _records(variant: Variant, rows: pl.DataFrame) -> Bytes | None:
    """The records of rows whose strings are the same, one a line; None if a text is not the number it should be."""
    arguments = _arguments(variant, rows)
    if arguments is None:
        return None
    types = [f"V{len(value)}" if isinstance(value, bytes) else "<u8" for value in arguments]
    fields = [(f"argument {number}", kind) for number, kind in enumerate(types)]
    dtype = np.dtype([("type", "<u8"), ("id", "<u8"), ("ts", "<u8"), ("length", "<u4"), ("pid", "<u4"), *fields])
    records = np.zeros(rows.height, dtype)
    records["type"], records["id"], records["length"] = _EVENT, _IDS[variant.source], dtype.itemsize - _TYPE_BYTES
    records["ts"] = rows["time_ns"].fill_null(0).clip(lower_bound=0).to_numpy()
    records["pid"] = rows["who"].fill_null(0).to_numpy()
    for (name, _), value in zip(fields, arguments, strict=True):
        records[name] = np.void(value) if isinstance(value, bytes) else value.view(np.uint64)
    return records.view(np.uint8).reshape(rows.height, dtype.itemsize)


def _arguments(variant: Variant, rows: pl.DataFrame) -> list[bytes | Numbers] | None:
    """The arguments in order: a string, the same for all rows, or a number for each."""
    found: list[bytes | Numbers] = [_string(rows["device"][0])] if variant.named else []
    values = dict(zip((argument.name for argument in variant.arguments), argument_columns(variant, rows), strict=True))
    strings = {argument.name for argument in variant.arguments if not argument.radix}
    for name, column in variant.recorded:
        if name in values:
            value = _string(values[name][0]) if name in strings else _numbers(values[name])
        else:
            value = _digits(rows, sizes=column == "digits")
        if value is None:
            return None
        found.append(value)
    return found


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data


def _digits(rows: pl.DataFrame, *, sizes: bool) -> Numbers:
    """How many digits a log shows: twice the access' size, or not kept by the frame."""
    return (rows["size"].cast(pl.Int64) * 2).to_numpy() if sizes else np.zeros(rows.height, np.int64)


def _numbers(column: pl.Series) -> Numbers | None:
    """A column as 64-bit numbers; one that holds them as text, as it was logged, is read."""
    if column.dtype == pl.UInt64:
        return column.to_numpy()
    if column.dtype != pl.String:
        return column.cast(pl.Int64).to_numpy()
    try:
        values = {text: np.uint64(int(text, 0)) for text in column.unique().to_list()}
    except (ValueError, OverflowError):
        return None
    return np.array([values[text] for text in column.to_list()], np.uint64)


def _interleaved(count: int, pieces: list[tuple[NDArray[np.intp], Bytes]]) -> Bytes:
    """The records of all rows in order."""
    lengths = np.zeros(count, np.int64)
    for rows, records in pieces:
        lengths[rows] = records.shape[1]
    ends = np.cumsum(lengths)
    out = np.empty(int(ends[-1]), np.uint8)
    for rows, records in pieces:
        at = ends[rows] - lengths[rows]
        out[at[:, None] + np.arange(records.shape[1])] = records
    return out
