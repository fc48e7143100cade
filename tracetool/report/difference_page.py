"""What differs between two runs, as one page of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.report.difference import SIGNS, figure_pair, headline, operation_lines, side_words
from tracetool.report.formats.html import page_parts, template

if TYPE_CHECKING:
    from tracetool.difference import Difference

__all__ = ["MOST_LINES", "write_page"]

MOST_LINES = 5_000
"""Most lines of operations on a page."""


def write_page(found: Difference) -> str:
    """Render the page, with a newline at its end."""
    lines = list(operation_lines(found))
    frames = {name: frame.to_dicts() for name, frame in found.frames.items() if name != "operations"}
    return template("difference.html.jinja").render(
        **page_parts(),
        **frames,
        equal=found.equal,
        headline=headline(found),
        sides=[("A", side_words(found.a), found.a.doubts), ("B", side_words(found.b), found.b.doubts)],
        undecoded=found.undecoded,
        lines=lines[:MOST_LINES],
        lines_left=max(len(lines) - MOST_LINES, 0),
        pairs=[figure_pair(row) for row in frames["figures"]],
        change_signs=SIGNS,
        exit_code=found.exit_code,
    )
