"""Event and boot numbers, the same for every format."""

from __future__ import annotations

import polars as pl

from tracetool.events import EVENTS_SCHEMA

__all__ = ["Numbering"]

BOOTS = (1 << 16) - 1


class Numbering:
    """Gives the rows of a trace their columns `trace`, `seq` and `boot`, from chunk to chunk."""

    def __init__(self, trace: int) -> None:
        self.seq = 0
        self._trace = trace
        self._resets: dict[str, int] = {}

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The canonical frame of a chunk's rows."""
        missing = [pl.lit(None, dtype).alias(name) for name, dtype in EVENTS_SCHEMA.items() if name not in frame]
        numbered = frame.with_columns(missing).with_columns(
            trace=pl.lit(self._trace, pl.UInt16),
            boot=self._boots(frame).clip(upper_bound=BOOTS).cast(pl.UInt16),
            seq=pl.int_range(self.seq, self.seq + frame.height, dtype=pl.Int64),
        )
        self.seq += frame.height
        return numbered.select(EVENTS_SCHEMA.names())

    def _boots(self, frame: pl.DataFrame) -> pl.Series:
        """Resets of the same device before each row."""
        device = frame["device"]
        boots = pl.zeros(frame.height, pl.Int64, eager=True)
        for name, count in self._resets.items():
            boots += (device == name).cast(pl.Int64) * count
        reset = frame["event"] == "reset"
        if not reset.any():
            return boots
        marks = pl.DataFrame({"device": device, "reset": reset.cast(pl.Int64)})
        before = marks.select((pl.col("reset").cum_sum() - pl.col("reset")).over("device")).to_series()
        for name, count in marks.group_by("device").agg(pl.col("reset").sum()).iter_rows():
            self._resets[name] = self._resets.get(name, 0) + count
        return boots + before
