"""Text layout for a width: wrapped sentences and grids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = ["print_grid", "print_table", "print_words"]

_INDENT = 2
_GAP = 2
_LEAST_ROOM = 44
"""Least columns of the last cell; with fewer left it begins a new line."""


def print_words(console: Console, words: str | Text, *, hang: int = 0) -> None:
    """Print a sentence, wrapped at the console's width; all lines but the first are indented by `hang` columns."""
    _print_wrapped(console, Text(), _as_text(words), hang)


def print_grid(console: Console, rows: Sequence[Sequence[str | Text]], *, first_style: str = "") -> None:
    """Print rows of cells in aligned columns; the last one is wrapped in what is left of the line."""
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) + _GAP for column in range(len(rows[0]) - 1)]
    begin = _INDENT + sum(widths)
    beside = console.width - begin >= _LEAST_ROOM
    hang = begin if beside else 2 * _INDENT
    for row in rows:
        head = Text(" " * _INDENT)
        for number, (cell, width) in enumerate(zip(row[:-1], widths, strict=True)):
            head.append_text(_padded(cell, width, "" if number else first_style))
        if not beside:
            _print_line(console, head)
            head = Text(" " * hang)
        _print_wrapped(console, head, _as_text(row[-1]), hang)


def print_table(console: Console, title: str, note: str, rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a title; the last column is set to the left, the others to the right, and nothing is wrapped."""
    console.print()
    print_words(console, Text.assemble((title, "bold"), (f": {note}", "dim")))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for *numbers, name in rows:
        cells = [cell.rjust(width) for cell, width in zip(numbers, widths, strict=False)]
        console.print(Text("  ".join(["", *cells, name]).rstrip()), soft_wrap=True)


def _print_wrapped(console: Console, head: Text, words: Text, hang: int) -> None:
    first, *others = words.wrap(console, max(1, console.width - hang), overflow="fold") or [Text()]
    _print_line(console, head.append_text(first))
    for line in others:
        _print_line(console, Text(" " * hang).append_text(line))


def _print_line(console: Console, line: Text) -> None:
    line.rstrip()
    console.print(line, soft_wrap=True)


def _as_text(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)


def _padded(cell: str | Text, width: int, style: str) -> Text:
    padded = Text(style=style).append_text(_as_text(cell))
    padded.append(" " * (width - len(cell)))
    return padded
