"""Recognition of traces, by content alone: names of files and QEMU versions do not count."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.errors import InputError
from tracetool.ingest.foreign import foreign_file, foreign_journal
from tracetool.ingest.formats import FORMATS, recognise
from tracetool.ingest.formats.ctf import STREAM_MAGICS, open_directory
from tracetool.ingest.formats.text import RECORD_A_LOG
from tracetool.ingest.reader import CHUNK_BYTES, ReadOptions
from tracetool.runs.place import run_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.ingest.source import Source
    from tracetool.ingest.trace_reader import TraceReader

__all__ = ["open_trace", "read_source"]

_HEAD_BYTES = 1 << 16
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def open_trace(
    path: str,
    *,
    input_format: str | None = None,
    strict: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
    progress: Callable[[int, int | None], None] | None = None,
) -> TraceReader:
    """Recognise a trace.

    Args:
        path: a file, plain or packed with gzip, xz or zstd; `-` for standard input; the directory of a CTF trace or
            of a run, or the trace in a run's directory, which is the same.
        input_format: one of `FORMATS`; None: recognised by content.
        strict: raise on the first damaged line or record.
        chunk_bytes: about how many bytes of the trace make a frame.
        progress: called with the bytes read of the file and its size (None where it has none).

    Raises:
        InputError: the file does not exist, cannot be read, is empty, or is no trace.
    """
    run = run_of(path)
    reader = _open(path if run is None else run.trace, input_format, ReadOptions(strict, max(1, chunk_bytes), progress))
    reader.meta.run = run
    return reader


def _open(path: str, input_format: str | None, options: ReadOptions) -> TraceReader:
    if input_format in (None, "ctf") and Path(path).is_dir():
        return open_directory(path, options)
    from tracetool.ingest.source import open_source  # noqa: PLC0415  with the libraries of compression

    with ExitStack() as unread:
        source = open_source(path)
        unread.callback(source.close)
        reader = read_source(source, path, input_format, options)
        unread.pop_all()
    return reader


def read_source(source: Source, path: str, input_format: str | None, options: ReadOptions) -> TraceReader:
    """Recognise what a source holds, and read it to its end; `open_trace` says what is raised."""
    head = source.read_fully(_HEAD_BYTES)
    source.unread(head)
    _refuse_foreign(source, head)
    found = FORMATS[input_format] if input_format else recognise(head)
    return found.open(source, path, head, options)


def _refuse_foreign(source: Source, head: bytes) -> None:
    """Raise InputError for what is certainly no trace, with what to do instead."""
    name = source.name
    if not head and source.truncated:
        raise InputError(f"{name}: {source.truncated}; copy or record it again")
    if not head:
        raise InputError(f"{name}: is empty; {RECORD_A_LOG}")
    if head.startswith(STREAM_MAGICS):
        raise InputError(f"{name}: is one stream of a CTF trace; give the directory it is in")
    what = foreign_file(head) or foreign_journal(head)
    if what is not None:
        raise InputError(f"{name}: is {what}")
    if head.startswith(_UTF16):
        raise InputError(f"{name}: is UTF-16 text; convert it first (iconv -f UTF-16 -t UTF-8)")
