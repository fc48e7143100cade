"""The columns a query may speak of, table by table. Data; the rest of the package knows no column by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from tracetool.events import EVENT_NAMES
from tracetool.timeline.code import modules_in
from tracetool.timeline.operations import INTENTS, KINDS, OUTCOMES, PARTS

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

__all__ = ["BLOCKS", "EVENTS", "FINDINGS", "OPERATIONS", "VOCABULARIES", "Column", "Type", "Vocabulary"]


class Type(Enum):
    """Type of a column, which decides how its values are written; the value is the type's name in messages."""

    COUNT = "a number"
    BITS = "a bit pattern"
    OFFSET = "an offset"
    SIZE = "a size"
    TIME = "a time"
    """Nanoseconds as recorded; a bare number is nanoseconds."""
    DURATION = "a duration"
    """Nanoseconds, written with a unit."""
    ELAPSED = "a time since the start"
    """Computed from recorded nanoseconds and the trace; the traces' starts are known when the query is compiled."""
    SPAN = "a range of numbers"
    """First and last of a range of numbers: a comparison holds if it holds for one number in it."""
    BYTES = "a range of bytes"
    """Bytes from an offset on: a comparison holds if it holds for one of them."""
    ENUM = "a name"
    TEXT = "a text"
    NAMES = "names"
    """A list of texts: a comparison holds if it holds for one of them."""
    BOOL = "true or false"


_EQUALITY = ("==", "!=")
_ORDER = ("<", "<=", ">", ">=")
_MATCH = ("~", "!~")
_MASKED = (Type.COUNT, Type.BITS, Type.OFFSET, Type.SIZE)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: its name in a query, and in canonical form.
        type: what it holds.
        help: one line on what it means, with its unit.
        aliases: other names for it.
        values: an enum's names, in order; of a text column, those worth offering.
        ordered: the names of the enum can be compared with `<`.
        sources: the columns of the frame it is computed from, if not the one of its name: a `SPAN` has its first and
            its last number there, then the trace of each where these can differ; an `ELAPSED` the recorded time and
            the trace; `BYTES` the first byte and their number, or several of which the first known one counts, and one
            byte where none is; anything else is the sum.
        names_in: makes the names of a `NAMES` column of its source, where that is a text.
    """

    name: str
    type: Type
    help: str
    aliases: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    ordered: bool = False
    sources: tuple[str, ...] = ()
    names_in: Callable[[pl.Expr], pl.Expr] | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the frame it is computed from."""
        return self.sources or (self.name,)

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators that apply to it."""
        match self.type:
            case Type.BOOL:
                return (*_EQUALITY, "is")
            case Type.TEXT | Type.NAMES:
                return (*_EQUALITY, *_MATCH, "in", "is")
            case Type.ENUM:
                return (*_EQUALITY, *(_ORDER if self.ordered else ()), *_MATCH, "in", "is")
            case _:
                return (*_EQUALITY, *_ORDER, "in", "is", *(("&",) if self.type in _MASKED else ()))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The columns of one table.

    Attributes:
        name: the table's, in the plural: `events`.
        columns: in the order in which they are offered.
        instead: names people expect here and the column that has what they mean.
    """

    name: str
    columns: tuple[Column, ...]
    instead: tuple[tuple[str, str], ...] = ()

    def column(self, name: str) -> Column | None:
        """The column of that name or alias."""
        return next((column for column in self.columns if name == column.name or name in column.aliases), None)

    def offering(self, **values: tuple[str, ...]) -> Vocabulary:
        """The vocabulary with values to offer for text columns, such as the devices of a trace."""
        columns = (replace(c, values=values[c.name]) if c.name in values else c for c in self.columns)
        return replace(self, columns=tuple(columns))


_TRACE = Column("trace", Type.COUNT, "number of the trace, from 0, where several are read")
_BOOT = Column("boot", Type.COUNT, "which boot, from 0: each begins with a reset of all devices")
_DEVICE = Column("device", Type.TEXT, "the flash, as the trace names it: virt.flash1")
_SPAN = Column(
    "seq", Type.SPAN, "numbers of its events: holds if it does for one of them", sources=("first_seq", "last_seq")
)
_FIRST_SEQ = Column("first_seq", Type.COUNT, "number of its first event", aliases=("first",))
_LAST_SEQ = Column("last_seq", Type.COUNT, "number of its last event", aliases=("last",))
_TIME_NS = Column("time_ns", Type.TIME, "time as recorded, in nanoseconds")
_T = Column(
    "t", Type.ELAPSED, "time since the first event of its trace", aliases=("time",), sources=("time_ns", "trace")
)
_END = Column("end", Type.OFFSET, "offset + length: the first byte after it", sources=("offset", "length"))
_TOUCHES = Column(
    "touches",
    Type.BYTES,
    "its bytes, 0x100000..0x100080: holds if it does for one of them",
    sources=("offset", "length"),
)
SEVERITIES = ("note", "warning", "error")
_OF_OPERATIONS = (
    Column("variable", Type.NAMES, "UEFI variables that its operation touched", aliases=("var",)),
    Column("intent", Type.ENUM, "what its operation did to the variable store", values=INTENTS),
    Column("part", Type.ENUM, "the first part of the variables' flash that its operation touched", values=PARTS),
    Column("by", Type.TEXT, "the module of the guest that asked for its operation"),
    Column(
        "module",
        Type.NAMES,
        "the modules in the chain of callers of its operation",
        sources=("chain",),
        names_in=modules_in,
    ),
    Column("chain", Type.TEXT, "the chain of callers of its operation, innermost first: module+offset < …"),
    Column("pc", Type.BITS, "program counter of the first access of its operation"),
    Column("finding", Type.BOOL, "whether a finding speaks of its operation"),
    Column("severity", Type.ENUM, "how bad the worst finding of its operation is", values=SEVERITIES, ordered=True),
    Column("rule", Type.NAMES, "rules that speak of its operation: EXT001"),
)

