"""The collector of operations that rules are about: one cluster a rule, so memory does not grow with the trace."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import OpKind
from replay.command_set import CommandSet
from tracetool.analysis.cluster import Cluster
from tracetool.analysis.wide_erases import WideErases
from tracetool.findings.cfi02 import CFI02_RULES
from tracetool.findings.locks import Locks
from tracetool.findings.operations import OPERATION_RULES, QUIET
from tracetool.timeline.operations import IS_WRITING, NO_TIME, is_kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from replay.chip_limits import ChipProfile
    from replay.geometry import Geometry

    Mask = NDArray[np.bool_]

__all__ = ["OperationWatch"]

_BOOT_BITS = 32
_WORDS_PER_COUNT = 1
_POLLED = -1
"""Instead of the number of a run: the status was read as ready."""
_WRITING = (OpKind.ERASE, OpKind.PROGRAM, OpKind.BUFFERED_PROGRAM)
_LOCK_STATUS_WORD = 2  # index of a block's lock status among its identifiers; bit 0 of it is set if locked
_RULES = {CommandSet.CFI01: OPERATION_RULES, CommandSet.CFI02: CFI02_RULES}
_HITS = {
    command_set: [(one.when & ~one.unfounded).fill_null(value=False).alias(name) for name, one in rules.items()]
    for command_set, rules in _RULES.items()
}


class OperationWatch:
    """Collects the operations of one device that the rules of its command set select.

    `clusters` has those of each rule, by its identifier. `written_bytes` counts bytes erased and programmed,
    `changed_bytes` those that programs changed, which is valid only if not `contents_unknown`.
    """

    def __init__(self, geometry: Geometry, chip: ChipProfile, *, listed: bool = False) -> None:
        self.clusters = {name: Cluster.empty(listed=listed) for name in _RULES[geometry.command_set]}
        self.wide_erases = WideErases(geometry.block, listed=listed)
        self._geometry = geometry
        self._cfi02 = geometry.command_set == CommandSet.CFI02
        self._chip = chip
        self.written_bytes = 0
        self.changed_bytes = 0
        self.contents_unknown = False
        self._writing = np.array([_POLLED, 0, 0], np.int64)
        """Run, end and longest time (ns) of the last write, or `_POLLED`."""
        self._longest_ns = np.zeros(max(OpKind) + 1, np.int64)
        self._longest_ns[list(_WRITING)] = np.multiply((chip.erase_us, chip.program_us, chip.buffered_program_us), 1000)
        self._locks = Locks()

    def add(self, sums: pl.DataFrame) -> None:
        """Collect the operations of a batch (`SUMS_SCHEMA`)."""
        frame = self._with_context(sums)
        written, changed, unknown = frame.select(_BYTES).row(0)
        self.written_bytes += int(written)
        self.changed_bytes += int(changed)
        self.contents_unknown |= bool(unknown)
        if not self._cfi02:
            self.wide_erases.add(frame)
        hits = frame.select(_HITS[self._geometry.command_set])
        for name, cluster in self.clusters.items():
            if hits[name].any():
                cluster.add(frame.filter(hits[name]).select(_SPANS))

    def _with_context(self, sums: pl.DataFrame) -> pl.DataFrame:
        """The operations with the chip's sizes and its state before each: busy, not polled, block locked."""
        if self._cfi02:
            return sums.with_columns(_sizes(self._geometry, self._chip))
        masks = {**self._busy_before(sums), "locked": self._locked(sums)}
        return sums.hstack([pl.Series(name, mask) for name, mask in masks.items()]).with_columns(
            _sizes(self._geometry, self._chip)
        )

    def _busy_before(self, sums: pl.DataFrame) -> dict[str, Mask]:
        """Masks of operations before which a chip could be busy with a program or erase that was not polled to its end.

        `busy_before`: the chip's longest time for it was not over; `unpolled_before`: the trace has no times to tell.
        A reset ends everything.
        """
        columns = (sums[name].to_numpy() for name in ("kind", "polled_ready", "time_ns", "end_ns"))
        kinds, polled, times, ends = columns
        runs = self._runs(sums)  # a chip goes on with what it does until a reset
        marks = np.stack([np.where(polled, _POLLED, runs), ends, self._longest_ns[kinds]], axis=1)
        marks = np.concatenate([self._writing[np.newaxis], marks])
        own = np.concatenate([[True], polled | np.isin(kinds, _WRITING)])
        last = np.maximum.accumulate(np.where(own, np.arange(len(own)), 0))
        self._writing = marks[last[-1]]
        run, since, longest = marks[last[:-1]].T
        unpolled, timed, elapsed = run == runs, (since != NO_TIME) & (times != NO_TIME), times - since
        busy = unpolled & timed & (elapsed >= 0) & (elapsed < longest)
        return {"busy_before": busy, "unpolled_before": unpolled & ~timed}

    @staticmethod
    def _runs(sums: pl.DataFrame) -> NDArray[np.int64]:
        """A number for the trace and boot of each operation."""
        runs: NDArray[np.int64] = (sums["trace"].to_numpy() << _BOOT_BITS) + sums["boot"].to_numpy()
        return runs

    def _locked(self, sums: pl.DataFrame) -> Mask:
        """Mask of operations on a block that was not unlocked since power-up or reset.

        A driver that read the block's lock status and found it unlocked need not unlock it; it would have on silicon.
        """
        if not self._chip.locked_at_power_up:
            return np.zeros(len(sums), np.bool_)
        block, checked = (column.to_numpy() for column in sums.select(_places(self._geometry)))
        return self._locks.add(block, checked, sums["kind"].to_numpy(), self._runs(sums))


