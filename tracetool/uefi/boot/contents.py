"""The bytes of a volume during a boot, copied at the first change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Image = bytes | bytearray | memoryview

__all__ = ["Contents", "erased"]

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
