"""Canonical events in Parquet, as `export` and `events` write them: read a part at a time.

What a file says of the trace it was made from counts as if it were its own: losses, damage, a host that could not
write. A file without provenance, or with fewer rows than it names, is incomplete.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import polars as pl

from tracetool.errors import InputError
from tracetool.events import EVENTS_SCHEMA
from tracetool.ingest.numbering import Numbering
from tracetool.ingest.parquet_checksum import has_checksum
from tracetool.ingest.provenance import KEY, Provenance, parse
from tracetool.ingest.reader import Reader, ReadOptions
from tracetool.ingest.trace_reader import FIRST_DAMAGED, PLACES, Clock, Damage, Health, TraceMeta
from tracetool.ingest.validate import judge
from tracetool.sanitize import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["ROW_BYTES", "ParquetTrace", "open_parquet"]

ROW_BYTES = 64
"""Bytes of other formats that correspond to a row: converts `chunk_bytes` to rows."""

_PROBE = Path(__file__).with_name("parquet_probe.py")
_REMEDY = "write it with tracetool export"
_NARROW_BOOT = "boot", pl.UInt16()
"""Type of the column in files of 0.1; boots are counted anew in any case."""

_UNTOLD = "does not say what it was made from, nor whether that was complete"


def open_parquet(path: str, options: ReadOptions) -> ParquetTrace:
    """Open a Parquet file of canonical events; see `open_trace`.

    Raises:
        InputError: it is damaged, or has other columns.
    """
    sealed = has_checksum(path)
    if not sealed:
        _probe(path)
    with _decoding(path):
        schema = _scan(path).collect_schema()
        metadata = pl.read_parquet_metadata(Path(path).absolute())
    _check(path, schema)
    return ParquetTrace(TraceMeta(path, path, format="parquet"), _provenance(path, metadata, sealed=sealed), options)


def _scan(path: str) -> pl.LazyFrame:
    """The file of just this name: no pattern, no folder of parts, nothing remote."""
    return pl.scan_parquet(Path(path).absolute(), glob=False, hive_partitioning=False)


def _check(path: str, schema: pl.Schema) -> None:
    for name, dtype in EVENTS_SCHEMA.items():
        if name not in schema:
            raise InputError(f"{path}: is Parquet, but not of pflash events: no column {name!r}; {_REMEDY}")
        if schema[name] != dtype and (name, schema[name]) != _NARROW_BOOT:
            found = excerpt(str(schema[name]))
            raise InputError(f"{path}: column {name!r} is {found}, not that of canonical events; {_REMEDY}")
    if schema.names() != EVENTS_SCHEMA.names():
        raise InputError(f"{path}: has other columns than canonical events; {_REMEDY}")


def _provenance(path: str, metadata: dict[str, str], *, sealed: bool) -> Provenance | None:
    if KEY not in metadata:
        return None
    if not sealed:
        raise InputError(f"{path}: is a damaged Parquet file: its checksum is missing; copy or export it again")
    try:
        return parse(metadata[KEY])
    except ValueError as error:
        why = excerpt(str(error))
        raise InputError(f"{path}: what it says of its trace cannot be read ({why}); export it again") from error


def _probe(path: str) -> None:
    """Decode the file in a child process; InputError where that fails or crashes."""
    command = [sys.executable, "-P", str(_PROBE), str(Path(path).absolute())]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        why = done.stdout if done.returncode > 0 and done.stdout else f"decoding it ended with {done.returncode}"
        raise _damaged(path, why)


@contextmanager
def _decoding(path: str) -> Iterator[None]:
    """Turn what polars raises into an InputError."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: str, why: str) -> InputError:
    shown = excerpt(" ".join(why.split()))
    return InputError(f"{path}: is a damaged Parquet file ({shown}); copy or export it again")