# Made once: to make an expression takes as long as to evaluate it on the few operations of a growing trace.
@cache
def _sizes(geometry: Geometry, chip: ChipProfile) -> list[pl.Expr]:
    """The chip's sizes, and whether a command was for some of its bank's chips only."""
    if geometry.command_set == CommandSet.CFI02:
        return [pl.lit(geometry.largest_block).alias("sector_bytes"), pl.lit(geometry.size).alias("size")]
    count_mask = (1 << (8 * (geometry.chip_width or geometry.bank_width))) - 1
    words = (pl.col("count_value") & count_mask) + _WORDS_PER_COUNT
    return [
        pl.lit(geometry.block).alias("block_bytes"),
        pl.lit(chip.buffer_bytes * geometry.chips).alias("buffer_bytes"),
        (words * geometry.bank_width).alias("counted_bytes"),
        _one_lane(geometry).alias("one_lane"),
    ]


def _one_lane(geometry: Geometry) -> pl.Expr:
    """A command for some chips of several: its byte alone in an access as wide as the bank, or a narrower access.

    A driver that does not know the bus yet asks for identifiers in every width; these are left out.
    """
    if geometry.chips == 1:
        return pl.lit(value=False)
    value, size = pl.col("command_value"), pl.col("command_size")
    plain = (value > 0) & (value <= 0xFF) & (size == geometry.bank_width)  # noqa: PLR2004  one byte
    narrow = size.is_between(geometry.chip_width, geometry.bank_width, closed="left")
    return ~is_kind(OpKind.STRAY, OpKind.NONE, *QUIET) & (plain | narrow)


@cache
def _places(geometry: Geometry) -> tuple[pl.Expr, pl.Expr]:
    """The block of an operation, and the one whose lock status it read, -1 for none."""
    asked = (pl.col("identifier_offset") // geometry.bank_width) & 0xFF == _LOCK_STATUS_WORD
    return (
        (pl.coalesce("low", "command_offset").fill_null(0) // geometry.block).alias("block"),
        pl.when(asked).then(pl.col("identifier_offset") // geometry.block).fill_null(-1).alias("checked"),
    )


_PROGRAMMING = IS_WRITING & ~is_kind(OpKind.ERASE)
_ERASING = is_kind(OpKind.ERASE) & pl.col("erased")
_BYTES = (
    (pl.col("programmed").sum() + (pl.col("high") - pl.col("low")).filter(_ERASING).sum()).alias("written"),
    pl.col("bytes_changed").filter(_PROGRAMMING).sum().alias("changed"),
    pl.col("unknown").filter(_PROGRAMMING).any().alias("unknown"),
)
"""Bytes erased and programmed, bytes changed by programs, and whether any of these changed unknown contents."""

_SPANS = (
    *("trace", "first_seq", "last_seq"),
    pl.coalesce("low", "command_offset").fill_null(-1).alias("offset"),
    pl.coalesce("high", pl.col("command_offset") + pl.col("command_size")).fill_null(-1).alias("end"),
    pl.col("command_value").fill_null(-1).alias("value"),
    pl.lit(0).alias("size"),
    pl.col("bytes_changed").alias("bytes"),
)
