"""Files that commands write: never half-written under their name."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tracetool.cli.common import say
from tracetool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["goes_to_a_file", "open_output", "standard_output", "write_text"]


@contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Standard output for bytes; buffered even under PYTHONUNBUFFERED, where a short write would go unnoticed."""
    sys.stdout.flush()
    with open(sys.stdout.fileno(), "wb", closefd=False) as file:
        yield file


@contextmanager
def open_output(path: str) -> Iterator[BinaryIO]:
    """A binary file that takes the name `path` once it is complete; devices and pipes are written straight.

    Raises:
        InputError: the file cannot be written; nothing of it is left.
    """
    target = Path(path).expanduser()
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as straight:
                yield straight
            return
        if target.exists():
            target.open("ab").close()  # a file that may not be written may not be replaced either
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.resolve().parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            temporary.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
            temporary.replace(target.resolve())
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}; name another file") from error
    say(f"wrote {path}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def goes_to_a_file() -> bool:
    """Whether standard output is a file, so that nobody sees it grow."""
    return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)


def write_text(path: str, text: str) -> None:
    """Write a report to a file."""
    with open_output(path) as file:
        file.write(text.encode())
