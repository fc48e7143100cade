"""The metrics of the map as tabs, and what is shown in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message

from tracetool.tui.drawing import Drawn
from tracetool.viewmodel.bins import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual import events

__all__ = ["MetricTabs"]


class MetricTabs(Drawn):
    """A line: device, metrics to choose from, then words; a click chooses a metric."""

    DEFAULT_CSS = "MetricTabs { height: 1; padding: 0 1; background: $panel; }"

    @dataclass
    class Chosen(Message):
        """A metric was clicked."""

        metric: Metric

    def __init__(self) -> None:
        super().__init__()
        self._device = "reading the trace…"
        self._metrics: Sequence[Metric] = ()
        self._metric = Metric.PROGRAMS
        self._words = ""

    def say(self, words: str) -> None:
        """Show words alone."""
        self._device, self._metrics, self._words = words, (), ""
        self.refresh()

    def show(self, device: str, metrics: Sequence[Metric], metric: Metric, words: str) -> None:
        """Show a device and its metric among those to choose from."""
        self._device, self._metrics, self._metric, self._words = device, metrics, metric, words
        self.refresh()

    def lines(self, width: int) -> Iterator[Content]:
        """The line."""
        pieces: list[tuple[str, str]] = [(self._device, "bold")]
        for metric in self._metrics:
            style = "bold $background on $primary" if metric is self._metric else "$foreground-muted"
            pieces.append((f" {metric.value} ", style))
        words = f" {self._words}" if self._words else ""
        yield Content.assemble(*pieces, words).truncate(width, ellipsis=True)

    def on_click(self, event: events.Click) -> None:
        """Choose the metric under the pointer."""
        place = event.get_content_offset(self)
        at = Content(self._device).cell_length
        for metric in self._metrics:
            end = at + len(metric.value) + 2
            if place is not None and at <= place.x < end:
                self.post_message(self.Chosen(metric))
                return
            at = end
