"""Messages between views and the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from tracetool.viewmodel.selection import Selection

__all__ = ["FilterTo", "JumpTo", "MomentChanged", "Pick"]


class JumpTo(Message):
    """Someone wants to see an event: number `seq` among the pflash events of trace number `trace`, both from 0."""

    def __init__(self, seq: int, trace: int) -> None:
        super().__init__()
        self.seq = seq
        self.trace = trace


class Pick(Message):
    """The map or the image selects an event for all views; the view in front stays.

    `moment`: the image shows the moment after the event already.
    """

    def __init__(self, selection: Selection, *, moment: bool = False) -> None:
        super().__init__()
        self.selection = selection
        self.moment = moment


class FilterTo(Message):
    """The timeline should show the operations that a query selects."""

    def __init__(self, query: str) -> None:
        super().__init__()
        self.query = query


class MomentChanged(Message):
    """The image shows another moment, to which a change of bytes `start` to `end` of a device led.

    The range is empty before the first change. `played` is the event, (trace, seq), up to which the trace was played;
    None if the moment was come to in another way.
    """

    def __init__(self, device: str, start: int, end: int, played: tuple[int, int] | None) -> None:
        super().__init__()
        self.device = device
        self.start = start
        self.end = end
        self.played = played
