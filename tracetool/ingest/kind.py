"""What a file is, by its beginning, for whoever only wants to know whether it is a trace."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Literal

from tracetool.errors import InputError
from tracetool.ingest.ctf_folders import METADATA
from tracetool.ingest.magic import CTF_STREAM, PARQUET, SIMPLE, is_tar
from tracetool.ingest.source import open_source

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.ingest.source import Source

__all__ = ["Kind", "kind_of", "names_events"]

Kind = Literal["log", "simple", "Parquet", "CTF archive", "stream"]

HEAD = 1 << 20
"""Bytes that are looked at: a log may begin with what others wrote."""

PIECE = 1 << 20
_EVENT = re.compile(rb"\bpflash_(?:reset\b|\w+\b[^\n]{0,120}\b0x[0-9a-f])")
_LONGEST = 200
_MEMBER = f"{METADATA}\0".encode()


def kind_of(path: Path) -> Kind | None:
    """Give the format of a trace, or `stream` for a part of a CTF trace; None: it is none, or cannot be read."""
    try:
        with closing(open_source(str(path))) as source:
            return _kind(source)
    except InputError:
        return None


def _kind(source: Source) -> Kind | None:
    head = source.read_fully(PIECE >> 4)
    if head.startswith(CTF_STREAM):
        return "stream"
    if head.startswith(SIMPLE):
        return "simple"
    if head.startswith(PARQUET):
        return "Parquet"
    if is_tar(head):
        return "CTF archive" if _MEMBER in head else None
    return "log" if _EVENT.search(head + source.read_fully(HEAD - len(head))) else None


def names_events(path: Path) -> bool:
    """Whether anything in a file, up to its end, looks like an event of a log."""
    try:
        with closing(open_source(str(path))) as source:
            rest = b""
            while data := source.read(PIECE):
                if _EVENT.search(rest + data):
                    return True
                rest = (rest + data)[-_LONGEST:]
    except InputError:
        return False
    return False
