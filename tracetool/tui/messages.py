"""Messages between views and the app, and the selection that they share."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

__all__ = ["FilterTo", "JumpTo", "MomentChanged", "Pick", "Selection"]


@dataclass(frozen=True)
class Selection:
    """The device and event that all views show; what is None is not selected."""

    device: str | None = None
    trace: int = 0
    seq: int | None = None


@dataclass
class JumpTo(Message):
    """Show an event in the timeline: number `seq` among the pflash events of trace number `trace`, both from 0."""

    seq: int
    trace: int


@dataclass
class Pick(Message):
    """Select an event of the map or the image in all views; the view in front stays.

    `moment`: the image shows the moment after the event already.
    """

    selection: Selection
    moment: bool = False


@dataclass
class FilterTo(Message):
    """Filter the timeline by a query."""

    query: str


@dataclass
class MomentChanged(Message):
    """The image shows another moment, made by a change of bytes `start` to `end` of a device.

    The range is empty before the first change. `played` is the event, (trace, seq), up to which the trace was played;
    None if the moment was not reached by playback.
    """

    device: str
    start: int
    end: int
    played: tuple[int, int] | None
