"""Blocks: erases, programs and bytes of each erase block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.cfi import SECTOR_BYTES
from replay.columns import Flag, OpKind, Outcome
from tracetool.timeline.sectors import Sectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracetool.timeline.sums import Sums

    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

__all__ = ["BLOCKS_SCHEMA", "BlockTable"]

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "device": pl.Categorical(),
    "block": pl.Int64,
    "offset": pl.Int64,
    "length": pl.Int64,
    "erases": pl.Int64,
    "programs": pl.Int64,
    "refused": pl.Int64,
    "bytes_programmed": pl.Int64,
    "bytes_changed": pl.Int64,
    "first_trace": pl.UInt16,
    "first_seq": pl.Int64,
    "last_trace": pl.UInt16,
    "last_seq": pl.Int64,
    "outside": pl.Boolean,
}
BLOCKS_SCHEMA = pl.Schema(_COLUMNS)
"""One row an erase block that was programmed or erased, or where that was refused or given up. `block` is its number,
offset and length its place in bytes; `bytes_changed` is null where contents were not known, `outside` where no extent
is known. An operation that spans blocks counts in each, its bytes in the first."""

_SUMMED = ("erases", "programs", "refused", "bytes_programmed", "bytes_changed", "unknown")
"""What operations add to; `unknown` counts those whose changes are not known."""

_NONE = -1
_BEGUN = dict.fromkeys(_SUMMED, 0) | dict.fromkeys(("first_trace", "first_seq", "last_trace", "last_seq"), _NONE)


class BlockTable:
    """Collector of the blocks of one device; as large as the flash has blocks, however long the trace is."""

    def __init__(self, sectors: Sectors | int = SECTOR_BYTES) -> None:
        self.sectors = Sectors(sectors) if isinstance(sectors, int) else sectors
        self._numbers = np.zeros(0, np.int64)
        """Of the blocks that were touched, rising."""
        self._columns = {name: np.zeros(0, np.int64) for name in _BEGUN}

    @property
    def block_bytes(self) -> int:
        """Size of a block; where they are unlike, of the smallest."""
        return self.sectors.block_bytes

    def add(self, sums: Sums) -> None:
        """Add the operations of a batch."""
        writing = np.flatnonzero(sums.writing & (sums.offset >= 0))
        if not len(writing):
            return
        op, block, own = self._touches(sums, writing)
        at = self._places(block)
        for name, values in _counts(sums).items():
            counted = values[op]
            np.add.at(self._columns[name], at, counted * own if name.startswith("bytes") else counted)
        columns = self._columns
        # Of several values that are assigned to a place the last one stays.
        new = np.flatnonzero(columns["first_seq"][at] == _NONE)[::-1]
        columns["first_trace"][at[new]], columns["first_seq"][at[new]] = sums.trace, sums["first_seq"][op[new]]
        columns["last_trace"][at], columns["last_seq"][at] = sums.trace, sums["last_seq"][op]

    def _touches(self, sums: Sums, writing: Integers) -> tuple[Integers, Integers, Mask]:
        """For each block that each of these operations touched: the operation, the block, and if it is the first."""
        end = np.where(sums["high"] >= 0, sums["high"], sums["command_offset"])[writing]
        first = self.sectors.number(sums.offset[writing])
        spread = np.maximum(self.sectors.number(end - 1) - first, 0) + 1
        before = np.arange(int(spread.sum())) - (spread.cumsum() - spread).repeat(spread)
        return writing.repeat(spread), first.repeat(spread) + before, before == 0

    def _places(self, numbers: Integers) -> Integers:
        """The places of these blocks in the columns, to which they are added where they are new."""
        known = np.union1d(self._numbers, numbers)
        if len(known) > len(self._numbers):
            old = known.searchsorted(self._numbers)
            for name, column in self._columns.items():
                self._columns[name] = np.full(len(known), _BEGUN[name], np.int64)
                self._columns[name][old] = column
            self._numbers = known
        return known.searchsorted(numbers)

    def most_erased(self) -> tuple[int, int]:
        """Number and erases of the block that was erased most; (0, 0) if none was."""
        erases = self._columns["erases"]
        most = int(erases.max(initial=0))
        return (int(self._numbers[erases.argmax()]), most) if most else (0, 0)

    def erased_more_than(self, limit: int) -> int:
        """Number of blocks that were erased more than `limit` times."""
        return int((self._columns["erases"] > limit).sum())

    def table(self, device: str, extent: int | None) -> pl.DataFrame:
        """The blocks as a frame of `BLOCKS_SCHEMA`, by offset; `extent` in bytes."""
        offset, length = self.sectors.offset(self._numbers), self.sectors.length(self._numbers)
        places = {"block": self._numbers, "offset": offset, "length": length}
        frame = pl.DataFrame(places | self._columns).with_columns(
            pl.when(pl.col("unknown") == 0).then("bytes_changed").alias("bytes_changed"),
            device=pl.lit(device),
            outside=pl.lit(None) if extent is None else pl.col("offset") + pl.col("length") > extent,
        )
        return frame.select(BLOCKS_SCHEMA.names()).cast(BLOCKS_SCHEMA)


def _counts(sums: Sums) -> dict[str, Integers]:
    """What each operation adds to the columns `_SUMMED`; bytes only to those of its first block."""
    programs = (sums["kind"] != OpKind.ERASE) & (sums["programmed"] > 0)
    refused = sums.ended(Outcome.REFUSED, Outcome.ABORTED) | sums.flagged(Flag.READ_ONLY_TARGET)
    counts = (sums["erased"], programs, refused, sums["programmed"], sums["bytes_changed"], sums["unknown"])
    return dict(zip(_SUMMED, counts, strict=True))
