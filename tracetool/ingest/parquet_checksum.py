"""A checksum inside a Parquet file, over the whole file: damage is found before anything is decoded.

Checksums are optional in Parquet, and its decoders stop at damage in many ways, or not at
all. So the file's own metadata holds a SHA-256 of all its bytes, taken with zeros in place of the sum itself.

Ref: Apache Parquet format, README.md, "File format": the footer, its length (u32, little-endian), `PAR1`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tracetool.errors import InputError
from tracetool.ingest.formats.parquet import MAGIC

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ChecksummedFile", "has_checksum"]

_KEY = "tracetool.seal"
_MARK = b"tracetool-sha256:"
_DIGITS = 64
_BLANK = _MARK + b"0" * _DIGITS
_TRAILER = 8
_LARGEST_FOOTER = 1 << 26
_BLOCK = 1 << 20


class ChecksummedFile:
    """A Parquet file that polars writes; after `metadata` was called, bytes are held back until `finish`.

    Attributes:
        failure: the error of a failed write; polars passes it on without its errno.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.failure: OSError | None = None
        self._file = file
        self._sum = hashlib.sha256()
        self._held: bytearray | None = None

    def write(self, data: bytes) -> int:
        """Write bytes."""
        if self._held is not None:
            self._held += data
            return len(data)
        try:
            self._sum.update(data)
            return self._file.write(data)
        except OSError as error:
            self.failure = error
            raise

    def flush(self) -> None:
        """Write what is buffered."""
        self._file.flush()

    def metadata(self, entries: Mapping[str, str]) -> dict[str, str]:
        """The entries, and room for the sum. Called by polars before it writes the footer."""
        self._held = bytearray()
        return {**entries, _KEY: _BLANK.decode()}

    def finish(self) -> None:
        """Write the footer, with the sum in it."""
        held = self._held if self._held is not None else bytearray()
        self._sum.update(held)
        at = held.rfind(_BLANK)
        if at >= 0:
            held[at : at + len(_BLANK)] = _MARK + self._sum.hexdigest().encode()
        self._file.write(held)


def has_checksum(path: str) -> bool:
    """True for a file with a checksum, which has been verified; False for one without.

    Raises:
        InputError: it is cut or damaged, or cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return _check(path, file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _check(path: str, file: BinaryIO) -> bool:
    size = file.seek(0, 2)
    file.seek(max(size - _TRAILER, 0))
    trailer = file.read(_TRAILER)
    footer = int.from_bytes(trailer[:4], "little")
    if size < len(MAGIC) + _TRAILER or trailer[4:] != MAGIC:
        raise InputError(f"{path}: is a Parquet file without its end; copy or export it again")
    if footer > min(size - _TRAILER, _LARGEST_FOOTER):
        raise InputError(f"{path}: is a damaged Parquet file: its footer cannot have {footer:,} bytes; export it again")
    start = size - _TRAILER - footer
    file.seek(start)
    at = file.read(footer).rfind(_MARK)
    if at < 0:
        return False
    if _sum(file, start + at + len(_MARK)) != _stated(file, start + at + len(_MARK)):
        raise InputError(f"{path}: is a damaged Parquet file: its checksum is another; copy or export it again")
    return True


def _stated(file: BinaryIO, at: int) -> bytes:
    file.seek(at)
    return file.read(_DIGITS)


def _sum(file: BinaryIO, at: int) -> bytes:
    """The sum of the file with zeros instead of the digits at `at`, as digits."""
    total = hashlib.sha256()
    file.seek(0)
    left = at
    while left and (data := file.read(min(left, _BLOCK))):
        total.update(data)
        left -= len(data)
    total.update(b"0" * len(file.read(_DIGITS)))
    while data := file.read(_BLOCK):
        total.update(data)
    return total.hexdigest().encode()
