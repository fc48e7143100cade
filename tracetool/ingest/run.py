"""The trace in a run directory, with what the recorder knows of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tracetool.ingest.trace_reader import LineReader, ReaderOver

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import polars as pl

    from tracetool.ingest.trace_reader import Health, TraceReader
    from tracetool.runs.directory import RunDirectory

__all__ = ["RunTrace", "directory_of", "of_run"]


class RunTrace(ReaderOver):
    """A trace of a run; see `TraceReader`. What the recorder saw go wrong counts as a trace that was cut."""

    def __init__(self, directory: RunDirectory, inner: TraceReader) -> None:
        super().__init__(inner)
        self.directory = directory

    @property
    def health(self) -> Health:
        """How well it could be read."""
        health = super().health
        return health if health.truncated else replace(health, truncated=self.directory.run.doubt)

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning; see `TraceReader.chunks`."""
        return self._inner.chunks(trace)


class RunLog(RunTrace):
    """One whose events stand in lines of text; see `LineReader`."""

    def __init__(self, directory: RunDirectory, inner: TraceReader, lines: LineReader) -> None:
        super().__init__(directory, inner)
        self._lines = lines

    def lines_of(self, seqs: Collection[int]) -> dict[int, int]:
        """Which line each event stands in."""
        return self._lines.lines_of(seqs)


def directory_of(reader: TraceReader) -> RunDirectory | None:
    """The run directory that a trace is from, also where it is read through another reader; None: it is from none."""
    found: RunDirectory | None = getattr(reader, "directory", None)
    return found


def of_run(directory: RunDirectory, inner: TraceReader) -> RunTrace:
    """Put a run's trace and what is known of the run together."""
    if isinstance(inner, LineReader):
        return RunLog(directory, inner, inner)
    return RunTrace(directory, inner)
