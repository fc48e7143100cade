"""Messages between views and the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from tracetool.viewmodel.selection import Selection  # noqa: TC001  textual reads the annotations

if TYPE_CHECKING:
    from tracetool.viewmodel.hex_model import TornFlash


__all__ = ["Chosen", "FilterTo", "JumpTo", "MomentChanged", "ShowTorn"]


@dataclass
class JumpTo(Message):
    """Show an event in the timeline: number `seq` among the pflash events of trace number `trace`, both from 0."""

    seq: int
    trace: int


@dataclass
class Chosen(Message):
    """The user chose an event or bytes in a view, which shows them already; the other views follow.

    A selection without an event leaves the event as it is.
    """

    view: str
    selection: Selection


@dataclass
class ShowTorn(Message):
    """Show in the image what a power cut leaves of a device."""

    device: str
    torn: TornFlash


@dataclass
class FilterTo(Message):
    """Filter by a query in the slot of a chip; `to_timeline`: and show the timeline."""

    query: str
    slot: str
    to_timeline: bool = True


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
