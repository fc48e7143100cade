"""The blocks the parent reads: rows in shared memory, and a line about each on a pipe."""

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
    """Memory for a few blocks, filled in turn.

    Args:
        memory: file descriptor of the shared memory, of `slots * COLUMNS * rows` words.
        slots: how many blocks there are.
        rows: how many rows each has room for.
        out: file descriptor of the pipe for what is said.
        inward: the pipe on which a line comes for each block that may be used again. When it is closed there is
            nobody left to read for, and the process ends.
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
        """Wait for the next block; its words."""
        self._free.acquire()
        self._slot = (self._slot + 1) % self._slots
        begin = self._slot * self._words
        return self._view[begin : begin + self._words]

    def give(self, **said: Any) -> None:  # noqa: ANN401
        """Hand the block that was taken last to the parent."""
        self.say(slot=self._slot, **said)

    def say(self, **said: Any) -> None:  # noqa: ANN401
        """Tell the parent something; a parent that is gone ends this process."""
        line = json.dumps(said).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._out, line) :]
        except BrokenPipeError:
            os._exit(0)

    def _listen(self, inward: BinaryIO) -> None:
        for _ in inward:
            self._free.release()
        os._exit(0)
