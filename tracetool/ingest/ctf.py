"""A CTF trace, as LTTng records it with QEMU's `ust` backend, as a `TraceReader`.

Its streams are read by libbabeltrace2 in a child process, merged in time order.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tracetool.errors import InputError
from tracetool.ingest.babeltrace_process import BabeltraceProcess
from tracetool.ingest.ctf_archive import unpack
from tracetool.ingest.ctf_columns import layouts
from tracetool.ingest.ctf_folders import find_folders, stream_bytes
from tracetool.ingest.ctf_reading import CtfReading
from tracetool.ingest.reader import Reader, ReadOptions
from tracetool.ingest.trace_reader import TraceMeta

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    import polars as pl

    from tracetool.ingest.ctf_archive import Unpacked
    from tracetool.ingest.ctf_columns import Layouts
    from tracetool.ingest.source import Source

__all__ = ["CtfTrace", "open_ctf", "open_ctf_archive"]

ROW_BYTES = 64
MOST_ROWS = 1 << 16

MOST_PASSED_OVER = {"zstd": 8 << 30, "gzip": 1 << 30, "xz": 1 << 30}
"""Limit of bytes unpacked to find the trace in an archive, by compression: some seconds of work."""


def open_ctf(path: str, options: ReadOptions = ReadOptions()) -> CtfTrace:  # noqa: B008  it is frozen
    """Open a CTF trace.

    Args:
        path: the directory with the file `metadata`, or one further up.
        options: how it is read. Progress in bytes is estimated: by where the last event's time lies between the
            first and the last of the streams.

    Raises:
        InputError: there is no CTF trace in the directory.
    """
    folders = find_folders(path)
    if not folders:
        raise InputError(f"{path}: is a directory without a CTF trace: no file called metadata in it or below")
    meta = TraceMeta(path, path, format="ctf", reason=_reason(folders, path))
    return CtfTrace(meta, folders, options)


def open_ctf_archive(path: str, source: Source, options: ReadOptions) -> CtfTrace:
    """Open a CTF trace in a tar archive; it is unpacked, and removed when the reader goes.

    Args:
        path: as given.
        source: the archive, open, at its first byte.
        options: see `open_ctf`.

    Raises:
        InputError: it cannot be unpacked, or has no CTF trace in it.
    """
    source.most_unpacked = MOST_PASSED_OVER.get(source.compression or "", 0)
    unpacked = unpack(source, source.allowance)
    trace = open_ctf(unpacked.path, options)
    reason = f"a tar archive of {trace.meta.reason}"
    trace.meta = TraceMeta(path, source.name, format="ctf", reason=reason, compression=source.compression)
    trace.unpacked = unpacked
    damage = source.truncated or unpacked.damage
    trace.missing = [damage] if damage else []
    return trace


def _reason(folders: list[Path], path: str) -> str:
    where = os.path.relpath(folders[0], path)
    reason = "a directory with a CTF trace" + (f" in {where}" if where != "." else "")
    return reason + (f" and {len(folders) - 1} more" if len(folders) > 1 else "")


class CtfTrace(Reader):
    """A CTF trace; see `Reader`. `Health` counts messages: events, and reports of discarded ones.

    Args:
        meta: facts about it.
        folders: those with the file `metadata`.
        options: see `open_ctf`.

    Attributes:
        unpacked: the directory it was unpacked to, if it was an archive.
        missing: what of it was lost before it could be read.
    """

    def __init__(self, meta: TraceMeta, folders: list[Path], options: ReadOptions) -> None:
        super().__init__(meta, options)
        self._folders = folders
        self._rows = max(1, min(options.chunk_bytes // ROW_BYTES, MOST_ROWS))
        self.unpacked: Unpacked | None = None
        self.missing: list[str] = []

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning; see `TraceReader.chunks`.

        Raises:
            MissingDependencyError: there is no libbabeltrace2.
        """
        self.begin()
        reading = CtfReading(self, trace, stream_bytes(self._folders))
        reading.missing += self.missing
        with closing(self.messages("pflash_", layouts(), span=self.options.progress is not None)) as messages:
            for message, process in messages:
                frame = reading.take(message, process)
                if frame is not None and frame.height:
                    yield frame
        reading.finish()

    def messages(
        self, prefix: str, wanted: Layouts, *, span: bool = False
    ) -> Generator[tuple[dict[str, Any], BabeltraceProcess]]:
        """Iterate over the messages of a child process that reads the events whose names begin with a prefix.

        Args:
            prefix: of the events.
            wanted: the events; see `tracetool.babeltrace.classes.Classes`.
            span: ask for the times of the first and last event first.
        """
        with tempfile.TemporaryDirectory(prefix="tracetool-", ignore_cleanup_errors=True) as scratch:
            request = {
                "folders": [str(folder) for folder in self._folders],
                "scratch": scratch,
                "span": span,
                "prefix": prefix,
                "layouts": wanted,
            }
            size = stream_bytes(self._folders)
            with closing(BabeltraceProcess(self.meta.name, self._rows, request, size)) as process:
                for message in process.listen():
                    yield message, process
