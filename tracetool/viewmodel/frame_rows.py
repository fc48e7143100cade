"""A frame as the rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tracetool.viewmodel.cells import Cell, Column

__all__ = ["FrameColumn", "FrameRows"]


class FrameColumn(NamedTuple):
    """A column of a table: how its cells are made of a row, and the column of the frame by which it is sorted."""

    column: Column
    cell: Callable[[dict[str, Any]], Cell]
    key: str


@dataclass(frozen=True)
class FrameRows:
    """Rows of a frame; of those in sight alone cells are made."""

    frame: pl.DataFrame
    made: tuple[FrameColumn, ...]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns."""
        return tuple(made.column for made in self.made)

    def lines(self, start: int, count: int) -> list[list[Cell]]:
        """The cells of rows `start` to `start + count`, as far as there are any."""
        return self._cells(self.frame[start : start + count])

    def gather(self, rows: Sequence[int]) -> list[list[Cell]]:
        """The cells of these rows."""
        return self._cells(self.frame[list(rows)])

    def _cells(self, frame: pl.DataFrame) -> list[list[Cell]]:
        return [[made.cell(row) for made in self.made] for row in frame.iter_rows(named=True)]

    def order(self, column: str, *, descending: bool) -> NDArray[np.int64] | None:
        """Rows (int64) sorted by a column; equal ones keep their order, null is last."""
        key = next((made.key for made in self.made if made.column.id == column), None)
        if key is None:
            return None
        values = pl.col(key).cast(pl.String) if isinstance(self.frame[key].dtype, pl.Categorical) else pl.col(key)
        ordered = self.frame.with_row_index("at").sort(
            values, descending=descending, nulls_last=True, maintain_order=True
        )
        return ordered["at"].cast(pl.Int64).to_numpy()
