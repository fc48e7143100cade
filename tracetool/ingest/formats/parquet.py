"""Canonical events in Parquet, as `tracetool export` and `tracetool events` write them.

Ref: Apache Parquet format, README.md, "File format".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.errors import InputError
from tracetool.ingest.formats import TraceFormat

if TYPE_CHECKING:
    from tracetool.ingest.reader import ReadOptions
    from tracetool.ingest.source import Source
    from tracetool.ingest.trace_reader import TraceReader

__all__ = ["FORMAT", "MAGIC"]

MAGIC = b"PAR1"


def _begins(head: bytes) -> bool:
    return head.startswith(MAGIC)


def _open(source: Source, path: str, head: bytes, options: ReadOptions) -> TraceReader:
    if not _begins(head):
        raise InputError(f"{source.name}: does not begin as a Parquet file does; leave out --input-format")
    if source.compression or not source.rereadable:
        raise InputError(
            f"{source.name}: is Parquet, which cannot be read packed or from a stream; give the file itself"
        )
    from tracetool.ingest.parquet import open_parquet

    source.close()
    return open_parquet(path, options)


FORMAT = TraceFormat("parquet", "Parquet", "row", _begins, _open)
