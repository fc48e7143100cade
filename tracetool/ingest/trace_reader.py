"""The interface of readers: frames of events, `TraceMeta` about the trace, `Health` about its damage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from tracetool.ingest.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import polars as pl

    from tracetool.runs.directory import RunDirectory

__all__ = [
    "COUNTS",
    "Clock",
    "Damage",
    "Health",
    "HostWriteFailure",
    "LineReader",
    "LostPlace",
    "ReaderOver",
    "Shape",
    "TraceMeta",
    "TraceReader",
]

Shape = Literal["bare", "pid@time", "iso8601", "systemtap", "syslog", "ftrace"]
Clock = Literal["wall", "monotonic", "boot-relative", "none", "mixed"]

FIRST_DAMAGED = 5
PLACES = 1000


@dataclass(frozen=True, slots=True)
class Damage:
    """A line (or record, ...; see `TraceMeta.unit`) that was not understood, or not all of it.

    Attributes:
        number: which line, 1-based.
        reason: why, in words; of a binary trace with the byte it begins at.
        excerpt: the line, printable, at most 120 characters.
    """

    number: int
    reason: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class LostPlace:
    """A place where the source itself reports lost events.

    Attributes:
        number: the line, record or message that reports it, 1-based.
        seq: number of the next event that was not lost.
        count: how many; 0 if the source does not say.
    """

    number: int
    seq: int
    count: int


@dataclass(frozen=True, slots=True)
class HostWriteFailure:
    """QEMU could not write the image file: from here on it differs from what the guest sees.

    Attributes:
        number: which line, 1-based.
        seq: number of the next event.
        text: QEMU's message, printable, at most 120 characters.
    """

    number: int
    seq: int
    text: str


@dataclass(slots=True)
class Health:
    """Counts of what was read and of damage; `understood + other + damaged == lines`.

    What is called a line here is a record, a message or a row in other formats; see `TraceMeta.unit`.

    Attributes:
        lines: lines seen.
        understood: lines with events.
        other: lines that belong to something else.
        damaged: lines not understood, and lines that hold the pieces of several (their last event counts).
        events: pflash events delivered.
        first_damaged: the first five of them.
        lost: events the source reports as lost.
        lost_places: the first thousand places where it does.
        host_write_failures: the first thousand of them.
        starts: events before which libvirt's log reports a start of QEMU, the last thousand.
        truncated: what is wrong with the compressed stream and where; None if it was read to its end.
        unterminated: the last line has no newline.
    """

    lines: int = 0
    understood: int = 0
    other: int = 0
    damaged: int = 0
    events: int = 0
    first_damaged: list[Damage] = field(default_factory=list)
    lost: int = 0
    lost_places: list[LostPlace] = field(default_factory=list)
    host_write_failures: list[HostWriteFailure] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    truncated: str | None = None
    unterminated: bool = False

    def copy(self) -> Health:
        """A copy that stays as it is while reading goes on."""
        return replace(
            self,
            first_damaged=[*self.first_damaged],
            lost_places=[*self.lost_places],
            host_write_failures=[*self.host_write_failures],
            starts=[*self.starts],
        )

    def damage(self, number: int, reason: str, excerpt: str) -> None:
        """Count one that was not understood; see `Damage`."""
        self.damaged += 1
        if len(self.first_damaged) < FIRST_DAMAGED:
            self.first_damaged.append(Damage(number, reason, excerpt))

    def lose(self, number: int, seq: int, count: int) -> None:
        """Count events that the source lost; see `LostPlace`."""
        self.lost += count
        if len(self.lost_places) < PLACES:
            self.lost_places.append(LostPlace(number, seq, count))


COUNTS = tuple(field.name for field in fields(Health) if field.type == "int")
"""Names of the fields that are numbers."""


@dataclass(slots=True)
class TraceMeta:
    """Facts about a trace: from its first 64 KiB when opened, complete once it has been read.

    Attributes:
        path: as given; "-" for standard input.
        name: for messages.
        format: name of its format.
        reason: how it was recognised, in words.
        compression: "gzip", "xz", "zstd" or None.
        shapes: events by the shape of their lines, in text.
        nameless: some events have no device name (QEMU before 6.0).
        run: the run directory that it is from.
    """

    path: str
    name: str
    format: str = "text"
    reason: str = ""
    compression: str | None = None
    shapes: Counter[Shape] = field(default_factory=Counter)
    nameless: bool = False
    clocks: set[Clock] = field(default_factory=set)
    run: RunDirectory | None = None

    def add(self, shapes: Counter[Shape], clocks: Collection[Clock], *, nameless: bool) -> None:
        """Add the shapes and clocks of some events."""
        self.shapes.update(shapes)
        self.clocks.update(clocks)
        self.nameless = self.nameless or nameless

    @property
    def unit(self) -> str:
        """Unit that `Health` counts: line, record, message or row."""
        return FORMATS[self.format].unit

    @property
    def clock(self) -> Clock:
        """Epoch of `time_ns`, in the rows that have a time.

        `wall`: the Unix epoch; `boot-relative` and `monotonic`: the host's start, the latter without the time asleep.
        """
        timed = self.clocks - {"none"}
        return "none" if not timed else timed.copy().pop() if len(timed) == 1 else "mixed"


class TraceReader(Protocol):
    """A trace that was recognised and can be read."""

    @property
    def meta(self) -> TraceMeta:
        """Facts about the trace."""

    @property
    def health(self) -> Health:
        """Counts and damage, as of the last chunk."""

    @property
    def rereadable(self) -> bool:
        """True if `chunks` can be called more than once."""

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning: frames of `EVENTS_SCHEMA`, none of them empty.

        Args:
            trace: value of the column `trace`.

        Raises:
            InputError: on the first damaged line, in strict mode; on a second call for a stream.
        """


class ReaderOver:
    """Base class of readers that wrap another one; see `TraceReader`."""

    def __init__(self, inner: TraceReader) -> None:
        self._inner = inner

    @property
    def meta(self) -> TraceMeta:
        """Facts about the trace."""
        return self._inner.meta

    @property
    def health(self) -> Health:
        """Counts and damage, as of the last chunk."""
        return self._inner.health

    @property
    def rereadable(self) -> bool:
        """True if `chunks` can be called more than once."""
        return self._inner.rereadable


@runtime_checkable
class LineReader(Protocol):
    """A reader whose events stand in lines of text."""

    def lines_of(self, seqs: Collection[int]) -> dict[int, int]:
        """Line numbers (1-based, in the unpacked text) of these events, as far as read and known.

        Logs that are mostly something else have events whose line is not kept.
        """
