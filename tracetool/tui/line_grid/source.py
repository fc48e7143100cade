"""What a grid shows: columns, and the cells of a window of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.browse.cells import Cell, Column

__all__ = ["Pages", "RowSource"]

PAGE = 128
"""Rows that are made at a time."""

KEPT = 8
"""Pages that are kept."""


class RowSource(Protocol):
    """Rows from 0 on."""

    def __len__(self) -> int:
        """How many there are."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns; the last one takes what room is left."""

    def lines(self, start: int, count: int) -> Sequence[Sequence[Cell]]:
        """The cells of rows `start` to `start + count`, as far as there are any."""


class Pages:
    """The rows of a source, some pages of them at hand."""

    def __init__(self, source: RowSource) -> None:
        self.source = source
        self._pages: dict[int, Sequence[Sequence[Cell]]] = {}

    def line(self, row: int) -> Sequence[Cell]:
        """The cells of a row."""
        number, at = divmod(row, PAGE)
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = self.source.lines(number * PAGE, PAGE)
            for old in list(self._pages)[:-KEPT]:
                del self._pages[old]
        return page[at]
