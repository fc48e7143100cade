"""What a grid shows: columns, and the cells of a window of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.browse.cells import Cell, Column

__all__ = ["RowSource"]


class RowSource(Protocol):
    """Rows from 0 on."""

    def __len__(self) -> int:
        """How many there are."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns; the last one takes what room is left."""

    def lines(self, start: int, count: int) -> Sequence[Sequence[Cell]]:
        """The cells of rows `start` to `start + count`, as far as there are any."""
