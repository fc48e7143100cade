"""A queue of keys: each goes where the key before it moved the focus.

Textual hands a key to the widget that has the focus when the key is read. Keys that arrive together (a macro, a paste,
a slow line) would all go there, though the first of them opens a prompt.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import events
from textual.message import Message
from textual.widgets import Input

from tracetool.tui.crash import Crashing

if TYPE_CHECKING:
    from textual.message_pump import MessagePump

__all__ = ["KeyQueue"]

_ROUNDS = 4
"""Messages that follow from one another until what a key does is done: Enter in a prompt submits, closes, focuses."""

_PATIENCE = 0.2
"""Seconds between looks at whether a widget that should answer is still there."""


class KeyQueue(Crashing):
    """Base of the app: holds keys and pastes back until the key before them was handled."""

    @dataclass
    class Settled(Message):
        """Everything posted to a widget before this message has been handled, by the widget and its ancestors."""

        ticket: int
        rounds: int

    def __init__(self) -> None:
        super().__init__()
        self._held: deque[events.Key | events.Paste] = deque()
        self._ticket = 0
        self._asked: MessagePump | None = None
        self._patience: asyncio.TimerHandle | None = None

    async def on_event(self, event: events.Event) -> None:
        """Queue keys; textual passes every event to this method."""
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            self._held.append(event)
            if self._asked is None:
                await self._hand_on()
        else:
            await super().on_event(event)

    async def _hand_on(self) -> None:
        """Pass the next key to the widget that has the focus now."""
        self._asked = None
        if self._held and self.is_running:
            text = self._is_text(self._held[0])
            await super().on_event(self._held.popleft())
            while text and self._held and self._is_text(self._held[0]):
                await super().on_event(self._held.popleft())
            self._settle(_ROUNDS)

    def _is_text(self, event: events.Key | events.Paste) -> bool:
        """True for text typed into an input, which does not move the focus."""
        return isinstance(self.focused, Input) and (isinstance(event, events.Paste) or event.is_printable)

    def _settle(self, rounds: int) -> None:
        """Post a message behind the key: when it is handled, so is what the key caused."""
        if not self.screen_stack:  # the app is ending
            return
        self._ticket += 1
        self._asked = self.focused or self.screen
        self._asked.post_message(self.Settled(self._ticket, rounds))
        self._watch()

    def _end_watch(self) -> None:
        if self._patience is not None:
            self._patience.cancel()

    def _watch(self) -> None:
        self._end_watch()
        self._patience = asyncio.get_running_loop().call_later(_PATIENCE, self._look_after)

    def _look_after(self) -> None:
        """Go on without an answer if the widget that was asked is gone."""
        if self._asked is None or not self.is_running:
            return
        if self._asked.is_attached:
            self._watch()
        else:
            self._ticket += 1
            self.call_later(self._hand_on)

    def on_key_queue_settled(self, message: Settled) -> None:
        """Ask again for each round of messages, then pass on the next key."""
        if message.ticket != self._ticket:
            return
        if message.rounds > 1:
            self._settle(message.rounds - 1)
        else:
            self._end_watch()  # which would hand on one more key where the app is late to take this call
            self.call_later(self._hand_on)  # after the focus, which textual moves in the same way
