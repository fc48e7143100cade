"""Messages of the process that reads a CTF trace, into frames and the health of the trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracetool.errors import InputError, MissingDependencyError
from tracetool.ingest.ctf_columns import Columns, EventClass
from tracetool.ingest.numbering import Numbering
from tracetool.ingest.trace_reader import FIRST_DAMAGED, Damage

if TYPE_CHECKING:
    import polars as pl

    from tracetool.ingest.babeltrace_process import BabeltraceProcess
    from tracetool.ingest.ctf_columns import Rows
    from tracetool.ingest.reader import Reader

__all__ = ["CtfReading", "raise_for"]

INSTALL = "apt-get install libbabeltrace2-0 (Debian), dnf install libbabeltrace2 (Fedora), pacman -S babeltrace2 (Arch)"


def raise_for(message: dict[str, Any], process: BabeltraceProcess, name: str) -> None:
    """Raise what a message of the process about the trace of this name says.

    Raises:
        InputError: nothing can be read.
        MissingDependencyError: there is no libbabeltrace2.
    """
    if "missing" in message:
        raise MissingDependencyError(f"{name}: CTF traces need libbabeltrace2 ({message['missing']}): {INSTALL}")
    if "unreadable" in message:
        raise InputError(
            f"{name}: babeltrace2 cannot read it: {process.explained(message['unreadable'])}; record it again"
        )
    if "failed" in message:
        raise InputError(f"{name}: cannot be read with babeltrace2: {message['failed']}")


class CtfReading:
    """One pass over a CTF trace.

    Args:
        reader: of the trace; its health is as of the block taken last, and clocks are added to its meta.
        trace: value of the column `trace`.
        size: of the streams, in bytes.

    Attributes:
        missing: parts that could not be read, a sentence each.
    """

    def __init__(self, reader: Reader, trace: int, size: int) -> None:
        self._health = reader.health
        self._meta = reader.meta
        self._options = reader.options
        self._size = size
        self._span: tuple[int, int] | None = None
        self.missing: list[str] = []
        self._columns = Columns()
        self._numbering = Numbering(trace)

    def take(self, message: dict[str, Any], process: BabeltraceProcess) -> pl.DataFrame | None:
        """Take in a message of the process; the events that came with it.

        Raises:
            InputError: nothing can be read; in strict mode, some of it cannot.
            MissingDependencyError: there is no libbabeltrace2.
        """
        raise_for(message, process, self._meta.name)
        self.missing += message.get("notes", ())
        self._span = message.get("span") or self._span
        if "broken" in message:
            why = process.explained(message["broken"])
            self.missing.append(f"it is not read on after message {self._health.lines:,}: {why}")
        return self._frame(message, process) if "slot" in message else None

    def finish(self) -> None:
        """Enter what is missing into the health, at the end of the trace.

        Raises:
            InputError: in strict mode, something is missing.
        """
        if self._options.progress:
            self._options.progress(self._size, self._size)
        if not self.missing:
            return
        self._health.truncated = "; ".join(self.missing)
        if self._options.strict:
            raise InputError(f"{self._meta.name}: {self._health.truncated}; without --strict the rest is read")

    def _frame(self, message: dict[str, Any], process: BabeltraceProcess) -> pl.DataFrame | None:
        """The events of a block; the classes, words and losses that came with it are taken in."""
        for described in message["classes"]:
            self._add_class(EventClass(**described))
        if "words" in message:
            self._columns.set_words(message["words"])
        rows = self._rows(message, process)
        self._count(message, rows)
        if rows is None:
            return None
        frame = self._numbering.apply(rows.frame)
        if self._options.progress:
            self._options.progress(self._bytes_at(frame), self._size)
        return frame

    def _rows(self, message: dict[str, Any], process: BabeltraceProcess) -> Rows | None:
        room = FIRST_DAMAGED - len(self._health.first_damaged)
        rows = self._columns.rows(process.block(message["slot"], message["rows"]), room) if message["rows"] else None
        process.free()
        return rows

    def _add_class(self, described: EventClass) -> None:
        self._columns.add_class(described)
        if described.kind >= 0:
            self._meta.clocks.add(("wall" if described.epoch else "monotonic") if described.clock else "none")
            self._meta.nameless = self._meta.nameless or described.nameless

    def _count(self, message: dict[str, Any], rows: Rows | None) -> None:
        health = self._health
        for number, row, count in message["losses"]:
            before = int(rows.understood[:row].sum()) if rows else 0
            health.lose(number, self._numbering.seq + before, count)
        if rows:
            health.first_damaged += [Damage(*damaged) for damaged in rows.damaged]
            health.damaged += rows.understood.size - rows.frame.height
            health.events += rows.frame.height
        health.lines, health.other = message["seen"], message["other"]
        health.understood = health.lines - health.other - health.damaged
        if self._options.strict and health.damaged:
            first = health.first_damaged[0]
            place = f"{self._meta.name}: message {first.number}: {first.reason}: {first.excerpt}"
            raise InputError(f"{place}; without --strict such events are counted and left out")

    def _bytes_at(self, frame: pl.DataFrame) -> int:
        """Estimate of the bytes read, from the last event's time: babeltrace2 does not report them."""
        last = frame["time_ns"].max()
        if self._span is None or not isinstance(last, int):
            return 0
        begin, end = self._span
        return self._size * min(max(last - begin, 0), end - begin) // max(end - begin, 1)
