"""CTF traces in a directory: found by their file `metadata`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["find_folders", "stream_bytes"]

METADATA = "metadata"
DEPTH = 10
"""Levels below the given directory that are searched; a session of LTTng's with archives has seven."""

MOST = 10_000
"""Directories that are searched."""


def _walk(path: str) -> Iterator[Path]:
    """The directory and those below it, the nearest first in each branch; links are not followed."""
    base = len(Path(path).parts)
    for count, (folder, below, _) in enumerate(os.walk(path)):
        if count == MOST:
            return
        yield Path(folder)
        below[:] = sorted(below) if len(Path(folder).parts) - base < DEPTH else []


def _has_metadata(folder: Path) -> bool:
    try:
        return (folder / METADATA).is_file()
    except OSError:  # a folder that may not be looked into
        return False


def find_folders(path: str) -> list[Path]:
    """The directories with a file `metadata`, at and below `path`, as absolute paths."""
    return [folder.absolute() for folder in _walk(path) if _has_metadata(folder)]


def stream_bytes(folders: list[Path]) -> int:
    """Size of all readable streams together, bytes."""
    total = 0
    for folder in folders:
        with suppress(OSError):
            streams = (file for file in folder.iterdir() if file.name != METADATA and file.is_file())
            total += sum(file.stat().st_size for file in streams)
    return total
