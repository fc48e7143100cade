"""Work that a thread of its own does ahead of whoever needs its results, a few blocks at most."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Ahead"]

BLOCKS = 4
"""Blocks that wait to be taken, at most; the thread holds one more."""

PATIENCE = 0.01
"""Between looks at whether the thread has ended, in seconds."""


class Ahead:
    """Calls a function again and again in a thread, until it gives an empty block.

    Args:
        produce: gives the next block, an empty one at the end. What it raises, `take` raises.
    """

    def __init__(self, produce: Callable[[], bytes]) -> None:
        self._produce = produce
        self._blocks: Queue[bytes | BaseException] = Queue(BLOCKS)
        self._ended = False
        self._stopped = Event()
        # A daemon, so that a reader that is never closed does not keep the program from ending.
        self._thread = Thread(target=self._run, name="reading ahead", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def take(self) -> bytes:
        """The next block; an empty one at the end, and ever after."""
        if self._ended:
            return b""
        block = self._blocks.get()
        self._ended = not block or isinstance(block, BaseException)
        if isinstance(block, BaseException):
            raise block
        return block

    @property
    def stopped(self) -> bool:
        """Whether nobody needs any more; what `produce` gives is thrown away then."""
        return self._stopped.is_set()

    def close(self) -> None:
        """End the thread, and wait for its end."""
        self._stopped.set()
        while self._thread.is_alive():
            with suppress(Empty):
                self._blocks.get_nowait()
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        block = b"-"
        while block and not self.stopped:
            try:
                block = self._produce()
            except BaseException as error:  # noqa: BLE001  whoever takes the blocks raises it
                self._blocks.put(error)
                return
            self._blocks.put(block)
