"""Event and boot numbers, the same for every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.events import EVENTS_SCHEMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.uint32]

__all__ = ["Numbering"]


def _constant(name: str, value: int | None, length: int) -> pl.Series:
    return pl.Series(name, [value], EVENTS_SCHEMA[name]).new_from_index(0, length)


class Numbering:
    """Gives the rows of a trace their columns `trace`, `seq` and `boot`, from chunk to chunk."""

    def __init__(self, trace: int) -> None:
        self.seq = 0
        self._trace = trace
        self._resets: dict[str, int] = {}

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The canonical frame of a chunk's rows."""
        height = frame.height
        numbers = {
            "trace": _constant("trace", self._trace, height),
            "boot": self._boots(frame),
            "seq": pl.Series("seq", np.arange(self.seq, self.seq + height, dtype=np.int64)),
        }
        self.seq += height
        known = {column.name: column for column in frame.iter_columns()} | numbers
        return pl.DataFrame([known[name] if name in known else _constant(name, None, height) for name in EVENTS_SCHEMA])

    def _boots(self, frame: pl.DataFrame) -> pl.Series:
        """Resets of the same device before each row."""
        device, resets = frame["device"], frame["event"] == "reset"
        if not self._resets and not resets.any():
            return _constant("boot", 0, frame.height)
        codes = device.to_physical().to_numpy()
        boots = self._before(device, codes)
        if resets.any():
            boots = (boots + self._within(device, codes, resets.to_numpy())).astype(np.uint32)
        return pl.Series("boot", boots)

    def _before(self, device: pl.Series, codes: Codes) -> NDArray[np.uint32]:
        """Resets of each row's device before the chunk."""
        known = pl.Series(list(self._resets), dtype=device.dtype).to_physical().to_numpy()
        counts = np.zeros(max(codes.max(initial=0), known.max(initial=0)) + 1, np.uint32)
        counts[known] = list(self._resets.values())
        return counts.take(codes)

    def _within(self, device: pl.Series, codes: Codes, resets: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Resets of each row's device before it in the chunk; all of them are counted."""
        order = codes.argsort(kind="stable")
        sorted_resets = resets[order].astype(np.int64)
        before = sorted_resets.cumsum() - sorted_resets
        first = np.flatnonzero(np.diff(codes[order], prepend=np.int64(-1)))
        for row, count in zip(order[first], np.add.reduceat(sorted_resets, first), strict=True):
            if count:
                name = device[int(row)]
                self._resets[name] = self._resets.get(name, 0) + int(count)
        within = np.empty(len(codes), np.int64)
        within[order] = before - before[first].repeat(np.diff(first, append=len(codes)))
        return within
