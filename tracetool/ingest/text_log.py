"""What the kernel of the text scanner works on. Part of it: compiled where there is a compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tracetool.ingest.text_codes import LONGEST_STEM, Head, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tracetool.ingest.interning import StringTable
    from tracetool.ingest.octets import Octets
    from tracetool.ingest.text_codes import Group, Step, Text, Variant

__all__ = ["Log", "Rows", "Tables", "records"]

_COLUMNS = (
    "kinds", "shapes", "lines", "times", "threads", "devices", "texts",
    "offset", "size", "value", "cmd", "wcycle", "counter", "length", "region",
)  # fmt: skip


def records(kind: Any, rows: Sequence[Any]) -> Any:  # noqa: ANN401  a NamedTuple of integers; its instances
    """Records as an array, whose items have the attributes of the tuples."""
    dtype = np.dtype([(name, np.int64) for name in kind._fields])
    return np.array(rows, dtype).view(np.recarray)


class Tables:
    """The catalogue of events.

    Attributes:
        letters: the literals, one behind the other; the first are `pflash_` and ftrace's marker.
        names: events' names with `pflash_`; their numbers less one are those of the groups.
        groups: the events, as `records`.
        variants: what can follow their names, group by group.
        steps: the arguments, variant by variant.
        texts: what arguments that are texts can be.
    """

    def __init__(
        self,
        letters: Octets,
        names: StringTable,
        groups: Sequence[Group],
        variants: Sequence[Variant],
        steps: Sequence[Step],
        texts: Sequence[Text],
    ) -> None:
        self.letters = letters
        self.names = names
        self.groups = groups
        self.variants = variants
        self.steps = steps
        self.texts = texts


class Rows:
    """Columns with room for `room` rows, `count` of which are filled.

    `kinds` are places in the catalogue, `shapes` those of `Head`, `devices` and `texts` numbers of interned strings, 0
    for none; the numbers have the types that they have in a frame, but `counter` is signed. Where the event of a row
    does not have a column anything may stand.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.count = 0
        self.kinds = np.empty(room, np.uint8)
        self.shapes = np.empty(room, np.uint8)
        self.lines = np.empty(room, np.int64)
        self.times = np.empty(room, np.int64)
        self.threads = np.empty(room, np.uint32)
        self.devices = np.empty(room, np.uint32)
        self.texts = np.empty(room, np.uint32)
        self.offset = np.empty(room, np.int64)
        self.size = np.empty(room, np.uint8)
        self.value = np.empty(room, np.uint32)
        self.cmd = np.empty(room, np.uint8)
        self.wcycle = np.empty(room, np.uint8)
        self.counter = np.empty(room, np.int64)
        self.length = np.empty(room, np.int64)
        self.region = np.empty(room, np.int64)

    def column(self, name: str) -> NDArray[Any]:
        """The rows of a column: a view."""
        return np.asarray(getattr(self, name))[: self.count]

    def grow(self) -> None:
        """Twice the room."""
        self.room *= 2
        for name in _COLUMNS:
            filled = self.column(name)
            column = np.empty(self.room, filled.dtype)
            column[: self.count] = filled
            setattr(self, name, column)


class Log:
    """Lines that are being read, and what is known from those before.

    Attributes:
        data: the buffer.
        position: where in it the next line begins.
        line: the number of that line.
        last_start: where the line of the last row begins.
        met: rows of each `Head`.
        spans: lines that are left to the parser; `left` of them are filled.
        strings: devices and texts.
        device: the number of the last device; 0 for none.
        group: the last event.
        followers: for each group the one that followed it last.
        chosen: for each group which of its variants was met last.
        stem: what preceded the fraction of a second in a line before; the first `stem_bytes` bytes are filled.
        stem_shape: the `Head` that began so.
        stem_ns: the time it says, without the fraction.
        thread: that in the last head; of the stem where that is the same.
    """

    def __init__(self, tables: Tables, strings: StringTable, spans: int) -> None:
        self.tables = tables
        self.strings = strings
        self.spans = records(Span, [Span(0, 0, 0, 0)] * spans)
        self.left = 0
        self.data = bytearray()
        self.position = 0
        self.line = 0
        self.last_start = 0
        self.device = 0
        self.group = 0
        self.met = np.zeros(len(Head), np.int64)
        self.followers = np.zeros(len(tables.groups), np.int64)
        self.chosen = np.zeros(len(tables.groups), np.int64)
        self.stem = bytearray(LONGEST_STEM)
        self.stem_bytes = 0
        self.stem_shape = 0
        self.stem_ns = 0
        self.stem_thread = 0
