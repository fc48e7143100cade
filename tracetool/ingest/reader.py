"""Base class and options of the readers of all formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracetool.errors import InputError
from tracetool.ingest.trace_reader import Health

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.ingest.source import Source
    from tracetool.ingest.trace_reader import TraceMeta

__all__ = ["CHUNK_BYTES", "ReadOptions", "Reader"]

CHUNK_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options for reading a trace of any format.

    Attributes:
        strict: raise on the first damaged line, record, message or row, and where the trace cannot be read on.
        chunk_bytes: about how many bytes of the trace make a frame.
        progress: called with the bytes read of the file and its size (None where it has none), before each frame.
    """

    strict: bool = False
    chunk_bytes: int = CHUNK_BYTES
    progress: Callable[[int, int | None], None] | None = None


class Reader:
    """Base class of readers: what does not depend on the format; see `TraceReader`.

    Args:
        meta: facts about the trace.
        options: how it is read.
        source: the open stream of a source that cannot be read twice, at its first byte; None for a file, which is
            opened by each call.
    """

    def __init__(self, meta: TraceMeta, options: ReadOptions, source: Source | None = None) -> None:
        self.meta = meta
        self.options = options
        self.health = Health()
        self.rereadable = source is None
        self._stream = source

    @property
    def doubt(self) -> str | None:
        """The reason, from the run directory, for which the trace may be incomplete; None if there is none."""
        return None if self.meta.run is None else self.meta.run.run.doubt

    def begin(self) -> None:
        """Reset the findings of the last pass; the trace of a run that was cut short counts as truncated."""
        self.health = Health(truncated=self.doubt)
        self.meta.shapes.clear()
        self.meta.clocks.clear()
        self.meta.nameless = False

    def open(self) -> Source:
        """The trace from its first byte on.

        Raises:
            InputError: it cannot be read, or not twice.
        """
        if self.rereadable:
            from tracetool.ingest.source import open_source  # noqa: PLC0415  with the libraries of compression

            return open_source(self.meta.path)
        if self._stream is None:
            raise InputError(f"{self.meta.name}: can be read only once; save it to a file first")
        source, self._stream = self._stream, None
        return source
