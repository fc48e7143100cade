"""Files that are never half-written under their name."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tracetool.errors import InputError
from tracetool.paths import real_path, user_path

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["whole_file"]


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """A binary file that takes the name `path` once it is complete; devices and pipes are written straight.

    Raises:
        InputError: the file cannot be written; nothing of it is left.
    """
    target = user_path(path)
    try:
        found = _status(target)
        if found is not None and not stat.S_ISREG(found.st_mode):
            with target.open("wb") as straight:
                yield straight
            return
        if found is not None:
            target.open("ab").close()  # a file that may not be written may not be replaced either
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=real_path(target).parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            temporary.chmod(stat.S_IMODE(found.st_mode) if found is not None else 0o666 & ~_umask())
            temporary.replace(real_path(target))
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}; name another file") from error


def _status(target: Path) -> os.stat_result | None:
    try:
        return target.stat()
    except FileNotFoundError:
        return None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
