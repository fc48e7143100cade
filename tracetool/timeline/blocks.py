"""Blocks: erases, programs and bytes of each erase block."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from replay.cfi import SECTOR_BYTES
from replay.columns import Flag, OpKind, Outcome
from tracetool.timeline.operations import IS_WRITING, SUMS_SCHEMA, flagged
from tracetool.timeline.sectors import Sectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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

_JOIN = (
    pl.col("erases", "programs", "refused", "bytes_programmed", "bytes_changed").sum(),
    pl.col("unknown").any(),
    pl.col("first_trace", "first_seq").first(),
    pl.col("last_trace", "last_seq").last(),
)


class BlockTable:
    """Collector of the blocks of one device; as large as the flash has blocks, however long the trace is."""

    def __init__(self, sectors: Sectors | int = SECTOR_BYTES) -> None:
        self.sectors = Sectors(sectors) if isinstance(sectors, int) else sectors
        self._blocks = _NO_BLOCKS

    @property
    def block_bytes(self) -> int:
        """Size of a block; where they are unlike, of the smallest."""
        return self.sectors.block_bytes

    def add(self, sums: pl.DataFrame) -> None:
        """Add the operations of a batch (`SUMS_SCHEMA`)."""
        touched = _touched(sums, self.sectors)
        if len(touched):
            both = pl.concat([self._blocks, touched])
            self._blocks = both.group_by("block", maintain_order=True).agg(*_JOIN)

    def most_erased(self) -> tuple[int, int]:
        """Number and erases of the block that was erased most; (0, 0) if none was."""
        most = self._erases().max(initial=0)
        return (int(self._blocks["block"].to_numpy()[self._erases() == most].min()), int(most)) if most else (0, 0)

    def erased_more_than(self, limit: int) -> int:
        """Number of blocks that were erased more than `limit` times."""
        return int((self._erases() > limit).sum())

    def _erases(self) -> NDArray[np.int64]:
        return self._blocks["erases"].to_numpy()

    def table(self, device: str, extent: int | None) -> pl.DataFrame:
        """The blocks as a frame of `BLOCKS_SCHEMA`, by offset; `extent` in bytes."""
        offset, length = self.sectors.offset(pl.col("block")), self.sectors.length(pl.col("block"))
        frame = self._blocks.sort("block").with_columns(
            pl.when(~pl.col("unknown")).then("bytes_changed").alias("bytes_changed"),
            device=pl.lit(device),
            offset=offset,
            length=length,
            outside=pl.lit(None) if extent is None else offset + length > extent,
        )
        return frame.select(BLOCKS_SCHEMA.names()).cast(BLOCKS_SCHEMA)


_REFUSED = pl.col("outcome").is_in([int(Outcome.REFUSED), int(Outcome.ABORTED)]).fill_null(value=False)
_OWN = pl.when(pl.col("block") == pl.col("first"))
_TOUCHES = (
    "block",
    pl.col("erased").cast(pl.Int64).alias("erases"),
    ((pl.col("kind") != OpKind.ERASE) & (pl.col("programmed") > 0)).cast(pl.Int64).alias("programs"),
    (_REFUSED | flagged(Flag.READ_ONLY_TARGET)).cast(pl.Int64).alias("refused"),
    _OWN.then("programmed").otherwise(0).alias("bytes_programmed"),
    _OWN.then("bytes_changed").otherwise(0).alias("bytes_changed"),
    "unknown",
    pl.col("trace").alias("first_trace"),
    "first_seq",
    pl.col("trace").alias("last_trace"),
    "last_seq",
)


@lru_cache(maxsize=64)
def _spans(sectors: Sectors) -> tuple[pl.Expr, pl.Expr]:
    """The first and the last block that an operation touched."""
    first = sectors.number(pl.coalesce("low", "command_offset")).cast(pl.Int64)
    last = pl.max_horizontal(first, sectors.number(pl.coalesce("high", "command_offset") - 1))
    return first.alias("first"), last.alias("last")


def _touched(sums: pl.DataFrame, sectors: Sectors) -> pl.DataFrame:
    """One row for each block that each writing operation touched."""
    writing = sums.filter(IS_WRITING).with_columns(_spans(sectors))
    spread = writing.with_columns(block="first")
    if (writing["first"].to_numpy() != writing["last"].to_numpy()).any():
        spread = writing.with_columns(block=pl.int_ranges("first", pl.col("last") + 1)).explode("block")
    return spread.select(_TOUCHES)


_NO_BLOCKS = _touched(SUMS_SCHEMA.to_frame(), Sectors(SECTOR_BYTES))
"""Made once: it takes as long as to add a batch."""
