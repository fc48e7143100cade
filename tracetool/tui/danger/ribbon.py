"""The ribbon: the worst toll of a power cut at each moment of the trace."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message

from tracetool.analysis.tolls import Toll
from tracetool.tui.drawing import Drawn
from tracetool.viewmodel.power_cuts import LOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events

    from tracetool.viewmodel.power_cuts import PowerCutModel

__all__ = ["TOLL_STYLES", "Ribbon"]

TOLL_STYLES: dict[Toll | None, str] = {
    Toll.NO_START: "bold $background on $error",
    Toll.ALL: "$text-error",
    Toll.SOME: "$text-warning",
    Toll.OLDER: "$text-accent",
    Toll.RECOVERED: "$text-success",
    None: "$foreground-muted",
}


class Ribbon(Drawn):
    """A character for each stretch of the trace, the selected moment below it, and a legend."""

    DEFAULT_CSS = "Ribbon { padding: 0 1; }"

    @dataclass
    class Picked(Message):
        """An event was chosen with the mouse."""

        event: tuple[int, int]

    def __init__(self) -> None:
        super().__init__()
        self._model: PowerCutModel | None = None
        self._event: tuple[int, int] | None = None

    def show(self, model: PowerCutModel | None) -> None:
        """Show a model; None clears the ribbon."""
        self._model = model
        self.redraw()

    def mark(self, event: tuple[int, int] | None) -> None:
        """Mark the moment of an event."""
        self._event = event
        self.redraw()

    def lines(self, width: int) -> Iterator[Content]:
        """Ribbon, moment, legend."""
        if self._model is None:
            return
        runs = groupby(self._model.ribbon(width))
        yield Content.assemble(*((LOOKS[toll].sign * len(list(run)), TOLL_STYLES[toll]) for toll, run in runs))
        yield self._moment(self._model, width)
        legend = [((look.sign, TOLL_STYLES[toll]), f" {look.name}  ") for toll, look in LOOKS.items()]
        yield Content.assemble(*(piece for entry in legend for piece in entry)).rstrip()

    def _moment(self, model: PowerCutModel, width: int) -> Content:
        """A mark below the moment, and its words on the side where there is room."""
        if self._event is None:
            return Content.styled("no event is selected", "$foreground-muted")
        column, words = model.column(self._event, width), model.moment_words(self._event)
        room = max(column, width - column - 1) - 1
        text = Content(words).truncate(max(room, 0), ellipsis=True)
        mark = Content.styled("▲", "bold $text-primary")
        if column <= width - column - 1:
            return Content.assemble(" " * column, mark, " ", text)
        return Content.assemble(" " * (column - 1 - text.cell_length), text, " ", mark)

    def on_click(self, event: events.Click) -> None:
        """Choose the worst commit below the pointer."""
        place, width = event.get_content_offset(self), self.content_size.width
        if self._model is not None and place is not None and place.y <= 1 and place.x < width:
            self.post_message(self.Picked(self._model.event_in(place.x, width)))
