"""Output of commands: standard output, or a file that appears complete or not at all."""

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

    import polars as pl

__all__ = ["goes_to_a_file", "open_output", "write_frame"]


@contextmanager
def open_output(path: str | None) -> Iterator[BinaryIO]:
    """A binary file that takes the name `path` once it is complete, or standard output for None.

    Standard output is buffered even under PYTHONUNBUFFERED, where a short write would go unnoticed.

    Raises:
        InputError: the file cannot be written.
    """
    if path is None:
        sys.stdout.flush()
        with open(sys.stdout.fileno(), "wb", closefd=False) as file:
            yield file
        return
    with whole_file(path) as file:
        yield file
    say(f"wrote {path}")


def goes_to_a_file() -> bool:
    """True if standard output is a regular file."""
    return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)


def write_frame(table: pl.DataFrame, name: str, output_format: str, output: str | None, *, several: bool) -> None:
    """Write a table; see `tracetool.report.tables.write_table`."""
    from tracetool.report.tables import write_table

    with open_output(output) as file:
        write_table(table, name, output_format, file, several=several)
