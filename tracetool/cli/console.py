"""Console of text reports: no markup, and no control characters of a trace on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.segment import Segment

from tracetool.sanitize import sanitize_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PlainConsole"]


class PlainConsole(Console):
    """Standard output, sanitized: what is printed has names and texts of traces in it."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  those of rich
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:  # noqa: ANN401
        """Sanitized segments; their colours are kept."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(sanitize_lines(segment.text), segment.style)