EVENTS = Vocabulary(
    "events",
    (
        _TRACE,
        _BOOT,
        Column("seq", Type.COUNT, "number of the event, from 0, among the pflash events of its trace"),
        _TIME_NS,
        _T,
        Column("thread", Type.COUNT, "process or thread, as the source has it"),
        Column("event", Type.ENUM, "which event, without pflash_", values=EVENT_NAMES),
        _DEVICE,
        Column("process", Type.COUNT, "process of QEMU, where the format names it"),
        Column("offset", Type.OFFSET, "first byte, in the device"),
        Column("size", Type.SIZE, "bytes of one access: 1, 2, 4 or 8"),
        Column("value", Type.BITS, "value read, written or reported", aliases=("val",)),
        Column("cmd", Type.BITS, "command the device was in"),
        Column("wcycle", Type.COUNT, "write cycle the device was in"),
        Column("counter", Type.BITS, "bytes left of a buffered write, as logged"),
        Column("length", Type.SIZE, "bytes erased"),
        replace(_TOUCHES, sources=("offset", "length", "size")),
        Column("region", Type.SIZE, "bytes of the device, where it says so"),
        Column("text", Type.TEXT, "words the event carries"),
        *_OF_OPERATIONS,
    ),
    instead=(("op", "event"), ("kind", "event"), ("first_seq", "seq"), ("last_seq", "seq")),
)
"""The canonical events; every column of `EVENTS_SCHEMA`, `OF_OPERATIONS` and `FOUND`."""

OPERATIONS = Vocabulary(
    "operations",
    (
        _TRACE,
        _BOOT,
        _DEVICE,
        Column("kind", Type.ENUM, "which flash operation", aliases=("op", "operation"), values=KINDS),
        _SPAN,
        _FIRST_SEQ,
        _LAST_SEQ,
        _TIME_NS,
        _T,
        Column("duration_ns", Type.DURATION, "time from its first to its last event", aliases=("duration",)),
        Column("offset", Type.OFFSET, "first byte it addresses, in the device"),
        Column("length", Type.SIZE, "bytes it addresses"),
        _END,
        _TOUCHES,
        Column("block", Type.COUNT, "number of the erase block that it begins in, from 0"),
        Column("command_offset", Type.OFFSET, "where its first access went, the command", aliases=("command",)),
        Column("bytes_changed", Type.SIZE, "bytes that differ after it", aliases=("changed",)),
        Column("bits_set_without_erase", Type.COUNT, "bits it took from 0 to 1, which only an erase can on a chip"),
        Column("outcome", Type.ENUM, "how it ended", values=OUTCOMES),
        Column("status", Type.BITS, "status register after it"),
        Column("accesses", Type.COUNT, "accesses it took"),
        *(replace(column, help=column.help.replace("its operation", "it")) for column in _OF_OPERATIONS),
    ),
    instead=(("event", "kind"), ("size", "length")),
)
"""The timeline: one row a flash operation."""

BLOCKS = Vocabulary(
    "blocks",
    (
        _DEVICE,
        Column("block", Type.COUNT, "number of the erase block, from 0"),
        Column("offset", Type.OFFSET, "its first byte, in the device"),
        Column("length", Type.SIZE, "its bytes"),
        _END,
        _TOUCHES,
        Column("erases", Type.COUNT, "erases that were done"),
        Column("programs", Type.COUNT, "programs that were done"),
        Column("refused", Type.COUNT, "programs and erases that were refused or given up"),
        Column("bytes_programmed", Type.SIZE, "bytes programmed", aliases=("programmed",)),
        Column("bytes_changed", Type.SIZE, "bytes that programs and erases changed", aliases=("changed",)),
        Column("first_trace", Type.COUNT, "number of the trace of its first use, from 0"),
        replace(_FIRST_SEQ, help="number of the first event of its first use, in that trace"),
        Column("last_trace", Type.COUNT, "number of the trace of its last use"),
        replace(_LAST_SEQ, help="number of the last event of its last use, in that trace"),
        Column("outside", Type.BOOL, "whether it lies beyond the extent"),
    ),
    instead=(("size", "length"), ("trace", "first_trace")),
)
"""The erase blocks: one row a block that was written."""

FINDINGS = Vocabulary(
    "findings",
    (
        Column("rule", Type.TEXT, "identifier of the rule: EXT001"),
        Column("severity", Type.ENUM, "how bad it is", values=SEVERITIES, ordered=True),
        _DEVICE,
        Column("trace", Type.COUNT, "number of the trace of its first event, from 0"),
        Column("last_trace", Type.COUNT, "number of the trace of its last event"),
        Column("offset", Type.OFFSET, "first byte concerned, in the device"),
        Column("length", Type.SIZE, "bytes concerned"),
        _END,
        _TOUCHES,
        replace(_SPAN, sources=(*_SPAN.sources, "trace", "last_trace")),
        _FIRST_SEQ,
        _LAST_SEQ,
        Column("count", Type.COUNT, "how often it happened"),
        Column("message", Type.TEXT, "what was found", aliases=("what",)),
    ),
    instead=(("text", "message"), ("id", "rule"), ("size", "length")),
)
"""The findings: one row a finding."""

VOCABULARIES = (EVENTS, OPERATIONS, BLOCKS, FINDINGS)
