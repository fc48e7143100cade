"""The console of text reports: what is printed is not markup, and nothing of it reaches a terminal as a control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.segment import Segment

from tracetool.sanitize import sanitize_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PlainConsole"]


class PlainConsole(Console):
    """Standard output. Names and texts of traces stand in what is printed, so all of it is made harmless here."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  those of rich
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:  # noqa: ANN401
        """Segments of what is printed; colours are apart from their text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(sanitize_lines(segment.text), segment.style)
