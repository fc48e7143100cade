"""Column of a trace: how well it was read, and what each device did over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tracetool.audit.activity import Group
from tracetool.report.activity import axis_words, description, most_words, ticks
from tracetool.tui.drawing import Drawn, hanging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.audit.activity import Lane, TraceActivity
    from tracetool.viewmodel.overview import BootColumn

__all__ = ["Boot", "draw_axis", "draw_lane"]

LABEL = 10
LEAST = 10
"""Columns that a lane needs."""

LEVELS = " ▁▂▃▄▅▆▇█"
"""Characters by number of operations; the first is for none."""

_LABELS = {Group.ERASES: "erases", Group.PROGRAMS: "programs", Group.OTHER: "other", Group.OUTSIDE: "outside"}
_STYLES = {
    Group.ERASES: "$text-accent",
    Group.PROGRAMS: "$text-primary",
    Group.OTHER: "$foreground-muted",
    Group.OUTSIDE: "bold $text-error",
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

    def show(self, boot: BootColumn) -> None:
        """Show another trace."""
        self.boot = boot
        self.set_classes("" if boot.healthy else "damaged")
        self.redraw()

    def lines(self, width: int) -> Iterator[Content]:
        """Draw the trace's name and health, then a lane for each group of operations."""
        boot = self.boot
        yield from Content.styled(f"trace {boot.number}  {boot.title}", "bold").wrap(width)
        sign, style = ("✔", "$text-success") if boot.healthy else ("▲", "$text-warning")
        yield from hanging(Content.styled(sign, style), boot.health, width, 2)
        for name, chart in boot.charts:
            yield from _strips(name, chart, width)


def _strips(name: str, chart: TraceActivity, width: int) -> Iterator[Content]:
    yield from Content.styled(name, "$foreground-muted").wrap(width)
    room = width - LABEL
    if room < LEAST:
        yield from Content(description(chart)).wrap(width)
        return
    for lane in [lane for lane in chart.lanes if lane.group != Group.OTHER] or chart.lanes:
        label = (_LABELS[lane.group].ljust(LABEL), "$foreground-muted")
        yield Content.assemble(label, (draw_lane(chart, lane, room), _STYLES[lane.group]))
        most = "" if lane.group == Group.OUTSIDE else f", at most {most_words(chart, lane)}"
        words = f"{lane.total:,} in all{most}"
        if room >= len(words):
            yield Content.styled(" " * LABEL + words, "$foreground-muted")
    for line in (draw_axis(chart, room), axis_words(chart)[:room]):
        yield Content.styled(" " * LABEL + line, "$foreground-muted")


def draw_lane(chart: TraceActivity, lane: Lane, width: int) -> str:
    """Draw a lane in `width` characters; each shows the fullest bin in it, against the fullest of the lane.

    Operations beyond the extent are marked, however many there are.
    """
    counts = [0] * width
    for found in lane.bins:
        first = min((found.start - chart.start) * width // chart.span, width - 1)
        last = max(first + 1, round((found.end - chart.start) * width / chart.span))
        for at in range(first, min(last, width)):
            counts[at] = max(counts[at], found.operations)
    if lane.group == Group.OUTSIDE:
        return "".join("✖" if count else " " for count in counts)
    return "".join(LEVELS[-(-count * (len(LEVELS) - 1) // lane.most)] for count in counts)


def draw_axis(chart: TraceActivity, width: int) -> str:
    """Draw the ticks under a lane of `width` characters; those that would touch the one before are left out."""
    line = ""
    for position, label in ticks(chart):
        at = round((position - chart.start) * width / chart.span)
        if at + len(label) <= width and (not line or at > len(line) + 1):
            line = line.ljust(at) + label
    return line
