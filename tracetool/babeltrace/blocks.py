"""Blocks of rows in shared memory, handed to the parent by messages on a pipe."""

from __future__ import annotations

import json
import mmap
import os
import threading
from typing import TYPE_CHECKING, Any

from tracetool.babeltrace.layout import COLUMNS

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["Blocks"]


class Blocks:
    """Ring of blocks in shared memory, with backpressure: a block is reused once the parent has returned it.

    Args:
        memory: file descriptor of the shared memory, `slots * COLUMNS * rows` words long.
        slots: number of blocks.
        rows: capacity of a block in rows.
        out: file descriptor of the pipe for messages to the parent.
        inward: pipe with a line for each returned block. The process exits when the parent closes it.
    """

    def __init__(self, memory: int, slots: int, rows: int, out: int, inward: BinaryIO) -> None:
        self.rows = rows
        self._slots = slots
        self._words = COLUMNS * rows
        self._out = out
        self._slot = -1
        self._free = threading.Semaphore(slots)
        self._memory = mmap.mmap(memory, slots * self._words * 8)
        self._view = memoryview(self._memory).cast("q")
        threading.Thread(target=self._listen, args=(inward,), daemon=True).start()

    def take(self) -> memoryview[int]:
        """Wait for the next free block and return its words."""
        self._free.acquire()
        self._slot = (self._slot + 1) % self._slots
        begin = self._slot * self._words
        return self._view[begin : begin + self._words]

    def give(self, **message: Any) -> None:  # noqa: ANN401
        """Hand the block taken last to the parent, with a message about it."""
        self.say(slot=self._slot, **message)

    def say(self, **message: Any) -> None:  # noqa: ANN401
        """Send the parent a message as a line of JSON; exit if the parent is gone."""
        line = json.dumps(message).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._out, line) :]
        except BrokenPipeError:
            os._exit(0)

    def _listen(self, inward: BinaryIO) -> None:
        for _ in inward:
            self._free.release()
        os._exit(0)
