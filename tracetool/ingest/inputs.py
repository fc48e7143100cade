"""Guard of input files: no command writes over a file that it reads."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, TextIO

from tracetool.errors import UsageError
from tracetool.ingest.ctf_folders import find_folders
from tracetool.paths import real_path, user_path
from tracetool.runs.place import run_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["keep_inputs"]

STANDARD = "-"


def keep_inputs(outputs: Iterable[str | Path | None], inputs: Iterable[str | Path]) -> None:
    """Refuse to write over a file that is read, under whatever name, or twice to one file.

    Args:
        outputs: files; `-` or None is standard output.
        inputs: traces and images; `-` is standard input. Of a run all files are kept, of a CTF trace too.

    Raises:
        UsageError: names the file.
        InputError: a run directory cannot be read.
    """
    taken = {_identity(file, sys.stdin): "is read by this command" for path in inputs for file in _files_of(path)}
    taken.pop(None, None)
    for path in outputs:
        identity = _identity(path or STANDARD, sys.stdout)
        if identity is None:
            continue
        if identity in taken:
            name = "standard output" if path in (None, STANDARD) else path
            raise UsageError(f"{name}: {taken[identity]}, and would be overwritten; name another file")
        taken[identity] = "is written twice"


def _files_of(path: str | Path) -> Iterator[str | Path]:
    """Files that are read with a path, itself among them."""
    yield path
    if path == STANDARD:
        return
    target = user_path(path)
    run = run_of(str(target))
    if run is not None:
        yield from run.files
    elif target.is_dir():
        for folder in find_folders(str(target)):
            yield from folder.iterdir()


def _identity(path: str | Path, standard: TextIO) -> Path | tuple[int, int] | None:
    """Key that all names of one file share; None for what is no regular file.

    `standard` is the stream called `-`.
    """
    try:
        status = os.fstat(standard.fileno()) if path == STANDARD else user_path(path).stat()
    except FileNotFoundError:
        return real_path(user_path(path))
    except (OSError, ValueError, AttributeError):  # no stream, or not a file
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
