"""Bytes in pages that copies share: to copy or compare two states of a flash costs a pointer a page."""

from __future__ import annotations

__all__ = ["PAGE_BYTES", "Pages"]

PAGE_BYTES = 1 << 11
_ERASED = b"\xff" * PAGE_BYTES


class Pages:
    """Contents of a fixed length. A page is replaced when a byte of it changes; erased pages are one and the same."""

    __slots__ = ("pages",)

    def __init__(self, data: bytes) -> None:
        self.pages = _split(data)

    @classmethod
    def erased(cls, length: int) -> Pages:
        """Make contents of 0xff."""
        whole, rest = divmod(length, PAGE_BYTES)
        return cls._of([_ERASED] * whole + [_ERASED[:rest]] * (rest > 0))

    @classmethod
    def _of(cls, pages: list[bytes]) -> Pages:
        made = cls.__new__(cls)
        made.pages = pages
        return made

    def __len__(self) -> int:
        return (len(self.pages) - 1) * PAGE_BYTES + len(self.pages[-1]) if self.pages else 0

    def __bytes__(self) -> bytes:
        return b"".join(self.pages)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pages) and self.pages == other.pages

    __hash__ = None  # type: ignore[assignment]

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes of a range, as far as there are any."""
        start = offset % PAGE_BYTES
        found = b"".join(self.pages[offset // PAGE_BYTES : -(-(offset + length) // PAGE_BYTES)])
        return found[start : start + length]

    def copy(self) -> Pages:
        """Copy all."""
        return Pages._of(self.pages.copy())

    def region(self, offset: int, length: int) -> Pages:
        """Copy a range that lies inside."""
        if offset % PAGE_BYTES or length % PAGE_BYTES:
            return Pages(self.read(offset, length))
        return Pages._of(self.pages[offset // PAGE_BYTES : (offset + length) // PAGE_BYTES])

    def resized(self, length: int) -> Pages:
        """Copy all, or the beginning; what is longer continues with zeros, as a new file does."""
        return Pages(bytes(self).ljust(length, b"\0")) if length > len(self) else self.region(0, length)

    def write(self, offset: int, data: bytes | Pages) -> range:
        """Replace the bytes of a range that lies inside; the numbers of its pages."""
        end = offset + len(data)
        first, behind = offset // PAGE_BYTES, -(-end // PAGE_BYTES)
        if isinstance(data, Pages) and not (offset % PAGE_BYTES or end % PAGE_BYTES):
            self.pages[first:behind] = data.pages
        elif data:
            head = self.pages[first][: offset % PAGE_BYTES]
            tail = self.pages[behind - 1][end - (behind - 1) * PAGE_BYTES :]
            self.pages[first:behind] = _split(head + bytes(data) + tail)
        return range(first, behind)

    def is_erased(self, start: int, end: int) -> bool:
        """True where every byte from `start` to `end` is 0xff, or there is none."""
        first, last = -(-start // PAGE_BYTES), end // PAGE_BYTES
        if first > last:
            edges = self.read(start, end - start) if start < end else b""
            return edges == _ERASED[: len(edges)]
        edges = self.read(start, first * PAGE_BYTES - start) + self.read(last * PAGE_BYTES, end % PAGE_BYTES)
        return edges == b"\xff" * len(edges) and self.pages[first:last] == [_ERASED] * (last - first)

    def common_length(self, other: Pages) -> int:
        """Length of the common beginning of contents of equal length."""
        for number, (mine, others) in enumerate(zip(self.pages, other.pages, strict=True)):
            if mine is not others and mine != others:
                return number * PAGE_BYTES + _common_length(mine, others)
        return len(self)


def _split(data: bytes) -> list[bytes]:
    pages = (data[at : at + PAGE_BYTES] for at in range(0, len(data), PAGE_BYTES))
    return [_ERASED if page == _ERASED else page for page in pages]


def _common_length(left: bytes, right: bytes) -> int:
    """Length of the common beginning of two different pages."""
    same, differs = 0, len(left)
    while same + 1 < differs:
        middle = (same + differs) // 2
        if left[same:middle] == right[same:middle]:
            same = middle
        else:
            differs = middle
    return same
