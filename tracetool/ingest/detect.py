"""What a file is, told by what is in it, never by its name or a QEMU version.

The readers of binary formats are imported when one is met: most traces are logs, and short.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.errors import InputError
from tracetool.ingest.foreign import journal_text, strange_text, stranger, what_lines_are
from tracetool.ingest.lines import pieces
from tracetool.ingest.magic import CTF_STREAM, PARQUET, SIMPLE, UTF16, is_tar
from tracetool.ingest.numbering import Numbering
from tracetool.ingest.parser import TextParser
from tracetool.ingest.reader import CHUNK_BYTES, How
from tracetool.ingest.scanner import usual_scanner
from tracetool.ingest.source import open_source
from tracetool.ingest.text import Reading, TextTrace
from tracetool.ingest.trace_reader import Health, TraceMeta
from tracetool.runs.place import run_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.ingest.source import Source
    from tracetool.ingest.trace_reader import Format, TraceReader

__all__ = ["open_trace"]

HEAD = 1 << 16
UNPRINTABLE = bytes(code for code in range(0x20) if code not in b"\t\n\r\x1b\b\f") + b"\x7f"
RECORD_A_LOG = "record a log instead (-trace 'pflash*' -D FILE)"


def _refuse(source: Source, head: bytes) -> None:
    """Raise for what is certainly no text trace."""
    name = source.name
    if not head and source.truncated:
        raise InputError(f"{name}: {source.truncated}; copy or record it again")
    if not head:
        raise InputError(f"{name}: is empty; {RECORD_A_LOG}")
    if head.startswith(CTF_STREAM):
        raise InputError(f"{name}: is one stream of a CTF trace; give the directory it is in")
    if head.startswith(PARQUET) and (source.compression or not source.rereadable):
        raise InputError(f"{name}: is Parquet, which cannot be read packed or from a stream; give the file itself")
    what = stranger(head) or journal_text(head)
    if what is not None:
        raise InputError(f"{name}: is {what}")
    if head.startswith(UTF16):
        raise InputError(f"{name}: is UTF-16 text; convert it first (iconv -f UTF-16 -t UTF-8)")


def _is_binary(head: bytes) -> bool:
    # A log that was emptied while QEMU went on writing begins with a hole, however long.
    head = head.lstrip(b"\0") if len(head) == HEAD else head
    noise = len(head) - len(head.translate(None, UNPRINTABLE))
    return b"\0" in head or noise * 10 > len(head) * 3


def _look(meta: TraceMeta, head: bytes, *, whole: bool) -> int:
    """Parse the head's lines for what they say of the trace; the number of events in them.

    Raises:
        InputError: there are none, and it is known what the text is.
    """
    health = Health()
    reading = Reading(TextParser(health, meta), usual_scanner(), health, meta, Numbering(0))
    for piece in pieces(BytesIO(head if whole else head[: head.rfind(b"\n") + 1]).readinto):
        reading.feed(piece)
    events = reading.take().height
    what = None if events else strange_text(head) or what_lines_are(health)
    if what is not None:
        raise InputError(f"{meta.name}: is {what}")
    return events


def _reason(meta: TraceMeta) -> str:
    shapes = ", ".join(f"{count} {shape}" for shape, count in meta.shapes.most_common())
    return f"text with pflash events in its first 64 KiB: {shapes}" if shapes else "text, no pflash event at its start"


def _open_text(source: Source, path: str, head: bytes, how: How) -> TraceReader:
    meta = TraceMeta(path, source.name, compression=source.compression)
    if not _look(meta, head, whole=len(head) < HEAD) and _is_binary(head):
        raise InputError(f"{source.name}: is not a trace: binary data without any pflash event; {RECORD_A_LOG}")
    meta.reason = _reason(meta)
    return TextTrace(meta, _again(source), how)


def _open_simple(source: Source, path: str, head: bytes, how: How) -> TraceReader:
    if not head.startswith(SIMPLE):
        raise InputError(f"{source.name}: does not begin as QEMU's simple trace format does")
    from tracetool.ingest.simple import SimpleTrace, check_header  # noqa: PLC0415

    big = check_header(head, source.name)
    order = "big" if big else "little"
    reason = f"QEMU's simple trace format, version 4, {order}-endian, by its first bytes"
    meta = TraceMeta(path, source.name, format="simple", reason=reason, compression=source.compression)
    return SimpleTrace(meta, big, _again(source), how)


def _open_ctf(source: Source, path: str, _: bytes, how: How) -> TraceReader:
    from tracetool.ingest.ctf import open_ctf_archive  # noqa: PLC0415
    from tracetool.ingest.folder import check_archive  # noqa: PLC0415

    try:
        trace = open_ctf_archive(path, source, how)
        if trace.unpacked is not None:
            check_archive(source.name, trace.unpacked.path)
        return trace
    finally:
        source.close()


def _again(source: Source) -> Source | None:
    """What a reader begins with: None, as a file is opened anew, or the stream from its first byte on."""
    if source.rereadable:
        source.close()
        return None
    return source


def _open_parquet(source: Source, path: str, head: bytes, how: How) -> TraceReader:
    if not head.startswith(PARQUET):
        raise InputError(f"{source.name}: does not begin as a Parquet file does")
    from tracetool.ingest.parquet import open_parquet  # noqa: PLC0415

    source.close()
    return open_parquet(path, how)


_OPENERS = {"text": _open_text, "simple": _open_simple, "ctf": _open_ctf, "parquet": _open_parquet}


def _format_of(head: bytes) -> Format:
    if head.startswith(PARQUET):
        return "parquet"
    if head.startswith(SIMPLE):
        return "simple"
    return "ctf" if is_tar(head) else "text"


def open_trace(
    path: str,
    *,
    input_format: Format | None = None,
    strict: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
    progress: Callable[[int, int | None], None] | None = None,
) -> TraceReader:
    """Recognise a trace.

    Args:
        path: a file, plain or packed with gzip, xz or zstd; `-` for standard input; the directory of a CTF trace or
            of a run, or the trace in a run's directory, which is the same.
        input_format: what it is; None: told by what is in it.
        strict: raise on the first damaged line or record.
        chunk_bytes: about so many bytes of the trace make a frame.
        progress: called with the bytes read of the file and its size (None where it has none).

    Raises:
        InputError: the file does not exist, cannot be read, is empty, or is no trace.
    """
    how = How(strict, max(1, chunk_bytes), progress)
    directory = run_of(path)
    if directory is not None:
        from tracetool.ingest.run import of_run  # noqa: PLC0415

        return of_run(directory, _open(directory.trace, input_format, how))
    return _open(path, input_format, how)


def _open(path: str, input_format: Format | None, how: How) -> TraceReader:
    if input_format in (None, "ctf") and Path(path).is_dir():
        from tracetool.ingest.ctf import open_ctf  # noqa: PLC0415
        from tracetool.ingest.folder import check_folder  # noqa: PLC0415

        check_folder(path)
        return open_ctf(path, how)
    source = open_source(path)
    try:
        head = source.read_fully(HEAD)
        source.unread(head)
        _refuse(source, head)
        return _OPENERS[input_format or _format_of(head)](source, path, head, how)
    except BaseException:
        source.close()
        raise
