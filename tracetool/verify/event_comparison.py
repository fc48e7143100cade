"""Comparison of a trace with that of the real device, event by event, for the kinds of event in the trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from tracetool.analysis.machine_rows import reset_as_read_array
from tracetool.events import EVENTS_SCHEMA, PREFIX, EventType, render
from tracetool.verify.reads_under_way import ReadsUnderWay

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tracetool.ingest import TraceReader
    from tracetool.verify.plan import Part

__all__ = ["Compared", "compare_traces"]

_FIELDS = ("offset", "size", "value", "cmd", "wcycle", "counter", "length", "text")

_NOT_FROM_ACCESSES = {
    "reset",
    "realize",
    "outer_read",
    "outer_write",
    "postload_cb",
    "unsupported_device_configuration",
}
"""Events not caused by bus accesses or timers, and those of devices with an extent."""

_RETURNS = {"idle", "mode_read_array"}
"""Returns to rest, which a CFI02 device logs in some releases only where a command is given up."""

_BEFORE_THEIR_READ = {"read_status", "manufacturer_id", "device_id", "device_info", "data_read", "read_unknown_state"}
"""Inner events of a read; the oldest event set logs them after the read, all others before it."""


@dataclass
class Compared:
    """Agreement of trace and device: equal events and read values, and the first difference in words.

    `trace` and `seq` are those of the recorded event, seq -1 where only the device has an event. `under_way` counts
    reads of the trace that were left out.
    """

    events: int = 0
    values: int = 0
    under_way: int = 0
    trace: int = -1
    seq: int = -1
    recorded: str = ""
    live: str = ""

    @property
    def differs(self) -> bool:
        """True if there is a difference."""
        return self.trace >= 0


_READ_BACK = ("data_read", "read_status", "io_read", "mode_read_array", "idle")
"""Events of reading back what a CFI02 device holds."""


@dataclass
class _Pair:
    """Events of one device, from both sides, that are not compared yet."""

    kinds: frozenset[str]
    result: Compared
    under_way: ReadsUnderWay = field(default_factory=ReadsUnderWay)
    recorded: pl.DataFrame = field(default_factory=EVENTS_SCHEMA.to_frame)
    live: pl.DataFrame = field(default_factory=EVENTS_SCHEMA.to_frame)


def compare_traces(
    recorded: Sequence[TraceReader],
    live: Sequence[TraceReader],
    parts: Mapping[str, Part],
    kinds: Mapping[tuple[int, str], set[str]],
    *,
    cut: bool,
) -> dict[str, Compared]:
    """Compare each trace with the real device's trace of the same accesses.

    Args:
        recorded: the traces.
        live: traces of the real device; may be fewer.
        parts: devices by their name in the trace.
        kinds: kinds of event by trace number and device.
        cut: the device was stopped early, so the rest of the last trace has no counterpart.
    """
    results = {name: Compared() for name in parts}
    for number, (one, other) in enumerate(zip(recorded, live, strict=False)):
        pairs = {
            name: _Pair(_comparable(kinds.get((number, name), set()), part), results[name])
            for name, part in parts.items()
            if not results[name].differs
        }
        _compare(number, one, other, parts, pairs)
        for name, pair in pairs.items():
            pair.result.under_way += pair.under_way.count
            if parts[name].device.is_cfi02 and not pair.recorded.height:
                pair.live = _before_read_back(pair.live)
            _compare_rest(number, pair, cut=cut and number == len(live) - 1)
    return results


def _comparable(kinds: set[str], part: Part) -> frozenset[str]:
    """Select the kinds caused by bus accesses or timers, which are compared."""
    found = kinds - _NOT_FROM_ACCESSES
    if "read" in found:
        found = (found - _BEFORE_THEIR_READ - {"read"}) | {"io_read"}
    evidence = part.device.evidence
    quiet = part.device.is_cfi02 and evidence is not None and evidence.quiet
    return frozenset(found - _RETURNS if quiet else found)


def _compare(
    number: int, one: TraceReader, other: TraceReader, parts: Mapping[str, Part], pairs: Mapping[str, _Pair]
) -> None:
    """Read both traces in step, which keeps only a few chunks in memory."""
    theirs = other.chunks(number)
    more = True
    for frame in one.chunks(number):
        for name, pair in pairs.items():
            if more or not pair.recorded.height:
                pair.recorded = pl.concat([pair.recorded, _taken(frame, name, parts[name], pair)])
        while more and any(_behind(pair) for pair in pairs.values()):
            more = _take_live(theirs, parts, pairs)
        for pair in pairs.values():
            _match(number, pair)
    while _take_live(theirs, parts, pairs):
        for pair in pairs.values():
            _match(number, pair)


def _behind(pair: _Pair) -> bool:
    """True if the device's side has fewer events."""
    return not pair.result.differs and pair.live.height < pair.recorded.height


