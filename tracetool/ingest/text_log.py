"""State, tables and columns of the text scanner's kernel. Part of it (see `text_kernel`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tracetool.events import CATALOGUE
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
    """Convert named tuples of integers to a record array with the same attributes."""
    dtype = np.dtype([(name, np.int64) for name in kind._fields])
    return np.array(rows, dtype).view(np.recarray)


class Tables:
    """Event catalogue as tables; all but letters and names are `records`.

    Attributes:
        letters: concatenated literals, first `pflash_` and ftrace's marker.
        names: event names with `pflash_`, numbered as their groups, plus one.
        groups: events.
        variants: variants, group by group.
        steps: arguments, variant by variant.
        texts: values of text arguments.
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
    """Columns with a capacity of `room` rows, `count` of which are filled.

    `kinds` are positions in the catalogue, and `present` has 1 for each that occurs; `shapes` are values of `Head`,
    `devices` and `texts` numbers of interned strings, 0 for none. Dtypes are those of the frame, but `counter` is
    signed. A column that the row's event does not have is undefined.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.count = 0
        self.kinds = np.empty(room, np.uint8)
        self.present = np.zeros(len(CATALOGUE), np.uint8)
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
        """Return the filled part of a column, a view."""
        return np.asarray(getattr(self, name))[: self.count]

    def grow(self) -> None:
        """Double the capacity."""
        self.room *= 2
        for name in _COLUMNS:
            filled = self.column(name)
            column = np.empty(self.room, filled.dtype)
            column[: self.count] = filled
            setattr(self, name, column)


class Log:
    """Cursor over the lines of a log, with caches of recent values.

    Attributes:
        data: buffer.
        position: start of the next line in it.
        line: number of that line.
        last_start: start of the last row's line.
        met: number of rows by `Head`.
        spans: lines left to the parser; the first `left` are filled.
        strings: interned devices and texts.
        device: number of the last device, 0 for none.
        group: last event.
        followers: for each group, the group that last followed it.
        chosen: for each group, its last variant.
        stem: cached start of a line up to the fraction of a second; the first `stem_bytes` bytes are filled.
        stem_shape: its `Head`.
        stem_ns: its time, without the fraction.
        stem_thread: its thread.
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
