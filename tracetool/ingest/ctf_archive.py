"""A CTF trace in a tar archive, unpacked for the library, which reads directories."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import weakref
from typing import Protocol

from tracetool.compression import DAMAGED
from tracetool.errors import InputError
from tracetool.ingest.ctf_folders import is_ctf_directory

__all__ = ["Unpacked", "unpack"]

BUFFER = 1 << 16
MOST_MEMBERS = 100_000
MOST_BYTES = 64 << 30
SPARE_BYTES = 256 << 20
"""So much room is left on the disk."""


class Readable(Protocol):
    """What gives the archive's bytes, unpacked."""

    def read(self, size: int, /) -> bytes:
        """Some bytes, at most so many; none at the end."""


class Unpacked:
    """A directory with what was in an archive. It is removed when this object goes, or the program ends.

    Attributes:
        path: of the directory.
        damage: why not all of the archive is there; None if it is.
    """

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="tracetool-")
        self.damage: str | None = None
        self._finalizer = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def remove(self) -> None:
        """Remove it now."""
        self._finalizer()


def unpack(stream: Readable, name: str, head: bytes = b"", *, most_bytes: int = MOST_BYTES) -> Unpacked:
    """Unpack an archive with a CTF trace in it.

    Args:
        stream: the archive, without its compression.
        name: of it, for messages.
        head: what was already read from it.
        most_bytes: what is in it may be as large as this, and as the disk has room for.

    Raises:
        InputError: it is too large, reaches outside of itself, or has no CTF trace before it is damaged.
    """
    if not hasattr(tarfile, "data_filter"):
        raise InputError(f"{name}: this Python cannot unpack archives safely, 3.11.4 can; unpack it")
    unpacked = Unpacked()
    try:
        room = min(most_bytes, shutil.disk_usage(unpacked.path).free - SPARE_BYTES)
        unpacked.damage = _extract(_Exactly(stream, head), name, unpacked.path, room)
        _check(unpacked, name)
    except BaseException:
        unpacked.remove()
        raise
    return unpacked


def _check(unpacked: Unpacked, name: str) -> None:
    if is_ctf_directory(unpacked.path):
        return
    if unpacked.damage:
        raise InputError(f"{name}: {unpacked.damage}, and no CTF trace before that; copy or record it again")
    raise InputError(f"{name}: is an archive without a CTF trace: no file called metadata in it")


class _Exactly:
    """A stream that gives as much as it is asked for, as `tarfile` wants it."""

    def __init__(self, stream: Readable, head: bytes) -> None:
        self._stream = stream
        self._head = head

    def read(self, size: int) -> bytes:
        data = bytearray(self._head[:size])
        self._head = self._head[size:]
        while len(data) < size and (more := self._stream.read(size - len(data))):
            data += more
        return bytes(data)


def _extract(stream: _Exactly, name: str, target: str, room: int) -> str | None:
    """Unpack as far as the archive goes; why that is not to its end."""
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=BUFFER) as archive:  # type: ignore[call-overload]
            _extract_members(archive, name, target, room)
    except tarfile.FilterError as error:
        raise InputError(f"{name}: is not unpacked: {error}") from error
    except (tarfile.TarError, *DAMAGED) as error:
        return f"the archive is damaged: {error}"
    except OSError as error:
        raise InputError(f"{name}: cannot be unpacked: {error.strerror or error}") from error
    return None


def _extract_members(archive: tarfile.TarFile, name: str, target: str, room: int) -> None:
    left = room
    for count, member in enumerate(archive, 1):
        left -= member.size
        if left < 0 or count > MOST_MEMBERS:
            raise InputError(f"{name}: unpacks to more than {room:,} bytes or {MOST_MEMBERS:,} files")
        archive.extract(member, target, filter="data")