def _take_live(theirs: Iterator[pl.DataFrame], parts: Mapping[str, Part], pairs: Mapping[str, _Pair]) -> bool:
    frame = next(theirs, None)
    if frame is None:
        return False
    for name, pair in pairs.items():
        pair.live = pl.concat([pair.live, _taken(frame, parts[name].flash.name, None, pair)])
    return True


def _taken(frame: pl.DataFrame, device: str, part: Part | None, pair: _Pair) -> pl.DataFrame:
    """Select a device's events of the compared kinds, renamed to the later event sets."""
    if pair.result.differs:
        return frame.clear()
    rows = frame.filter(pl.col("device").cast(pl.String) == device)
    evidence = part.device.evidence if part is not None else None
    if part is not None and part.device.is_cfi02:
        rows = pair.under_way.removed(rows)
    elif evidence is not None and evidence.reset_is_read_array:
        rows = rows.with_columns(reset_as_read_array(rows))
    name = pl.col("event").cast(pl.String).replace("read", "io_read")
    return rows.with_columns(name.cast(EventType).alias("event")).filter(name.is_in(sorted(pair.kinds)))


# --- one chunk ---------------------------------------------------------------------------------------------------


def _match(number: int, pair: _Pair) -> None:
    """Compare the events present on both sides, and remove them."""
    count = min(pair.recorded.height, pair.live.height)
    one, other = pair.recorded.head(count), pair.live.head(count)
    pair.recorded, pair.live = pair.recorded.slice(count), pair.live.slice(count)
    if not count or pair.result.differs:
        return
    wrong = _differences(one, other)
    equal = int(wrong.argmax()) if wrong.any() else count
    pair.result.events += equal
    reads = one.head(equal).filter((pl.col("event").cast(pl.String) == "io_read") & pl.col("value").is_not_null())
    pair.result.values += reads.height
    if equal < count:
        _note(number, pair.result, one.row(equal, named=True), other.row(equal, named=True))


def _differences(one: pl.DataFrame, other: pl.DataFrame) -> NDArray[np.bool_]:
    """Return a mask of the rows that differ in kind, or in a value present on both sides."""
    wrong = (one["event"].to_physical() != other["event"].to_physical()).to_numpy()
    for name in _FIELDS:
        wrong = wrong | (one[name] != other[name]).fill_null(value=False).to_numpy()
    return wrong


def _note(number: int, result: Compared, one: dict[str, object] | None, other: dict[str, object] | None) -> None:
    result.trace = number
    result.seq = -1 if one is None else int(str(one["seq"]))
    result.recorded = "nothing" if one is None else PREFIX + render(one)
    result.live = "nothing" if other is None else PREFIX + render(other)


def _before_read_back(live: pl.DataFrame) -> pl.DataFrame:
    """What the device logged beyond the trace, if it is more than reads.

    Reading back what a CFI02 device holds leaves events, up to the 43rd read.
    """
    of_reads = live["event"].cast(pl.String).is_in(_READ_BACK).all()
    return live.clear() if of_reads else live


def _compare_rest(number: int, pair: _Pair, *, cut: bool) -> None:
    """Report an event present on one side only, unless the device was stopped before it."""
    if pair.result.differs:
        return
    recorded, live = (next(frame.iter_rows(named=True), None) for frame in (pair.recorded, pair.live))
    if live is not None or (recorded is not None and not cut):
        _note(number, pair.result, recorded, live)
