"""The collector of operations that rules are about: one cluster a rule, so memory does not grow with the trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from replay.columns import OpKind
from replay.command_set import CommandSet
from tracetool.analysis.cluster import Cluster
from tracetool.analysis.wide_erases import WideErases
from tracetool.findings.cfi02 import CFI02_RULES
from tracetool.findings.locks import Locks
from tracetool.findings.operations import OPERATION_RULES
from tracetool.findings.watched import Watched
from tracetool.timeline.sums import NO_TIME, WRITING_KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from replay.chip_limits import ChipProfile
    from replay.geometry import Geometry
    from tracetool.timeline.sums import Sums

    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

__all__ = ["OperationWatch"]

_BOOT_BITS = 32
_POLLED = -1
"""Instead of the number of a run: the status was read as ready."""
_PROGRAMS = (OpKind.PROGRAM, OpKind.BUFFERED_PROGRAM)
_LOCK_STATUS_WORD = 2  # index of a block's lock status among its identifiers; bit 0 of it is set if locked
_RULES = {CommandSet.CFI01: OPERATION_RULES, CommandSet.CFI02: CFI02_RULES}


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
        longest_us = (chip.erase_us, chip.program_us, chip.buffered_program_us)
        self._longest_ns[[*WRITING_KINDS]] = np.multiply(longest_us, 1000)
        self._locks = Locks()

    def add(self, sums: Sums) -> None:
        """Collect the operations of a batch."""
        programs, erased = sums.is_kind(*_PROGRAMS), (sums["kind"] == OpKind.ERASE) & (sums["erased"] != 0)
        self.written_bytes += int(sums["programmed"].sum() + (sums["high"] - sums["low"])[erased].sum())
        self.changed_bytes += int(sums["bytes_changed"][programs].sum())
        self.contents_unknown |= bool(sums["unknown"][programs].any())
        if not self._cfi02:
            self.wide_erases.add(sums)
        watched = self._with_context(sums)
        for name, one in _RULES[self._geometry.command_set].items():
            self.clusters[name].add_operations(sums, one.selects(watched))

    def _with_context(self, sums: Sums) -> Watched:
        """The operations with the chip's sizes and its state before each."""
        none = np.zeros(len(sums), np.bool_)
        if self._cfi02:
            return Watched(sums, self._geometry, self._chip, none, none, none)
        return Watched(sums, self._geometry, self._chip, *self._busy_before(sums), self._locked(sums))

    def _busy_before(self, sums: Sums) -> tuple[Mask, Mask]:
        """Masks of operations before which a chip could be busy with a program or erase that was not polled to its end.

        First, where the chip's longest time for it was not over; then, where the trace has no times to tell. A reset
        ends everything.
        """
        kinds, polled, times, ends = sums["kind"], sums["polled_ready"] != 0, sums["time_ns"], sums["end_ns"]
        runs = self._runs(sums)  # a chip goes on with what it does until a reset
        marks = np.stack([np.where(polled, _POLLED, runs), ends, self._longest_ns[kinds]], axis=1)
        marks = np.concatenate([self._writing[np.newaxis], marks])
        own = np.concatenate([[True], polled | sums.writing])
        last = np.maximum.accumulate(np.where(own, np.arange(len(own)), 0))
        self._writing = marks[last[-1]]
        run, since, longest = marks[last[:-1]].T
        unpolled, timed, elapsed = run == runs, (since != NO_TIME) & (times != NO_TIME), times - since
        return unpolled & timed & (elapsed >= 0) & (elapsed < longest), unpolled & ~timed

    @staticmethod
    def _runs(sums: Sums) -> Integers:
        """A number for the trace and boot of each operation."""
        runs: Integers = (sums.trace << _BOOT_BITS) + sums["boot"]
        return runs

    def _locked(self, sums: Sums) -> Mask:
        """Mask of operations on a block that was not unlocked since power-up or reset.

        A driver that read the block's lock status and found it unlocked need not unlock it; it would have on silicon.
        """
        if not self._chip.locked_at_power_up:
            return np.zeros(len(sums), np.bool_)
        geometry, found = self._geometry, sums["identifier_offset"]
        asked = (found >= 0) & ((found // geometry.bank_width) & 0xFF == _LOCK_STATUS_WORD)
        checked = np.where(asked, found // geometry.block, -1)
        block = np.maximum(sums.offset, 0) // geometry.block
        return self._locks.add(block, checked, sums["kind"], self._runs(sums))
