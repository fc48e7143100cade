"""The bytes of a volume during a boot, copied at the first change."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Image = bytes | bytearray | memoryview

__all__ = ["Contents", "common_length", "erased", "keeping_last"]

P = ParamSpec("P")
T = TypeVar("T")

_ERASED = b"\xff" * (1 << 20)


class Contents:
    """The first `length` bytes of an image; a shorter one continues with zeros, as a new file does."""

    def __init__(self, image: Image, length: int) -> None:
        self._bytes = memoryview(image).cast("B")[:length].toreadonly()
        if len(self._bytes) < length:
            self._bytes = memoryview(bytes(self._bytes).ljust(length, b"\0"))
        self._own: bytearray | None = None

    @property
    def view(self) -> memoryview:
        """All bytes, read-only; those of the image itself where nothing was changed."""
        return self._bytes if self._own is None else memoryview(self._own).toreadonly()

    def read(self, offset: int, length: int) -> bytes | None:
        """Bytes at an offset; None outside. See `tracetool.uefi.variables.Read`."""
        if offset < 0 or length < 0 or offset + length > len(self._bytes):
            return None
        return bytes((self._own or self._bytes)[offset : offset + length])

    def part(self, offset: int, length: int) -> bytes:
        """Bytes of a range that lies inside."""
        return bytes((self._own or self._bytes)[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        """Replace bytes."""
        if self._own is None:
            self._own = bytearray(self._bytes)
        self._own[offset : offset + len(data)] = data

    def clear_bits(self, offset: int, bits: int) -> None:
        """Program bits of one byte to 0."""
        self.write(offset, bytes([self.part(offset, 1)[0] & ~int(bits)]))

    def erase(self, start: int, end: int) -> None:
        """Set bytes to 0xff."""
        self.write(start, _ERASED[: end - start])


def erased(data: bytes) -> bool:
    """True where all bytes are 0xff."""
    return data == _ERASED[: len(data)]


def common_length(left: bytes, right: bytes) -> int:
    """Length of the common beginning of two ranges of equal length."""
    differs = np.frombuffer(left, np.uint8) != np.frombuffer(right, np.uint8)
    first = int(differs.argmax()) if len(left) else 0
    return first if len(left) and differs[first] else len(left)


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
