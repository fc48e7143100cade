"""Widgets drawn line by line for their width, and what views draw with.

Data goes into `Content` as plain text, never through markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.visual import Visual
from textual.widget import Widget

from tracetool.audit.verdict import Verdict
from tracetool.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from textual.css.styles import RulesMap
    from textual.geometry import Size
    from textual.strip import Strip
    from textual.style import Style
    from textual.visual import RenderOptions

__all__ = ["SEVERITY_STYLES", "VERDICT_STYLES", "Drawn", "Hanging", "Heading", "Page", "hanging"]

VERDICT_STYLES = {
    Verdict.OUTSIDE_EXTENT: "bold $text-error",
    Verdict.INCONCLUSIVE: "bold $text-warning",
    Verdict.NO_EXTENT: "bold",
    Verdict.WITHIN_EXTENT: "bold $text-success",
}
SEVERITY_STYLES = {
    Severity.ERROR: "$text-error",
    Severity.WARNING: "$text-warning",
    Severity.NOTE: "$text-primary",
}


class Drawn(Widget):
    """Widget that draws itself for every width; `lines` is what it shows."""

    DEFAULT_CSS = """
    Drawn { height: auto; width: 1fr; }
    """

    def lines(self, width: int) -> Iterable[Content]:
        """Draw for `width` columns."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw again after a change; the screen is laid out anew only where the lines became more or fewer."""
        width, height = self.content_size
        fixed = not self.styles.auto_dimensions or sum(1 for _ in self.lines(max(width, 1))) == height
        self.refresh(layout=not (fixed and self.is_on_screen))

    def render(self) -> Content:
        """Draw for the current width."""
        return Content("\n").join(self.lines(max(self.content_size.width, 1)))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Count the lines for `width` columns, before the widget has that width."""
        return sum(1 for _ in self.lines(max(width, 1)))


class Page(Drawn):
    """Widget that shows what a function draws."""

    def __init__(self, draw: Callable[[int], Iterable[Content]]) -> None:
        super().__init__()
        self._draw = draw

    def lines(self, width: int) -> Iterable[Content]:
        """Call the function."""
        return self._draw(width)


class Heading(Drawn):
    """Title of a part of a view."""

    DEFAULT_CSS = "Heading { padding: 0 1; }"

    def __init__(self, words: str = "", identifier: str | None = None) -> None:
        super().__init__(id=identifier)
        self._words = words

    def say(self, words: str) -> None:
        """Replace the words."""
        self._words = words
        self.redraw()

    def lines(self, width: int) -> Iterable[Content]:
        """Draw the words, wrapped."""
        return Content.styled(self._words, "bold").wrap(width) if self._words else ()


def hanging(head: str | Content, words: str | Content, width: int, indent: int) -> Iterator[Content]:
    """Wrap words after a head of `indent` columns, with a hanging indent.

    In a narrow width the words follow below the head.
    """
    head, words = Content(head) if isinstance(head, str) else head, Content(words) if isinstance(words, str) else words
    least = 12
    if width - indent < least:
        yield from (line.rstrip() for line in head.wrap(width))
        yield from (line.rstrip() for line in words.wrap(width))
        return
    for number, line in enumerate(words.wrap(width - indent)):
        start = head.truncate(indent, ellipsis=True) if number == 0 else Content("")
        yield Content.assemble(start.pad_right(indent - start.cell_length), line.rstrip())


class Hanging(Visual):
    """Words after a head, wrapped with a hanging indent in whatever width a list has."""

    def __init__(self, head: Content, words: Content) -> None:
        self.head = head
        self.words = words

    def _wrapped(self, width: int) -> Content:
        return Content("\n").join(hanging(self.head, self.words, width, self.head.cell_length))

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        """Draw for `width` columns."""
        return self._wrapped(width).render_strips(width, height, style, options)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:  # noqa: ARG002
        """Columns of one line."""
        return self.head.cell_length + self.words.cell_length

    def get_height(self, rules: RulesMap, width: int) -> int:  # noqa: ARG002
        """Count the lines."""
        return len(self._wrapped(width).split("\n"))