class ParquetTrace(Reader):
    """A Parquet file as a trace; see `TraceReader` and `Reader`.

    Args:
        meta: its path; the rest is filled in.
        provenance: what it says of the trace it was made from; None if it says nothing.
        options: how it is read.
    """

    def __init__(self, meta: TraceMeta, provenance: Provenance | None, options: ReadOptions) -> None:
        super().__init__(meta, options)
        self._told = provenance
        self._rows = max(1, options.chunk_bytes // ROW_BYTES)
        self._next = 0
        meta.reason = "canonical events in Parquet"
        if provenance is not None:
            meta.reason += f", made from a trace in the format {excerpt(provenance.format)}"
            meta.nameless = provenance.nameless
            meta.clocks = {clock for clock in get_args(Clock) if clock in provenance.clocks}

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning; see `TraceReader.chunks`."""
        self.health = self._health_told()
        self._next = 0
        numbering = Numbering(trace)
        for start, frame in self._parts():
            good = self._take(start, frame)
            numbered = numbering.apply(good.drop("trace", "boot", "seq"))
            self.health.events += numbered.height
            if numbered.height:
                yield numbered
        self._end()

    def _parts(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """Frames as they stand in the file, each with the number of its first row, from 0."""
        path = self.meta.path
        with _decoding(path):
            scan = _scan(path)
            total = int(scan.select(pl.len()).collect().item())
            size = Path(path).stat().st_size
        for start in range(0, total, self._rows):
            with _decoding(path):
                frame = scan.slice(start, self._rows).collect(engine="streaming")
            if self.options.progress:
                self.options.progress(size * (start + frame.height) // total, size)
            yield start, frame

    def _health_told(self) -> Health:
        """Damage and losses of the trace that the file was made from."""
        if self._told is None:
            return Health(truncated=_UNTOLD)
        told = self._told.health
        place = f"in the {excerpt(self._told.unit)} of that number of the trace that it was made from"
        return Health(
            lines=told.damaged,
            damaged=told.damaged,
            first_damaged=[
                Damage(damage.number, f"{place}: {excerpt(damage.reason)}", excerpt(damage.excerpt))
                for damage in told.first_damaged[:FIRST_DAMAGED]
            ],
            lost=told.lost,
            lost_places=told.lost_places[:PLACES],
            host_write_failures=told.host_write_failures[:PLACES],
            starts=told.starts,
            truncated=(told.truncated and f"the trace that it was made from: {excerpt(told.truncated)}") or self.doubt,
            unterminated=told.unterminated,
        )

    def _take(self, start: int, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows that are events; others, and gaps in `seq`, are counted."""
        verdict = judge(frame)
        self._look_for_gaps(start, frame["seq"].fill_null(-1).to_numpy(), verdict.bad)
        count = int(verdict.bad.sum())
        if count:
            first = int(verdict.bad.argmax())
            self._damage(start + first + 1, verdict.reason, str(frame.row(first)))
        self.health.lines += frame.height
        self.health.damaged += count
        self.health.understood += frame.height - count
        return frame.filter(~pl.Series(verdict.bad)) if count else frame

    def _damage(self, number: int, reason: str, row: str) -> None:
        if self.options.strict:
            place = f"{self.meta.name}: row {number}: {reason}: {excerpt(row)}"
            raise InputError(f"{place}; without --strict such rows are counted and left out")
        if len(self.health.first_damaged) < FIRST_DAMAGED:
            self.health.first_damaged.append(Damage(number, reason, excerpt(row)))

    def _look_for_gaps(self, start: int, seqs: NDArray[np.int64], bad: NDArray[np.bool_]) -> None:
        """Count gaps in `seq` as losses: those events were left out when the file was written."""
        steps = np.diff(seqs, prepend=self._next - 1)
        if len(steps) and steps.min() < 1:
            row = start + int((steps < 1).argmax()) + 1
            raise InputError(f"{self.meta.name}: row {row:,}: events out of order; export each trace to its own file")
        for at in np.flatnonzero(steps > 1).tolist():
            seq = self.health.events + at - int(bad[:at].sum())
            self.health.lose(start + at + 1, seq, int(steps[at]) - 1)
        self._next = int(seqs[-1]) + 1 if len(seqs) else self._next

    def _end(self) -> None:
        """Count rows missing at the end as losses."""
        missing = self._told.health.events - self._next if self._told is not None else 0
        if missing > 0:
            self.health.lose(self.health.lines, self.health.events, missing)
