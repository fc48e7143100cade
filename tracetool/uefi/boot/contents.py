"""The bytes of a volume during a boot."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from replay.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Callable

    Image = bytes | bytearray | memoryview | Pages

__all__ = ["Contents", "keeping_last"]

P = ParamSpec("P")
T = TypeVar("T")


class Contents:
    """The first `length` bytes of an image; a shorter one continues with zeros, as a new file does."""

    def __init__(self, image: Image, length: int) -> None:
        pages = image if isinstance(image, Pages) else Pages(bytes(memoryview(image).cast("B")[:length]))
        self._pages = pages.resized(length)
        self._last: Callable[[Contents], None] | None = None

    def end_with(self, change: Callable[[Contents], None]) -> None:
        """Make a last change, to what it is called with, once `pages` is asked for.

        A sweep over many boots asks for few. The change must not hold these contents itself: a cycle would keep them.
        """
        self._last = change

    @property
    def pages(self) -> Pages:
        """All bytes, for reading."""
        last, self._last = self._last, None
        if last is not None:
            last(self)
        return self._pages

    def read(self, offset: int, length: int) -> bytes | None:
        """Bytes at an offset; None outside. See `tracetool.uefi.variables.Read`."""
        if offset < 0 or length < 0 or offset + length > len(self._pages):
            return None
        return self._pages.read(offset, length)

    def part(self, offset: int, length: int) -> bytes:
        """Bytes of a range that lies inside."""
        return self._pages.read(offset, length)

    def region(self, offset: int, length: int) -> Pages:
        """A range that lies inside, as it is now."""
        return self._pages.region(offset, length)

    def write(self, offset: int, data: bytes | Pages) -> None:
        """Replace bytes."""
        self._pages.write(offset, data)

    def clear_bits(self, offset: int, bits: int) -> None:
        """Program bits of one byte to 0."""
        self.write(offset, bytes([self.part(offset, 1)[0] & ~int(bits)]))

    def erase(self, start: int, end: int) -> None:
        """Set bytes to 0xff, as far as there are any: the store's own header says where it ends."""
        end = min(end, len(self._pages))
        if start < end:
            self.write(start, Pages.erased(end - start))


def keeping_last(function: Callable[P, T]) -> Callable[P, T]:
    """Keep the last result: to compare a flash with the last one is faster than to hash it."""
    last: list[tuple[object, T]] = []

    @wraps(function)
    def kept(*args: P.args, **named: P.kwargs) -> T:
        found = last[0] if last else None
        if found is None or found[0] != (args, named):
            found = ((args, named), function(*args, **named))
            last[:] = [found]
        return found[1]

    return kept
