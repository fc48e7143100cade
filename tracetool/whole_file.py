"""Atomic file writes: a file appears under its name complete, or not at all."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tracetool.errors import InputError
from tracetool.paths import real_path, user_path

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["replaced", "straight", "whole_file"]

_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|thread-self|[0-9]+))/fd/([0-9]+)", re.ASCII)
_MAX_LINKS = 40  # as the kernel's limit


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """A binary file that takes the name `path` once it is complete; devices and pipes are written straight.

    Raises:
        InputError: the file cannot be written; nothing of it is left.
    """
    target = user_path(path)
    try:
        with straight(target) or replaced(target) as file:
            yield file
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}; name another file") from error


def straight(path: Path) -> BinaryIO | None:
    """Open what is not a regular file (`/dev/stdout`, a pipe, a device) to be written in order; None for a file."""
    inherited = _inherited_descriptor(path)
    if inherited is not None:
        return os.fdopen(os.dup(inherited), "wb")
    found = _status(path)
    return None if found is None or stat.S_ISREG(found.st_mode) else path.open("wb")


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the name `path` at the end of the block; OSError, and nothing is left, if it cannot.

    An older file of that name hands down its permissions; symbolic links are followed.
    """
    target = real_path(path)
    found = _status(target)
    if found is not None:
        os.close(os.open(target, os.O_WRONLY))  # a file that may not be written may not be replaced either
    descriptor, name = tempfile.mkstemp(prefix=".tracetool-", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _hand_down(found, descriptor)
            yield file
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _inherited_descriptor(path: Path) -> int | None:
    """N if `path` leads to `/dev/fd/N`: opened by name, the shell's `>>` would be lost."""
    for _ in range(_MAX_LINKS):
        path = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow the link that is looked for
        if found := _DESCRIPTOR.fullmatch(str(path)):
            return int(found[1])
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None


def _hand_down(found: os.stat_result | None, descriptor: int) -> None:
    """Set owner and permissions of the file that is replaced; without one, those of the umask."""
    if found is None:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(descriptor, 0o666 & ~mask)
        return
    with suppress(PermissionError):  # only root may give files away
        os.fchown(descriptor, found.st_uid, found.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
