"""Free space of the variable store over time, as a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message

from tracetool.tui.drawing import Drawn
from tracetool.viewmodel.store_room import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events

    from tracetool.viewmodel.variables import StoreModel

__all__ = ["RoomLane"]

_HEAD = "free "
_LEAST = 10
"""Columns that the lane needs."""


class RoomLane(Drawn):
    """A character for each stretch of the trace, the higher the more is free; that of the moment is marked."""

    DEFAULT_CSS = "RoomLane { height: 1; padding: 0 1; }"

    @dataclass
    class Picked(Message):
        """A moment was chosen with the mouse."""

        position: int

    def __init__(self) -> None:
        super().__init__()
        self._model: StoreModel | None = None

    def show(self, model: StoreModel) -> None:
        """Show the moment of a model."""
        self._model = model
        self.redraw()

    def _width(self, model: StoreModel, width: int) -> int:
        """Columns of the lane itself."""
        return width - len(_HEAD) - 2 - len(model.room.words)

    def lines(self, width: int) -> Iterator[Content]:
        """The lane between its name and what it holds."""
        model = self._model
        if model is None:
            return
        room, words = self._width(model, width), model.room.words
        if room < _LEAST:
            yield Content.styled(_HEAD + words, "$foreground-muted").truncate(width, ellipsis=True)
            return
        at = model.room.column(model.event, room)
        levels = [LEVELS[level] for level in model.room.levels(room)]
        yield Content.assemble(
            (_HEAD, "$foreground-muted"),
            ("".join(levels[:at]), "$text-success"),
            (levels[at], "bold $background on $primary"),
            ("".join(levels[at + 1 :]), "$text-success"),
            (f"  {words}", "$foreground-muted"),
        )

    def on_click(self, event: events.Click) -> None:
        """Choose the moment below the pointer."""
        model, place = self._model, event.get_content_offset(self)
        if model is None or place is None:
            return
        room, at = self._width(model, self.content_size.width), place.x - len(_HEAD)
        if room >= _LEAST and 0 <= at < room:
            self.post_message(self.Picked(model.room.position_in(at, room)))
