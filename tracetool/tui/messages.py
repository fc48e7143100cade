"""Messages between the views."""

from __future__ import annotations

from textual.message import Message

__all__ = ["JumpTo"]


class JumpTo(Message):
    """Show this event of a trace."""

    def __init__(self, seq: int, trace: int = 0) -> None:
        super().__init__()
        self.seq = seq
        self.trace = trace
