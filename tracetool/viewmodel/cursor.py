"""Where the cursor of the map goes: over cells, over folds and lines, and to what lies under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracetool.viewmodel.flash_map import MapRow
    from tracetool.viewmodel.heatmap import Drawing

__all__ = ["cell_under", "sideways", "up_or_down"]


def sideways(drawing: Drawing, cell: int, cells: int) -> int:
    """The cell so many after another (before it, where negative); a fold is one step."""
    found = min(max(cell + cells, 0), drawing.cells.count - 1)
    here, there = (drawing.rows[drawing.row_of(at)] for at in (cell, found))
    if there.kind != "fold":
        return found
    if there is not here:
        return there.first
    beside = there.last if cells > 0 else there.first - 1
    return beside if 0 <= beside < drawing.cells.count else there.first


def up_or_down(drawing: Drawing, cell: int, rows: int) -> int:
    """The cell so many rows below another (above it, where negative), over lines that hold no cells."""
    step = 1 if rows > 0 else -1
    column = _column(drawing, cell)
    for _ in range(abs(rows)):
        cell = _next_row(drawing, cell, step, column)
    return cell


def _column(drawing: Drawing, cell: int) -> int:
    row = drawing.rows[drawing.row_of(cell)]
    return (cell - row.first) % drawing.shape.columns if row.kind == "cells" else 0


def _next_row(drawing: Drawing, cell: int, step: int, column: int) -> int:
    columns = drawing.shape.columns
    at = drawing.row_of(cell)
    row = drawing.rows[at]
    if row.kind == "cells":
        deep = (cell - row.first) // columns + step
        if 0 <= deep <= _deepest(row, columns):
            return min(row.first + deep * columns + column, row.last - 1)
    at += step
    while 0 <= at < len(drawing.rows) and drawing.rows[at].kind == "extent":
        at += step
    if not 0 <= at < len(drawing.rows):
        return cell
    row = drawing.rows[at]
    if row.kind == "fold":
        return row.first
    deep = 0 if step > 0 else _deepest(row, columns)
    return min(row.first + deep * columns + column, row.last - 1)


def _deepest(row: MapRow, columns: int) -> int:
    return (row.last - 1 - row.first) // columns


def cell_under(drawing: Drawing, line: int, column: int, depth: float | None) -> int | None:
    """The cell at a column of a line, None where there is no cell.

    `depth` is how far down in the line it is, from 0 to 1. Where that is not known, it is the hottest of the cells that
    stand in the column: what somebody points at.
    """
    if not 0 <= line < len(drawing.rows) or drawing.rows[line].kind == "extent":
        return None
    row, columns = drawing.rows[line], drawing.shape.columns
    if row.kind == "fold":
        return row.first
    first = row.first + min(max(column, 0), columns - 1)
    cells = range(first, row.last, columns)
    if not cells:
        return row.last - 1
    if depth is not None:
        return cells[min(int(depth * drawing.shape.deep), len(cells) - 1)]
    return max(cells, key=lambda cell: (drawing.levels[cell], drawing.heat.touched[cell]))
