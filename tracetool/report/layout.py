"""Columns for a terminal and for a file: wrapped and coloured there, plain lines without trailing blanks here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = ["print_grid"]

_INDENT = 2
_GAP = 2


def print_grid(console: Console, rows: Sequence[Sequence[str | Text]], *, first_style: str = "") -> None:
    """Print rows of cells in aligned columns; the last column takes what is left of the line."""
    if not rows:
        return
    if console.is_terminal:
        _print_table(console, rows, first_style)
        return
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [str(cell).ljust(width + _GAP) for cell, width in zip(row[:-1], widths, strict=True)]
        line = " " * _INDENT + "".join(cells) + str(row[-1])
        console.print(Text(line.rstrip()), soft_wrap=True)


def _print_table(console: Console, rows: Sequence[Sequence[str | Text]], first_style: str) -> None:
    table = Table.grid(padding=(0, _GAP, 0, 0))
    for column in range(len(rows[0])):
        last = column == len(rows[0]) - 1
        table.add_column(style=first_style if column == 0 else "", no_wrap=not last, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(Padding(table, (0, 0, 0, _INDENT)))
