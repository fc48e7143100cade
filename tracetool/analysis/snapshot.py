"""The contents of a flash at one moment: blocks that the journal touched, and the constant rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["Block", "Rest", "Snapshot", "differences"]


class Block(NamedTuple):
    """One block: bytes (uint8) and mask of known bytes (bool). Shared between snapshots: never written to."""

    data: NDArray[np.uint8]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Rest:
    """Contents that no change touched: uint8, the region, with their mask and its value for a known byte."""

    data: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    known_value: int
    block_bytes: int
    runs: dict[int, tuple[tuple[int, int, str], ...]] = field(default_factory=dict, repr=False, compare=False)
    """Cache of the runs in each block."""
    _known_blocks: dict[int, bool] = field(default_factory=dict, repr=False, compare=False)

    def block(self, number: int) -> Block:
        """A copy of a block."""
        span = slice(number * self.block_bytes, (number + 1) * self.block_bytes)
        return Block(self.data[span].copy(), self.mask[span] == self.known_value)

    def knows_any(self, number: int) -> bool:
        """True when a byte of the block is known; cached."""
        if number not in self._known_blocks:
            span = slice(number * self.block_bytes, (number + 1) * self.block_bytes)
            self._known_blocks[number] = bool((self.mask[span] == self.known_value).any())
        return self._known_blocks[number]


@dataclass(frozen=True)
class Snapshot:
    """Contents after change number `position` (0: before the first). Offsets and lengths in bytes."""

    position: int
    blocks: dict[int, Block]
    rest: Rest

    def __len__(self) -> int:
        return len(self.rest.data)

    def touched(self, number: int) -> bool:
        """True when any change, at any moment, is in this block."""
        return number in self.blocks

    def block(self, number: int) -> Block:
        """The contents of a block."""
        found = self.blocks.get(number)
        return self.rest.block(number) if found is None else found

    def knows_any(self, number: int) -> bool:
        """True when a byte of the block is known."""
        found = self.blocks.get(number)
        return self.rest.knows_any(number) if found is None else bool(found.known.any())

    def read(self, offset: int, length: int) -> Block:
        """The bytes from `offset` on, up to the end of the flash, with their mask."""
        end = min(offset + length, len(self))
        if offset >= end:
            return Block(np.zeros(0, np.uint8), np.zeros(0, np.bool_))
        parts = list(self._parts(offset, end))
        if len(parts) == 1:
            return parts[0]
        return Block(np.concatenate([part.data for part in parts]), np.concatenate([part.known for part in parts]))

    def replaced(self, offset: int, data: bytes) -> Snapshot:
        """These contents with other bytes, all known, from an offset on; they end within the flash."""
        size, end = self.rest.block_bytes, offset + len(data)
        blocks = dict(self.blocks)
        for number in range(offset // size, -(-end // size)):
            whole = self.block(number)
            block = Block(whole.data.copy(), whole.known.copy())
            low, high = max(offset, number * size), min(end, (number + 1) * size)
            here = slice(low - number * size, high - number * size)
            block.data[here] = np.frombuffer(data, np.uint8)[low - offset : high - offset]
            block.known[here] = True
            blocks[number] = block
        return Snapshot(self.position, blocks, self.rest)

    def whole(self) -> Block:
        """All of the flash, in arrays that the caller can write to."""
        data, known = self.rest.data.copy(), self.rest.mask == self.rest.known_value
        size = self.rest.block_bytes
        for number, block in self.blocks.items():
            data[number * size : (number + 1) * size] = block.data
            known[number * size : (number + 1) * size] = block.known
        return Block(data, known)

    def known_bytes(self, offset: int, length: int) -> bytes | None:
        """The bytes at an offset; None where one is not known or lies outside the flash."""
        if offset < 0 or length < 0:
            return None
        block = self.read(offset, length)
        return block.data.tobytes() if len(block.data) == length and block.known.all() else None

    def _parts(self, offset: int, end: int) -> Iterator[Block]:
        size = self.rest.block_bytes
        for number in range(offset // size, -(-end // size)):
            low, high = max(offset - number * size, 0), min(end - number * size, size)
            found = self.blocks.get(number)
            if found is not None:
                yield Block(found.data[low:high], found.known[low:high])
            else:
                span = slice(number * size + low, number * size + high)
                yield Block(self.rest.data[span], self.rest.mask[span] == self.rest.known_value)

    # --- searching -----------------------------------------------------------------------------------------------

    def find(self, pattern: bytes, start: int = 0, *, backwards: bool = False) -> int | None:
        """Offset of the next match of `pattern` at or after `start` (before it, if backwards); None for none.

        Only known bytes match.
        """
        if not pattern:
            return None
        numbers = range(self.rest.block_bytes and -(-len(self) // self.rest.block_bytes))
        first = min(max(start, 0), len(self)) // self.rest.block_bytes
        order = reversed(numbers[: first + 1]) if backwards else numbers[first:]
        for number in order:
            found = self._find_in(number, pattern, start, backwards=backwards)
            if found is not None:
                return found
        return None

    def _find_in(self, number: int, pattern: bytes, start: int, *, backwards: bool) -> int | None:
        """The first (last) match that begins in a block."""
        if not self.knows_any(number):
            return None
        base = number * self.rest.block_bytes
        piece = self.read(base, self.rest.block_bytes + len(pattern) - 1)
        data, known = piece.data.tobytes(), piece.known
        low, high = (0, start - base) if backwards else (max(start - base, 0), self.rest.block_bytes)
        high = min(high, self.rest.block_bytes)
        while low < high:
            end = high + len(pattern) - 1
            at = data.rfind(pattern, low, end) if backwards else data.find(pattern, low, end)
            if at < 0:
                return None
            if known[at : at + len(pattern)].all():
                return base + at
            low, high = (low, at) if backwards else (at + 1, high)
        return None


def differences(before: Snapshot, after: Snapshot, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of bytes within `spans` (offset, end) that differ, the ends exclusive.

    A byte that is known in only one of them differs.
    """
    found: list[tuple[int, int]] = []
    for start, end in spans:
        one, other = before.read(start, end - start), after.read(start, end - start)
        differ = (one.known != other.known) | (one.known & other.known & (one.data != other.data))
        edges = np.flatnonzero(np.diff(differ, prepend=False, append=False))
        found += [(start + low, start + high) for low, high in edges.reshape(-1, 2).tolist()]
    return found
