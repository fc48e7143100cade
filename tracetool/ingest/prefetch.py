"""Prefetch: a producer runs in a thread, a few blocks ahead of its consumer."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from queue import Empty, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

__all__ = ["Prefetch", "prefetch"]

T = TypeVar("T")

BLOCKS = 4
"""Default number of blocks that are queued."""

PATIENCE = 0.01
"""Seconds between checks that the thread has ended."""


class Prefetch(Generic[T]):
    """Prefetch: calls a function in a thread until it returns an empty block.

    Args:
        produce: returns the next block, an empty one at the end. Its exceptions are raised by `take`.
        blocks: that wait to be taken, at most; the thread holds one more.
    """

    def __init__(self, produce: Callable[[], T], blocks: int = BLOCKS) -> None:
        self._produce = produce
        self._blocks: Queue[T | BaseException] = Queue(blocks)
        self._last: T | BaseException | None = None
        self._stopped = Event()
        # A daemon, so that a reader that is never closed does not keep the program from ending.
        self._thread = Thread(target=self._run, name="reading ahead", daemon=True)
        self._thread.start()

    def take(self) -> T:
        """The next block; an empty one at the end, and ever after."""
        block = self._blocks.get() if self._last is None else self._last
        if not block or isinstance(block, BaseException):
            self._last = block
        if isinstance(block, BaseException):
            raise block
        return block

    @property
    def stopped(self) -> bool:
        """True when the consumer has closed the queue; blocks produced since are discarded."""
        return self._stopped.is_set()

    def close(self) -> None:
        """End the thread, and wait for its end."""
        self._stopped.set()
        while self._thread.is_alive():
            with suppress(Empty):
                self._blocks.get_nowait()
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        more = True
        while more and not self.stopped:
            try:
                block = self._produce()
            except BaseException as error:  # noqa: BLE001  raised in the consumer
                self._blocks.put(error)
                return
            self._blocks.put(block)
            more = bool(block)


AT_ONCE = 2
"""Items that are read before a thread is begun for the rest: most traces have no more."""

ITEMS = 2
"""Items that wait at most."""


def prefetch(items: Iterator[T], *, in_thread: bool = True) -> Generator[T]:
    """The same items, produced in a thread from the third on, while the consumer works on the one before.

    What asking raises is raised in its place. The thread has ended when this generator has. Not `in_thread`, an item is
    produced when the consumer asks for it.
    """
    yield from islice(items, AT_ONCE if in_thread else None)
    if not in_thread:
        return
    ahead: Prefetch[tuple[T, ...]] = Prefetch(lambda: tuple(islice(items, 1)), ITEMS)
    try:
        while found := ahead.take():
            yield from found
    finally:
        ahead.close()
