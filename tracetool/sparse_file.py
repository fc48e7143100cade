"""Files with holes, as flash images are: read and hashed without reading the holes."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["data_pieces", "sha256_of"]

_PIECE = 1 << 16
_ZEROS = memoryview(bytes(1 << 20))
_MOST_KNOWN = 256


class _Contents(NamedTuple):
    """A file: its length, where it is not zero (offsets and lengths), and the hash of what is there."""

    end: int
    places: tuple[tuple[int, int], ...]
    data: bytes


_known: dict[_Contents, str] = {}
"""SHA-256 of whole files."""


def data_pieces(descriptor: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Read a file or block device between two offsets: pieces of at most 64 KiB and their offsets; the rest is zero.

    Raises:
        OSError: it cannot be read.
    """
    at = start
    while at < end:
        at, hole = _next_data(descriptor, at, end)
        while at < hole:
            data = os.pread(descriptor, min(_PIECE - at % _PIECE, hole - at), at)
            if not data:  # it has become shorter
                return
            if data != _ZEROS[: len(data)]:
                yield at, data
            at += len(data)


def _next_data(descriptor: int, at: int, end: int) -> tuple[int, int]:
    """Start and end of the next data: `end` twice if there is none, all where the file system knows no holes.

    Ref: lseek(2), SEEK_DATA and SEEK_HOLE.
    """
    if not hasattr(os, "SEEK_DATA"):
        return at, end
    try:
        start = min(os.lseek(descriptor, at, os.SEEK_DATA), end)
        return start, min(os.lseek(descriptor, start, os.SEEK_HOLE), end)
    except OSError as error:
        return (end, end) if error.errno == errno.ENXIO else (at, end)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a regular file, in hex; of files with the same data and holes, the holes are hashed only once.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        contents = _read(file.fileno(), end)
        if contents not in _known:
            whole = hashlib.sha256()
            contents = _read(file.fileno(), end, whole)
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[contents] = whole.hexdigest()
        return _known[contents]


def _read(descriptor: int, end: int, whole: hashlib._Hash | None = None) -> _Contents:
    """What a file holds; its bytes are added to `whole`, with zeros for its holes."""
    data, places, last = hashlib.sha256(), [], 0
    for at, piece in data_pieces(descriptor, 0, end):
        data.update(piece)
        places.append((at, len(piece)))
        if whole is not None:
            _add_zeros(whole, at - last)
            whole.update(piece)
        last = at + len(piece)
    if whole is not None:
        _add_zeros(whole, end - last)
    return _Contents(end, tuple(places), data.digest())


def _add_zeros(digest: hashlib._Hash, count: int) -> None:
    for at in range(0, count, len(_ZEROS)):
        digest.update(_ZEROS[: count - at])
