"""A trace: how well it was read, and what each device did over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tracetool.tui.drawing import Drawn, hanging
from tracetool.viewmodel.activity_strip import OUTSIDE, draw_axis, draw_lane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.report.activity_chart import ActivityChart, Lane
    from tracetool.viewmodel.overview import BootColumn

__all__ = ["Boot"]

LABEL = 10
_STYLES = {
    "erase": "$text-accent",
    "program": "$text-primary",
    "other": "$foreground-muted",
    OUTSIDE: "bold $text-error",
}


class Boot(Drawn):
    """Shows one `BootColumn`."""

    DEFAULT_CSS = """
    Boot { padding: 0 1; border: round $foreground 30%; }
    Boot.damaged { border: round $warning; }
    """

    def __init__(self, boot: BootColumn) -> None:
        super().__init__(classes="" if boot.healthy else "damaged")
        self.boot = boot

    def lines(self, width: int) -> Iterator[Content]:
        """The trace's name and health, then a strip for each kind of operation."""
        boot = self.boot
        yield from Content.styled(f"trace {boot.number}  {boot.title}", "bold").wrap(width)
        sign, style = ("✔", "$text-success") if boot.healthy else ("▲", "$text-warning")
        yield from hanging(Content.styled(sign, style), boot.health, width, 2)
        for name, chart in boot.charts:
            yield from _strips(name, chart, width)


def _strips(name: str, chart: ActivityChart, width: int) -> Iterator[Content]:
    yield from Content.styled(name, "$foreground-muted").wrap(width)
    lanes = [lane for lane in chart.lanes if lane.kind != "other"] or list(chart.lanes)
    room = width - LABEL
    least = 10
    if room < least:
        yield from Content(chart.description).wrap(width)
        return
    for lane in lanes:
        label = lane.label if len(lane.label) < LABEL else lane.kind
        yield Content.assemble((label.ljust(LABEL), "$foreground-muted"), (draw_lane(lane, room), _STYLES[lane.kind]))
        yield from _busiest(lane, width)
    yield Content.styled(" " * LABEL + draw_axis(chart, room), "$foreground-muted")
    yield Content.styled(" " * LABEL + chart.axis[:room], "$foreground-muted")


def _busiest(lane: Lane, width: int) -> Iterator[Content]:
    """How much it is in numbers, where there is room."""
    words = f"{lane.total:,} in all" + (f", at most {lane.most}" if lane.most else "")
    if width - LABEL >= len(words):
        yield Content.styled(" " * LABEL + words, "$foreground-muted")
