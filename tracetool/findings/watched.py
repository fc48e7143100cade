"""Operations as rules about single ones see them: with the sizes of the chip, and its state before each."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from replay.columns import Flag, OpKind
from tracetool.timeline.sums import Sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from replay.chip_limits import ChipProfile
    from replay.geometry import Geometry

    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

__all__ = ["QUIET", "Watched"]

QUIET = (OpKind.READ_ARRAY, OpKind.IDENTIFY, OpKind.QUERY)
"""Kinds that neither change the flash nor read its status."""

_WORDS_PER_COUNT = 1


class Watched(Sums):
    """Operations of a device that have ended, and masks of what a chip would be before each.

    Attributes:
        block_bytes: size of a block; where they are unlike, of the largest.
        buffer_bytes: size of the chips' write buffers.
        busy_before: a program or erase that was not polled to its end may not be over.
        unpolled_before: nor is it known, since the trace has no times.
        locked: the operation's block was not unlocked.
    """

    def __init__(
        self, sums: Sums, geometry: Geometry, chip: ChipProfile, busy: Mask, unpolled: Mask, locked: Mask
    ) -> None:
        super().__init__(sums.columns, sums.trace)
        self.geometry = geometry
        self.block_bytes = geometry.largest_block
        self.buffer_bytes = chip.buffer_bytes * geometry.chips
        self.busy_before, self.unpolled_before, self.locked = busy, unpolled, locked

    @cached_property
    def doubtful(self) -> Mask:
        """Mask of operations where model and trace disagree, or the state is a guess."""
        return self.flagged(Flag.MISMATCH | Flag.ADOPTED)

    @cached_property
    def inferred(self) -> Mask:
        """Mask of operations that are known by inner events alone."""
        found: Mask = self["inferred"] != 0
        return found

    @cached_property
    def low_byte(self) -> Integers:
        """The low byte of the value of the first access; `ABSENT` for none."""
        value = self["command_value"]
        return np.where(value >= 0, value & 0xFF, value)

    @property
    def counted_bytes(self) -> Integers:
        """Bytes that the count of a buffered write stands for."""
        mask = (1 << (8 * (self.geometry.chip_width or self.geometry.bank_width))) - 1
        counted: Integers = ((self["count_value"] & mask) + _WORDS_PER_COUNT) * self.geometry.bank_width
        return counted

    @property
    def one_lane(self) -> Mask:
        """Mask of commands for some chips of several: in a byte of an access as wide as the bank, or a narrower access.

        A driver that does not know the bus yet asks for identifiers in every width; these are left out.
        """
        geometry, value, size = self.geometry, self["command_value"], self["command_size"]
        if geometry.chips == 1:
            return np.zeros(len(self), np.bool_)
        plain = (value > 0) & (value <= 0xFF) & (size == geometry.bank_width)  # noqa: PLR2004  one byte
        narrow = (size >= (geometry.chip_width or 0)) & (size < geometry.bank_width)
        found: Mask = ~self.is_kind(OpKind.STRAY, OpKind.NONE, *QUIET) & (plain | narrow)
        return found
