"""Pass over a trace: runs the read loop and serves its requests."""

from __future__ import annotations

import ctypes
import time
from typing import TYPE_CHECKING, Any

from tracetool.babeltrace.classes import Classes
from tracetool.babeltrace.functions import MessageType, load
from tracetool.babeltrace.layout import WORDS, Ask
from tracetool.babeltrace.sink import Sink
from tracetool.babeltrace.state import Loop

if TYPE_CHECKING:
    from tracetool.babeltrace.blocks import Blocks
    from tracetool.babeltrace.graph import Graph
    from tracetool.babeltrace.library import Library

__all__ = ["Reading"]

SIGN_OF_LIFE = 1 << 17
NOT_YET_S = 0.01
LIVE_NOT_YET_S = 0.05
LIVE_PAUSE_S = 0.5
"""Least seconds between blocks of a session that is being recorded, which are not waited to be full."""


class Reading:
    """Pass over a trace.

    Args:
        library: the library.
        blocks: receive the rows.
        prefix, layouts: see `Classes`.
        live: more is to come when there is nothing, so rows are delivered before a block is full.

    Attributes:
        address: address of the sink function.
        begun: a message was delivered.
    """

    def __init__(
        self, library: Library, blocks: Blocks, prefix: str, layouts: dict[str, list[Any]], *, live: bool = False
    ) -> None:
        self._live, self._stopped = live, False
        self._delivered = time.monotonic()
        self.begun = False
        self._library = library
        self._blocks = blocks
        self._loop = Loop(blocks.rows)
        self._sink = Sink(library, self._loop)
        self.address = self._sink.address
        self._classes = Classes(library, self._loop, prefix, layouts)
        self._words: list[ctypes.Array[ctypes.c_char]] = []
        self._words_said = True
        self._losses: list[tuple[int, int, int]] = []
        self._loop.begin(blocks.take(), SIGN_OF_LIFE)

    def run(self, graph: Graph) -> None:
        """Read to the end.

        Raises:
            BabeltraceError: the rest is unreadable; blocks hold what came before.
        """
        answers = {
            Ask.NOTHING: self._wait,
            Ask.ROOM: self._next_block,
            Ask.CLASS: self._add_class,
            Ask.WORD: self._add_word,
            Ask.LOSS: self._count_loss,
        }
        loop = self._loop
        try:
            while not self._stopped and graph.run():
                ask, loop.ask = Ask(loop.ask), Ask.NOTHING
                answers[ask]()
        finally:
            if self._sink.raised:
                raise self._sink.raised
            self._give()

    def stop(self) -> None:
        """End at the next pause."""
        self._stopped = True

    def _wait(self) -> None:
        """Wait for more; what is there is delivered meanwhile."""
        if self._live and self._loop.row and time.monotonic() - self._delivered >= LIVE_PAUSE_S:
            self._next_block()
        time.sleep(LIVE_NOT_YET_S if self._live else NOT_YET_S)

    def _give(self) -> None:
        self.begun, self._delivered = self.begun or self._loop.seen > 0, time.monotonic()
        message: dict[str, Any] = {
            "rows": self._loop.row,
            "seen": self._loop.seen,
            "other": self._loop.other,
            "classes": self._classes.new,
            "losses": self._losses,
        }
        if not self._words_said:
            message["words"] = [word.value.decode("latin-1") for word in self._words]
        self._blocks.give(**message)
        self._classes.new = []
        self._losses = []
        self._words_said = True

    def _next_block(self) -> None:
        self._give()
        self._loop.begin(self._blocks.take(), SIGN_OF_LIFE)

    def _add_class(self) -> None:
        event = self._library.bt_message_event_borrow_event_const(load(self._loop.next))
        self._classes.add(self._loop.subject, event)

    def _add_word(self) -> None:
        if self._loop.strings.count == WORDS:
            self._next_block()
            self._classes.forget_words()
            self._words.clear()
            self._loop.strings.clear()
        # A copy whose address stays valid.
        word = ctypes.create_string_buffer(ctypes.string_at(self._loop.subject))
        self._words.append(word)
        self._loop.strings.add(ctypes.addressof(word))
        self._words_said = False

    def _count_loss(self) -> None:
        """Count a message of discarded events or packets; 0 events where it has no count."""
        library, loop = self._library, self._loop
        message, count = loop.subject, ctypes.c_uint64()
        if library.bt_message_get_type(message) == MessageType.DISCARDED_EVENTS:
            library.bt_message_discarded_events_get_count(message, ctypes.byref(count))
        library.bt_message_put_ref(message)
        loop.next += 8
        loop.seen += 1
        loop.other += 1
        self._losses.append((loop.seen, loop.row, min(count.value, 1 << 62)))
