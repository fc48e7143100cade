"""The legend of the map: which values each step of the ramp stands for, and what else is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tracetool.tui.drawing import Drawn
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.flash_map import bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.style import Style

    from tracetool.tui.map.look import Swatches

__all__ = ["Legend"]


class Legend(Drawn):
    """What the cells mean, in numbers."""

    DEFAULT_CSS = "Legend { padding: 0 1; background: $surface; }"

    def __init__(self) -> None:
        super().__init__()
        self._bounds: dict[int, tuple[int, int]] = {}
        self._metric = Metric.PROGRAMS
        self._swatches: Callable[[], Swatches] | None = None

    def explain(self, most: int, metric: Metric, swatches: Callable[[], Swatches]) -> None:
        """Explain a metric whose largest value is `most`; `swatches` are asked for anew, as colours change."""
        self._bounds, self._metric, self._swatches = bounds(most, metric), metric, swatches
        self.redraw()

    def lines(self, width: int) -> Iterator[Content]:
        """The values, and what else there is."""
        if self._swatches is None:  # as high as it will be, so that cells have the same room from the beginning
            yield from (Content(""), Content(""))
            return
        levels, others = self._swatches()
        values = [
            Content.assemble(_drawn(*levels[level - 1]), f" {_range(*ends, self._metric, level)}")
            for level, ends in self._bounds.items()
        ]
        rest = [Content.assemble(_drawn(shape, style), f" {words}") for shape, style, words in others]
        rest.append(Content.styled("▲ end of file", "bold $text-error"))
        for parts in (values or [Content("nothing of that kind")], rest):
            yield Content("  ").join(parts).truncate(width, ellipsis=True)


def _drawn(shape: str, style: Style) -> Content:
    """A shape in a colour. Dim and bold go, as they do not matter in a legend."""
    colour = style.color
    return Content.styled(shape, "" if colour is None or colour.triplet is None else colour.triplet.hex)


_WHEN = {1: "first fifth of the trace", 2: "second", 3: "third", 4: "fourth", 5: "last"}


def _range(first: int, last: int, metric: Metric, level: int) -> str:
    if metric == Metric.LAST:
        return _WHEN[level]
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"
