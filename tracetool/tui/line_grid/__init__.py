"""A table of any number of rows, of which only those are made that are seen."""

from tracetool.tui.line_grid.grid import LineGrid, RowSource

__all__ = ["LineGrid", "RowSource"]
