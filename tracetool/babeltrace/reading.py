"""One pass over a trace: the loop is run, and given what it stops for."""

from __future__ import annotations

import ctypes
import time
from typing import TYPE_CHECKING, Any

from tracetool.babeltrace.classes import Classes, word_at
from tracetool.babeltrace.layout import (
    ARRAY,
    ASK,
    ASK_CLASS,
    ASK_LOSS,
    ASK_NOTHING,
    ASK_ROOM,
    ASK_WORD,
    BLOCK,
    BREAK,
    NEXT,
    OTHER,
    ROW,
    ROWS,
    SEEN,
    SELF,
    STATE_WORDS,
    SUBJECT,
    WORD_COUNT,
    WORDS,
    WORDS_AT,
)
from tracetool.babeltrace.plain import Plain

if TYPE_CHECKING:
    from tracetool.babeltrace.blocks import Blocks
    from tracetool.babeltrace.compiled import Compiled
    from tracetool.babeltrace.graph import Graph
    from tracetool.babeltrace.library import Library

__all__ = ["Reading"]

SIGN_OF_LIFE = 1 << 17
NOT_YET_S = 0.01
PACKETS = 64


class Reading:
    """The state of a pass.

    Args:
        library: the library.
        loop: the read loop, in either form.
        blocks: where the rows go.
        layouts: see `Classes`.

    Attributes:
        address: of the state, the user data of the sink.
    """

    def __init__(self, library: Library, loop: Plain | Compiled, blocks: Blocks, layouts: dict[str, list[Any]]) -> None:
        self._library = library
        self._loop = loop
        self._blocks = blocks
        self._memory = (ctypes.c_int64 * STATE_WORDS)()
        self.address = ctypes.addressof(self._memory)
        self._state = memoryview(self._memory).cast("B").cast("q")
        self._state[SELF] = self.address
        self._state[ROWS] = blocks.rows
        self._state[WORD_COUNT] = 1
        self._classes = Classes(library, self._state, layouts)
        self._words: list[ctypes.Array[ctypes.c_char]] = []
        self._words_said = True
        self._losses: list[tuple[int, int, int]] = []
        self._begin()

    def run(self, graph: Graph) -> None:
        """Read to the end.

        Raises:
            BabeltraceError: the trace cannot be read on; what came before is in blocks.
        """
        answers = {
            ASK_NOTHING: lambda: time.sleep(NOT_YET_S),
            ASK_ROOM: self._next_block,
            ASK_CLASS: self._add_class,
            ASK_WORD: self._add_word,
            ASK_LOSS: self._count_loss,
        }
        try:
            while graph.run():
                ask, self._state[ASK] = self._state[ASK], ASK_NOTHING
                answers[ask]()
        finally:
            if isinstance(self._loop, Plain) and self._loop.raised:
                raise self._loop.raised
            self._give()

    def _begin(self) -> None:
        address, words = self._blocks.take()
        self._state[BLOCK] = address
        self._state[ROW] = 0
        self._state[BREAK] = self._state[SEEN] + SIGN_OF_LIFE
        if isinstance(self._loop, Plain):
            self._loop.state, self._loop.block = self._state, words

    def _give(self) -> None:
        said: dict[str, Any] = {
            "rows": self._state[ROW],
            "seen": self._state[SEEN],
            "other": self._state[OTHER],
            "classes": self._classes.new,
            "losses": self._losses,
        }
        if not self._words_said:
            said["words"] = [word.value.decode("latin-1") for word in self._words]
        self._blocks.give(**said)
        self._classes.new = []
        self._losses = []
        self._words_said = True

    def _next_block(self) -> None:
        self._give()
        self._begin()

    def _add_class(self) -> None:
        state = self._state
        message = ctypes.c_int64.from_address(state[ARRAY] + 8 * state[NEXT]).value
        self._classes.add(state[SUBJECT], self._library.bt_message_event_borrow_event_const(message))

    def _add_word(self) -> None:
        if self._state[WORD_COUNT] == WORDS:
            self._next_block()
            self._classes.forget_words()
            self._words.clear()
            self._state[WORD_COUNT] = 1
        word = word_at(self._state[SUBJECT])
        self._words.append(word)
        self._state[WORDS_AT + self._state[WORD_COUNT]] = ctypes.addressof(word)
        self._state[WORD_COUNT] += 1
        self._words_said = False

    def _count_loss(self) -> None:
        """A message of discarded events or packets: how many events, 0 if that is not said."""
        library, message, state = self._library, self._state[SUBJECT], self._state
        count = ctypes.c_uint64()
        if library.bt_message_get_type(message) != PACKETS:
            library.bt_message_discarded_events_get_count(message, ctypes.byref(count))
        library.bt_message_put_ref(message)
        state[NEXT] += 1
        state[SEEN] += 1
        state[OTHER] += 1
        self._losses.append((state[SEEN], state[ROW], min(count.value, 1 << 62)))
