"""A CTF trace in a tar archive, unpacked for the library, which reads directories."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import weakref
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Self

from tracetool.compression import DAMAGED
from tracetool.errors import InputError
from tracetool.ingest.ctf_folders import METADATA, find_folders
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tracetool.ingest.source import Source

__all__ = ["Unpacked", "unpack"]

BUFFER = 1 << 18
PIECE = 1 << 14
"""Bytes copied at a time: the last piece of a cut archive is lost."""

MOST_MEMBERS = 10_000
MOST_BYTES = 64 << 30
SPARE_BYTES = 256 << 20
"""Bytes left free on the disk."""

LONGEST_HEADER = 1 << 20
"""Bytes of an extended header, which `tarfile` reads into memory; the longest real ones hold a path."""

_EXTENDED = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class Unpacked:
    """Temporary directory with the contents of an archive, removed with this object or at the end of the program.

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


def unpack(source: Source, allowance: Callable[[], int]) -> Unpacked:
    """Unpack the CTF trace in an archive: the files that lie beside a `metadata`, and nothing else.

    The checks are our own: `tarfile.data_filter` is missing in Pythons that are in use (3.11.2).

    Args:
        source: the archive, at its first byte.
        allowance: bytes that the trace may have, as far as the archive has been read; never more than `MOST_BYTES`
            and than the disk has room for.

    Raises:
        InputError: it is too large, reaches outside of itself, or has no CTF trace before it is damaged.
    """
    unpacked = Unpacked()
    with ExitStack() as unfit:
        unfit.callback(unpacked.remove)
        target = _Target(Path(unpacked.path), source.name, allowance)
        unpacked.damage = _extract(source, target)
        _check(unpacked, source.name)
        unfit.pop_all()
    return unpacked


def _check(unpacked: Unpacked, name: str) -> None:
    if find_folders(unpacked.path):
        return
    if unpacked.damage:
        raise InputError(f"{name}: {unpacked.damage}, and no CTF trace before that; copy or record it again")
    raise InputError(f"{name}: is an archive without a CTF trace: no file called metadata in it")


class _Header(tarfile.TarInfo):
    """A header that raises on damage: `tarfile` takes a damaged or missing one for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} where a file should begin") from error
        if header.type in _EXTENDED and header.size > LONGEST_HEADER:
            raise tarfile.ReadError(f"an extended header of {header.size:,} bytes")
        return header


class _Target:
    """The directory that is unpacked to.

    A file may precede the `metadata` of its folder, so files are kept until the end of the archive, unless there is
    no room for it.
    """

    def __init__(self, path: Path, name: str, allowance: Callable[[], int]) -> None:
        self._path = path
        self._name = name
        self._allowance = allowance
        self._disk = min(MOST_BYTES, shutil.disk_usage(path).free - SPARE_BYTES)
        self._written = 0
        self._traces: set[PurePosixPath] = set()
        self._passed_over: set[PurePosixPath] = set()
        self._early: list[PurePosixPath] = []

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Unpack a member if it is, or may be, a part of the trace.

        Raises:
            InputError: it is a link or a device, reaches outside, or is larger than allowed.
        """
        place = self._place(member)
        if not member.isreg():
            return
        folder, room = place.parent, min(self._allowance(), self._disk)
        if place.name == METADATA:
            self._traces.add(folder)
        fits = self._written + member.size <= room
        if folder in self._traces and (not fits or folder in self._passed_over):
            raise InputError(f"{self._name}: its trace is larger than {format_size(room)}; unpack it yourself")
        if not fits:
            self._passed_over.add(folder)
            return
        self._written += member.size
        self._write(archive, member, self._path / place)
        if folder not in self._traces:
            self._early.append(place)

    def finish(self) -> None:
        """Remove what turned out to be no part of a trace."""
        for place in self._early:
            if place.parent not in self._traces:
                (self._path / place).unlink(missing_ok=True)

    def _place(self, member: tarfile.TarInfo) -> PurePosixPath:
        """The path of a member below the directory, without leading slashes and dots."""
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise InputError(f"{self._name}: is not unpacked: {member.name} lies outside of it")
        if not (member.isreg() or member.isdir()):
            raise InputError(f"{self._name}: is not unpacked: {member.name} is no file but a link or a device")
        return PurePosixPath(*parts)

    def _write(self, archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        content = archive.extractfile(member)
        with target.open("xb") as file:
            if content is not None:
                shutil.copyfileobj(content, file, PIECE)


def _extract(source: Source, target: _Target) -> str | None:
    """Unpack the archive; the reason, if that stops before its end."""
    stream = SimpleNamespace(read=source.read_fully)  # `tarfile` wants as much as it asks for
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=BUFFER, tarinfo=_Header) as archive:
            for member in _members(archive, source.name):
                target.take(archive, member)
    except (tarfile.TarError, *DAMAGED) as error:
        return f"the archive is damaged: {error}"
    except OSError as error:
        raise InputError(f"{source.name}: cannot be unpacked: {error.strerror or error}") from error
    finally:
        target.finish()
    return None


def _members(archive: tarfile.TarFile, name: str) -> Iterator[tarfile.TarInfo]:
    """The members, one after the other; more than `MOST_MEMBERS` are an InputError."""
    for count, member in enumerate(archive, 1):
        if count > MOST_MEMBERS:
            raise InputError(f"{name}: holds more than {MOST_MEMBERS:,} files; unpack the trace yourself")
        yield member
