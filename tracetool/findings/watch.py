"""The collector of operations that rules are about: one cluster a rule, so memory does not grow with the trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from replay.columns import OpKind
from tracetool.analysis.cluster import Cluster
from tracetool.analysis.wide_erases import WideErases
from tracetool.findings.operations import OPERATION_RULES, QUIET
from tracetool.timeline.operations import IS_WRITING, NO_TIME, is_kind

if TYPE_CHECKING:
    from replay.chip_limits import ChipProfile
    from replay.geometry import Geometry

__all__ = ["OperationWatch"]

_WORDS_PER_COUNT = 1
_POLLED = -1
"""Instead of the number of a run: the status was read as ready."""
_LOCK_STATUS_WORD = 2  # index of a block's lock status among its identifiers; bit 0 of it is set if locked
_HITS = {name: (one.when & ~one.unfounded).fill_null(value=False).alias(name) for name, one in OPERATION_RULES.items()}


class OperationWatch:
    """Collects the operations of one device that `OPERATION_RULES` select.

    `clusters` has those of each rule, by its identifier. `written_bytes` counts bytes erased and programmed,
    `changed_bytes` those that programs changed, which is valid only if not `contents_unknown`.
    """

    def __init__(self, geometry: Geometry, chip: ChipProfile, *, listed: bool = False) -> None:
        self.clusters = {name: Cluster.empty(listed=listed) for name in OPERATION_RULES}
        self.wide_erases = WideErases(geometry.block, listed=listed)
        self._geometry = geometry
        self._chip = chip
        self.written_bytes = 0
        self.changed_bytes = 0
        self.contents_unknown = False
        self._writing = pl.DataFrame({"run": [_POLLED], "since_ns": [0], "longest_ns": [0]})
        self._unlocked: set[int] = set()
        self._boot = [-1, -1]

    def add(self, sums: pl.DataFrame) -> None:
        """Collect the operations of a batch (`SUMS_SCHEMA`)."""
        frame = self._with_context(sums)
        programs = frame.filter(~is_kind(OpKind.ERASE) & IS_WRITING)
        self.written_bytes += int(frame["programmed"].sum()) + int(frame["erased"].sum()) * self._geometry.block
        self.changed_bytes += int(programs["bytes_changed"].sum())
        self.contents_unknown |= bool(programs["unknown"].any())
        self.wide_erases.add(frame)
        hits = frame.select(_HITS.values())
        for name, cluster in self.clusters.items():
            if hits[name].any():
                cluster.add(frame.filter(hits[name]).select(_SPANS))

    def _with_context(self, sums: pl.DataFrame) -> pl.DataFrame:
        """The operations with the chip's sizes and its state before each: busy, not polled, block locked."""
        geometry = self._geometry
        count_mask = (1 << (8 * (geometry.chip_width or geometry.bank_width))) - 1
        words = (pl.col("count_value") & count_mask) + _WORDS_PER_COUNT
        return sums.with_columns(
            *self._busy_before(sums),
            pl.Series("locked", self._locked(sums), dtype=pl.Boolean),
            block_bytes=pl.lit(geometry.block),
            buffer_bytes=pl.lit(self._chip.buffer_bytes * geometry.chips),
            counted_bytes=words * geometry.bank_width,
            one_lane=self._one_lane(),
        )

    def _one_lane(self) -> pl.Expr:
        """A command for some chips of several: its byte alone in an access as wide as the bank, or a narrower access.

        A driver that does not know the bus yet asks for identifiers in every width; these are left out.
        """
        geometry = self._geometry
        if geometry.chips == 1:
            return pl.lit(value=False)
        value, size = pl.col("command_value"), pl.col("command_size")
        plain = (value > 0) & (value <= 0xFF) & (size == geometry.bank_width)  # noqa: PLR2004  one byte
        narrow = size.is_between(geometry.chip_width, geometry.bank_width, closed="left")
        return ~is_kind(OpKind.STRAY, OpKind.NONE, *QUIET) & (plain | narrow)

    def _busy_before(self, sums: pl.DataFrame) -> pl.DataFrame:
        """Masks of operations before which a chip could be busy with a program or erase that was not polled to its end.

        `busy_before`: the chip's longest time for it was not over; `unpolled_before`: the trace has no times to tell.
        A reset ends everything.
        """
        chip, run = (
            self._chip,
            pl.col("boot") + pl.col("trace") * (1 << 16),
        )  # a chip goes on with what it does until a reset
        longest_ns = {
            int(OpKind.ERASE): chip.erase_us * 1000,
            int(OpKind.PROGRAM): chip.program_us * 1000,
            int(OpKind.BUFFERED_PROGRAM): chip.buffered_program_us * 1000,
        }
        ends = pl.when(IS_WRITING | pl.col("polled_ready"))
        marks = sums.select(
            pl.when("polled_ready").then(_POLLED).when(IS_WRITING).then(run).cast(pl.Int64).alias("run"),
            ends.then("end_ns").alias("since_ns"),
            ends.then(pl.col("kind").replace_strict(longest_ns, default=0, return_dtype=pl.Int64)).alias("longest_ns"),
        )
        after = pl.concat([self._writing, marks]).fill_null(strategy="forward")
        self._writing = after.tail(1)
        timed = (pl.col("since_ns") != NO_TIME) & (pl.col("time_ns") != NO_TIME)
        elapsed_ns = pl.col("time_ns") - pl.col("since_ns")
        unpolled = (pl.col("run") == run).fill_null(value=False)
        before = after.head(len(sums)).hstack(sums.select("trace", "boot", "time_ns"))
        return before.select(
            busy_before=unpolled & timed & (elapsed_ns >= 0) & (elapsed_ns < pl.col("longest_ns")),
            unpolled_before=unpolled & ~timed,
        )

    def _locked(self, sums: pl.DataFrame) -> list[bool]:
        """Mask of operations on a block that was not unlocked since power-up or reset.

        A driver that read the block's lock status and found it unlocked need not unlock it; it would have on silicon.
        """
        if not self._chip.locked_at_power_up:
            return [False] * len(sums)
        locked = []
        asked = (pl.col("identifier_offset") // self._geometry.bank_width) & 0xFF == _LOCK_STATUS_WORD
        rows = sums.select(
            pl.coalesce("low", "command_offset").fill_null(0) // self._geometry.block,
            pl.when(asked).then(pl.col("identifier_offset") // self._geometry.block),
            "kind",
            "trace",
            "boot",
        ).iter_rows()
        for block, checked, kind, *boot in rows:
            if boot != self._boot:
                self._boot = boot
                self._unlocked.clear()
            if checked is not None:
                self._unlocked.add(checked)
            if kind == OpKind.UNLOCK:
                self._unlocked.add(block)
            elif kind == OpKind.LOCK:
                self._unlocked.discard(block)
            locked.append(block not in self._unlocked)
        return locked


_SPANS = (
    *("trace", "first_seq", "last_seq"),
    pl.coalesce("low", "command_offset").fill_null(-1).alias("offset"),
    pl.coalesce("high", pl.col("command_offset") + pl.col("command_size")).fill_null(-1).alias("end"),
    pl.col("command_value").fill_null(-1).alias("value"),
    pl.lit(0).alias("size"),
    pl.col("bytes_changed").alias("bytes"),
)
