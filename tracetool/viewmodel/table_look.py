"""Look of a table: what it is sorted by, hidden columns, and widths; the order of rows by the texts of their cells."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from tracetool.viewmodel.cells import Column

__all__ = ["ColumnWidth", "TableLook", "order_of_texts", "text_key"]

NARROWEST, WIDEST = 2, 200


@dataclass(frozen=True)
class ColumnWidth:
    """Width of a column in characters."""

    column: str
    width: int


@dataclass(frozen=True)
class TableLook:
    """How a table is shown; columns are named by their ids.

    Attributes:
        sorted_by: column, empty for the order of the source.
        descending: its direction.
        hidden: columns that are not shown.
        widths: of the columns that are not as wide as in the source.
    """

    sorted_by: str = ""
    descending: bool = False
    hidden: tuple[str, ...] = ()
    widths: tuple[ColumnWidth, ...] = ()

    def sorted_next(self, column: str) -> TableLook:
        """Sort by a column; if it is sorted by it, the other way round, and then no more."""
        if self.sorted_by != column:
            return replace(self, sorted_by=column, descending=False)
        if not self.descending:
            return replace(self, descending=True)
        return replace(self, sorted_by="", descending=False)

    def toggled(self, column: str) -> TableLook:
        """Hide a column, or show it again."""
        others = tuple(name for name in self.hidden if name != column)
        return replace(self, hidden=others if column in self.hidden else (*others, column))

    def resized(self, column: str, width: int) -> TableLook:
        """Give a column another width, in characters."""
        others = tuple(entry for entry in self.widths if entry.column != column)
        return replace(self, widths=(*others, ColumnWidth(column, min(max(width, NARROWEST), WIDEST))))

    def width(self, column: Column) -> int:
        """Width of a column."""
        return next((entry.width for entry in self.widths if entry.column == column.id), column.width)

    def shown(self, columns: Sequence[Column]) -> list[int]:
        """Indexes of the columns that are shown; all of them if none would be left."""
        left = [at for at, column in enumerate(columns) if column.id not in self.hidden]
        return left or list(range(len(columns)))

    def laid_out(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """The columns that are shown, in their widths, the sorted one with a sign."""
        return tuple(
            replace(columns[at], title=self._title(columns[at]), width=self.width(columns[at]))
            for at in self.shown(columns)
        )

    def _title(self, column: Column) -> str:
        if column.id != self.sorted_by:
            return column.title
        return f"{column.title[: max(self.width(column) - 1, 0)]}{'▼' if self.descending else '▲'}"


# --- order of texts ----------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"[~×]?\s*(-?\d[\d,]*(?:\.\d+)?)\s*([A-Za-zµ]+)?")  # noqa: RUF001  a multiplication sign
_EMPTY = 2
_HEX = re.compile(r"0x([0-9a-fA-F]{1,16})")
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "min": 60.0}


def text_key(text: str) -> tuple[int, float, str]:
    """Sort key of a cell: numbers with their unit before words, empty cells last."""
    text = text.strip()
    if not text:
        return _EMPTY, 0.0, ""
    if found := _HEX.match(text):
        return 0, float(int(found[1], 16)), text
    if found := _NUMBER.match(text):
        return 0, float(found[1].replace(",", "")) * _UNITS.get(found[2] or "", 1), text
    return 1, 0.0, text.casefold()


def order_of_texts(texts: Iterable[str], *, descending: bool) -> NDArray[np.int64]:
    """Rows (int64) in the order of their texts; equal ones keep theirs, empty ones are last."""
    keys = [text_key(text) for text in texts]
    empty = [row for row, key in enumerate(keys) if key[0] == _EMPTY]
    filled = [row for row, key in enumerate(keys) if key[0] != _EMPTY]
    filled.sort(key=lambda row: keys[row], reverse=descending)
    return np.array([*filled, *empty], np.int64)
