"""Files that are never half-written under their name."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tracetool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["whole_file"]


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
