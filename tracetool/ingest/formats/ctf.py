"""CTF traces, as LTTng records them with QEMU's `ust` backend: directories, and tar archives of them.

Ref: CTF 1.8.3, 5.1; POSIX.1-2017, pax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.ingest.ctf_folders import METADATA
from tracetool.ingest.formats import TraceFormat

if TYPE_CHECKING:
    from tracetool.ingest.reader import ReadOptions
    from tracetool.ingest.source import Source
    from tracetool.ingest.trace_reader import TraceReader

__all__ = ["FORMAT", "STREAM_MAGICS", "is_tar", "open_directory"]

STREAM_MAGICS = tuple((0xC1FC_1FC1).to_bytes(4, order) for order in ("little", "big"))
"""The first bytes of a stream, one of the files of a trace."""

_USTAR_AT, _USTAR = 257, b"ustar"


def is_tar(head: bytes) -> bool:
    """True for the first bytes of a tar archive."""
    return head.startswith(_USTAR, _USTAR_AT)


def _open(source: Source, path: str, _: bytes, options: ReadOptions) -> TraceReader:
    from tracetool.ingest.ctf import open_ctf_archive
    from tracetool.ingest.directory import check_archive

    try:
        trace = open_ctf_archive(path, source, options)
        if trace.unpacked is not None:
            check_archive(source.name, trace.unpacked.path)
        return trace
    finally:
        source.close()


def open_directory(path: str, options: ReadOptions) -> TraceReader:
    """Open the trace in a directory, or one level below.

    Raises:
        InputError: there is none, or there are several.
    """
    from tracetool.ingest.ctf import open_ctf
    from tracetool.ingest.directory import check_directory

    check_directory(path)
    return open_ctf(path, options)


FORMAT = TraceFormat("ctf", "CTF archive", "message", is_tar, _open, lambda head: f"{METADATA}\0".encode() in head)
