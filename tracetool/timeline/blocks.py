"""Blocks: erases, programs and bytes of each erase block."""

from __future__ import annotations

import polars as pl

from replay.cfi import SECTOR_BYTES
from replay.columns import Flag, OpKind, Outcome
from tracetool.timeline.operations import IS_WRITING, SUMS_SCHEMA, flagged

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

    def __init__(self, block_bytes: int = SECTOR_BYTES) -> None:
        self.block_bytes = block_bytes
        self._blocks = _touched(SUMS_SCHEMA.to_frame(), block_bytes)

    def add(self, sums: pl.DataFrame) -> None:
        """Add the operations of a batch (`SUMS_SCHEMA`)."""
        touched = _touched(sums, self.block_bytes)
        if len(touched):
            both = pl.concat([self._blocks, touched])
            self._blocks = both.group_by("block", maintain_order=True).agg(*_JOIN)

    def most_erased(self) -> tuple[int, int]:
        """Number and erases of the block that was erased most; (0, 0) if none was."""
        most = self._blocks.filter(pl.col("erases") > 0).sort("erases", "block", descending=[True, False])
        return most["block", "erases"].row(0) if len(most) else (0, 0)

    def erased_more_than(self, limit: int) -> int:
        """Number of blocks that were erased more than `limit` times."""
        return len(self._blocks.filter(pl.col("erases") > limit))

    def table(self, device: str, extent: int | None) -> pl.DataFrame:
        """The blocks as a frame of `BLOCKS_SCHEMA`, by offset; `extent` in bytes."""
        offset = pl.col("block") * self.block_bytes
        frame = self._blocks.sort("block").with_columns(
            pl.when(~pl.col("unknown")).then("bytes_changed").alias("bytes_changed"),
            device=pl.lit(device),
            offset=offset,
            length=pl.lit(self.block_bytes),
            outside=pl.lit(None) if extent is None else offset + self.block_bytes > extent,
        )
        return frame.select(BLOCKS_SCHEMA.names()).cast(BLOCKS_SCHEMA)


def _touched(sums: pl.DataFrame, block_bytes: int) -> pl.DataFrame:
    """One row for each block that each writing operation touched."""
    writing = sums.filter(IS_WRITING)
    first = pl.coalesce("low", "command_offset") // block_bytes
    last = pl.max_horizontal(first, (pl.coalesce("high", "command_offset") - 1) // block_bytes)
    refused = pl.col("outcome").is_in([int(Outcome.REFUSED), int(Outcome.ABORTED)]).fill_null(value=False)
    program = pl.col("kind") != OpKind.ERASE
    spread = writing.with_columns(block=first)
    if writing.select((first != last).any()).item():
        spread = writing.with_columns(block=pl.int_ranges(first, last + 1)).explode("block")
    own = pl.when(pl.col("block") == first)
    return spread.select(
        pl.col("block").cast(pl.Int64),
        pl.col("erased").cast(pl.Int64).alias("erases"),
        (program & (pl.col("programmed") > 0)).cast(pl.Int64).alias("programs"),
        (refused | flagged(Flag.READ_ONLY_TARGET)).cast(pl.Int64).alias("refused"),
        own.then("programmed").otherwise(0).alias("bytes_programmed"),
        own.then("bytes_changed").otherwise(0).alias("bytes_changed"),
        "unknown",
        pl.col("trace").alias("first_trace"),
        "first_seq",
        pl.col("trace").alias("last_trace"),
        "last_seq",
    )
