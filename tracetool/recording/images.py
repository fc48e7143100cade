"""Copies of flash images: raw, sparse and atomic. The image itself is never written."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import struct
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tracetool.containers import HEAD_BYTES, Container, convert, recognise
from tracetool.errors import InputError, UsageError
from tracetool.runs.run import SavedImage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["WHOLE", "Part", "format_of", "in_use", "measured", "saved"]

_CHUNK = 1 << 16  # granularity of holes
_ZEROS = bytes(_CHUNK)
_FLOCK = struct.Struct("hhqqi4x")  # of 64-bit Linux
_WRITE_PERMISSION = 101


def format_of(image: Path, told: str | None) -> str:
    """Return an image's format: the given one, else the one that QEMU would probe.

    Raises:
        InputError: it is missing or unreadable.
        UsageError: unknown format.
    """
    try:
        kind = image.stat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISBLK(kind) or stat.S_ISDIR(kind)):
            raise InputError(f"{image}: is neither a regular file nor a block device; the guest was not started")
        with image.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{image}: the flash image cannot be read: {reason}; the guest was not started") from error
    if told is not None:
        return told
    container = recognise(head)
    if container is None:
        return "raw"
    if container.driver is None:
        raise UsageError(f"{image}: is {container.name}; make it raw first: {container.remedy(image)}")
    return container.driver


def in_use(image: Path) -> bool:
    """True if another QEMU holds the lock for writing the image, which QEMU itself does not enforce for flash.

    Ref: QEMU's docs/system/images, "disk image file locking": from byte 100 on, one for each permission taken.
    """
    if sys.platform != "linux":
        return False
    question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _WRITE_PERMISSION, 1, 0)
    try:
        with image.open("rb") as file:
            kind, *_ = _FLOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, question))
    except OSError:
        return False
    return bool(kind != fcntl.F_UNLCK)


@dataclass(frozen=True)
class Part:
    """Range of a raw file, as QEMU's `offset=` and `size=`, in bytes; size None: to the end."""

    offset: int = 0
    size: int | None = None


WHOLE = Part()
"""The whole file."""


def saved(image: Path, form: str, folder: Path, name: str, part: Part = WHOLE) -> SavedImage:
    """Copy an image, or a range of a raw one, atomically to the raw file `name` in `folder`.

    Raises:
        OSError: it is unreadable, or there is no space.
        MissingDependencyError: qemu-img is needed and missing.
        InputError: it is not in this format.
    """
    target = folder / name
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        found = _copied(image, temporary, part) if form == "raw" else _converted(image, form, temporary)
        temporary.chmod(0o444)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return replace(found, file=name)


def measured(image: Path, part: Part = WHOLE, keep: Callable[[bytes, int], None] | None = None) -> SavedImage:
    """Return length and hash of a raw image, without a copy; `keep` receives each piece with its offset.

    Raises:
        OSError: it is unreadable.
    """
    digest, length = hashlib.sha256(), 0
    with image.open("rb", buffering=0) as file:
        file.seek(part.offset)
        while data := file.read(_CHUNK if part.size is None else min(_CHUNK, part.size - length)):
            digest.update(data)
            if keep is not None:
                keep(data, length)
            length += len(data)
    return SavedImage(None, length, digest.hexdigest())


def _copied(source: Path, target: Path, part: Part) -> SavedImage:
    with target.open("wb") as file:

        def keep(data: bytes, offset: int) -> None:
            if data != _ZEROS[: len(data)]:
                file.seek(offset)
                file.write(data)

        found = measured(source, part, keep)
        file.truncate(found.bytes)
        os.fsync(file.fileno())
    return found


def _converted(source: Path, form: str, target: Path) -> SavedImage:
    convert(source, Container(form, form), target, trusted=True)
    return measured(target)
