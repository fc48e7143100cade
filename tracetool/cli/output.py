"""Files that commands write: never half-written under their name."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from tracetool.cli.common import say
from tracetool.whole_file import whole_file

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
    """A binary file that takes the name `path` once it is complete; InputError where it cannot be written."""
    with whole_file(path) as file:
        yield file
    say(f"wrote {path}")


def goes_to_a_file() -> bool:
    """Whether standard output is a file, so that nobody sees it grow."""
    return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)


def write_text(path: str, text: str) -> None:
    """Write a report to a file."""
    with open_output(path) as file:
        file.write(text.encode())
