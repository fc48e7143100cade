"""Messages between views and the app."""

from __future__ import annotations

from textual.message import Message

__all__ = ["JumpTo"]


class JumpTo(Message):
    """Someone wants to see an event: number `seq` among the pflash events of trace number `trace`, both from 0."""

    def __init__(self, seq: int, trace: int) -> None:
        super().__init__()
        self.seq = seq
        self.trace = trace
