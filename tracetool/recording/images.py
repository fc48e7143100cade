"""Copies of flash images: raw and sparse, whole or not at all. The image itself is only ever read."""

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

_CHUNK = 1 << 16  # looked at for zeros at once: runs of them become holes
_ZEROS = bytes(_CHUNK)
_FLOCK = struct.Struct("hhqqi4x")  # of 64-bit Linux
_WRITE_PERMISSION = 101


def format_of(image: Path, told: str | None) -> str:
    """Give an image's format: what QEMU is told, else what it would find.

    Raises:
        InputError: there is no such image, or it cannot be read.
        UsageError: it is in a format that is not known.
    """
    try:
        kind = image.stat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISBLK(kind) or stat.S_ISDIR(kind)):
            raise InputError(f"{image}: is no file that could be copied and written; the guest was not started")
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
    """Whether another QEMU has the image open for writing; True only where its lock is seen.

    QEMU does not refuse a flash image that a second guest writes, too.
    Ref: QEMU's docs/system/images, "disk image file locking": byte 100 and up, one for each permission that is taken.
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
    """Where in a raw file a flash lies, as QEMU's `offset=` and `size=` have it; bytes, None: to the file's end."""

    offset: int = 0
    size: int | None = None


WHOLE = Part()
"""All of the file."""


def saved(image: Path, form: str, folder: Path, name: str, part: Part = WHOLE) -> SavedImage:
    """Copy an image, or the part of a raw one, to the raw file `name` in `folder`: there in the end or not at all.

    Raises:
        OSError: it cannot be read, or there is no room.
        MissingDependencyError: qemu-img is needed and not here.
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
    """Give length and hash of a raw image, where there is no room for a copy. OSError if it cannot be read.

    It is read piece by piece; `keep` is given each with its offset.
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
