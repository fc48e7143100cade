"""Flash images: read into memory from raw, compressed or disk image files, written as raw sparse files."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from replay.sparse import occupied, sparse_zeros
from tracetool.compression import DAMAGED, MAGIC_BYTES, compression_of, decompressed
from tracetool.containers import HEAD_BYTES, TAIL_BYTES, convert, recognise, require_flash
from tracetool.errors import InputError
from tracetool.runs.place import is_run_directory
from tracetool.sizes import format_size
from tracetool.sparse_file import data_pieces
from tracetool.whole_file import replaced, straight

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase

    from numpy.typing import NDArray

    from tracetool.containers import Container

__all__ = ["is_raw", "load_image", "write_image"]

_OVERHEAD = 1 << 24  # what a packed disk image may be longer than its contents
_MOST_UNPACKED = 256 << 20  # bytes other than zeros of a compressed image: larger ones are unpacked first
_CHUNK = 1 << 20  # read and searched for zeros at once
_PAGE = 4096  # the finest hole that file systems keep


def load_image(path: Path, *, limit: int) -> NDArray[np.uint8]:
    """Read a flash image: raw, or gzip, xz or zstd by its first bytes, or a disk image that qemu-img makes raw.

    Runs of zeros cost no memory, and a compressed image is unpacked little further than `limit`. An image in a run
    directory is raw, whatever the guest wrote to its flash.

    Args:
        path: the file, or anything that reads like one.
        limit: the largest image that can be meant, in bytes: usually the flash's region.

    Returns:
        The image's bytes from offset 0, at least one; writable.

    Raises:
        InputError: unreadable, a directory, empty, damaged, cut, longer than `limit`, no flash image, or a disk image
            that lies over other files.
        MissingDependencyError: it is a disk image, and there is no qemu-img.
    """
    try:
        return _load(path, limit)
    except EOFError as error:
        raise InputError(f"{path}: the compressed image is cut short; copy it again") from error
    except DAMAGED as error:
        raise InputError(f"{path}: the compressed image is damaged ({error}); copy it again") from error
    except MemoryError as error:
        raise InputError(f"{path}: not enough memory to unpack it; unpack it to a file first") from error
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path}: cannot be read as a flash image: {reason}; give the flash's backing file") from error


def _load(path: Path, limit: int) -> NDArray[np.uint8]:
    recorded = is_run_directory(path.parent.parent)
    with path.open("rb") as stream:
        compression = compression_of(stream.peek(MAGIC_BYTES))
        status = os.fstat(stream.fileno())
        size, in_place = status.st_size, compression is None and stat.S_ISREG(status.st_mode)
        if in_place and not recorded:
            head = os.pread(stream.fileno(), HEAD_BYTES, 0)
            container = recognise(head, os.pread(stream.fileno(), TAIL_BYTES, max(size - TAIL_BYTES, 0)))
            if container is not None:
                return _converted(path, container, path, limit)
            require_flash(path, head, size)
        if compression is None and size > limit:
            raise InputError(f"{path}: the image is {format_size(size)} long, {_beyond(limit)}")
        if in_place:
            image = _read_file(stream.fileno(), size)
        else:
            with decompressed(stream, compression) as unpacked:
                image = _read(unpacked, limit + _OVERHEAD, _MOST_UNPACKED if compression else limit)
    if not in_place and not recorded:
        container = recognise(image[:HEAD_BYTES].tobytes(), image[-TAIL_BYTES:].tobytes())
        if container is not None:
            return _converted_from(path, container, image, limit)
        require_flash(path, image[:HEAD_BYTES].tobytes(), len(image))
    if len(image) > limit:
        how = f"{format_size(size)} of {compression} unpack to" if compression else "the image is"
        raise InputError(f"{path}: {how} more than {format_size(limit)}, {_beyond(limit)}")
    if not len(image):
        raise InputError(f"{path}: the image is empty; give the flash's backing file, or leave the image out")
    return image


def is_raw(path: Path) -> bool:
    """True if the file is a raw image. OSError if it cannot be read."""
    with path.open("rb") as stream:
        head, size = stream.read(HEAD_BYTES), os.fstat(stream.fileno()).st_size
        tail = os.pread(stream.fileno(), TAIL_BYTES, max(size - TAIL_BYTES, 0))
    return compression_of(head) is None and recognise(head, tail) is None


def _converted(path: Path, container: Container, file: Path, limit: int) -> NDArray[np.uint8]:
    """Read the contents of the disk image in `file`, which is what `path` holds."""
    with tempfile.TemporaryDirectory(prefix="tracetool-") as folder:
        raw = Path(folder) / "raw.fd"
        convert(file, container, raw, limit=limit, name=path)
        with raw.open("rb") as stream:
            return _read_file(stream.fileno(), min(raw.stat().st_size, limit + 1))


def _converted_from(path: Path, container: Container, unpacked: NDArray[np.uint8], limit: int) -> NDArray[np.uint8]:
    """Read the contents of a disk image that came packed or through a pipe; qemu-img needs a file."""
    with tempfile.TemporaryDirectory(prefix="tracetool-") as folder:
        file = Path(folder) / "unpacked"
        write_image(file, unpacked)
        return _converted(path, container, file, limit)


def _beyond(limit: int) -> str:
    return f"beyond the limit of {format_size(limit)}: is it this flash's image?"


def _read_file(descriptor: int, length: int) -> NDArray[np.uint8]:
    """Read the first `length` bytes of a regular file."""
    image = sparse_zeros(length) if length else np.zeros(0, np.uint8)
    for at, piece in data_pieces(descriptor, 0, length):
        image[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
    return image


def _read(unpacked: BufferedIOBase, limit: int, most: int) -> NDArray[np.uint8]:
    """Read to the end, but at most one byte past `limit`; zeros take no memory.

    MemoryError if more than `most` bytes lie in pieces that are not zero.
    """
    image, length = sparse_zeros(limit + 1), 0
    while chunk := unpacked.read(min(_CHUNK, limit + 1 - length)):
        piece = np.frombuffer(chunk, dtype=np.uint8)
        if piece.any():
            image[length : length + piece.size] = piece
            most -= piece.size
        length += piece.size
        if most < 0:
            raise MemoryError
    return image[:length]


def write_image(path: Path, data: NDArray[np.uint8]) -> None:
    """Write a flash image, raw: pages of zeros become holes, and the file appears whole or not at all.

    A regular file is replaced once its successor is on the disk, and hands down its permissions; symbolic links
    are followed. What is not a regular file (`/dev/stdout`, a pipe, a device) gets every byte in order instead.

    Args:
        path: where to; in an existing folder.
        data: uint8, one-dimensional; read only.

    Raises:
        InputError: a directory, no permission, no room. An older file of that name is as it was.
        BrokenPipeError: the reader of a pipe went away.
    """
    try:
        _write(path, data)
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path}: the image cannot be written: {reason}; name another file") from error


def _write(path: Path, data: NDArray[np.uint8]) -> None:
    stream = straight(path)
    if stream is not None:
        with stream:
            stream.write(np.ascontiguousarray(data).data)
        return
    with replaced(path) as file:
        _write_sparse(file.fileno(), data)
        os.fsync(file.fileno())


def _write_sparse(descriptor: int, data: NDArray[np.uint8]) -> None:
    os.ftruncate(descriptor, data.size)
    for start, end in _occupied(data):
        rest = np.ascontiguousarray(data[start:end]).data
        while rest:
            written = os.pwrite(descriptor, rest, end - len(rest))
            rest = rest[written:]


def _occupied(data: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """Runs (start, end) of pages that are not all zeros."""
    for low, high in occupied(data):
        for base in range(low // _PAGE * _PAGE, high, _CHUNK):
            chunk = data[base : min(base + _CHUNK, high)]
            used = np.logical_or.reduceat(chunk, np.arange(0, chunk.size, _PAGE))
            edges = np.flatnonzero(np.diff(used, prepend=False, append=False)) * _PAGE
            for start, end in edges.reshape(-1, 2).tolist():
                yield base + start, base + min(end, chunk.size)
