"""Random programs for a live flash: what drivers send, what broken ones send, and noise."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replay.geometry import Geometry
    from tests.live.machines import Machine


class Access(NamedTuple):
    """A store, a load (no value), or a reset (no size); `unit` is the index of the flash in `Machine.driven`."""

    unit: int
    offset: int
    size: int
    value: int | None = None


RESET = Access(-1, 0, 0)

_COMMANDS = (0x00, 0x10, 0x20, 0x28, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xE8, 0xE8, 0xF0, 0xFF, 0xD0, 0x01, 0xB0)
_CONFIRMS = (*[0xD0] * 12, 0x01, 0xFF, 0x70, 0xE8)
_SIZES = (4, 4, 4, 4, 1, 2, 8)
_WIDEST = 4
_FEW = 64
"""Most words of a buffered write that are still sent; where more are left, only a reset ends it."""
_COUNTS = (0, 1, 2, 5, 15, 31, 31, 40)


def pieces(access: Access, *, big_endian: bool) -> Iterator[tuple[int, int, int]]:
    """Split an access as QEMU's memory system does for the device: offset, size, shift in the value.

    A piece is at most four bytes wide, and aligned.
    """
    offset, end = access.offset, access.offset + access.size
    while offset < end:
        size = min(_WIDEST, end - offset)
        size = 1 << (size.bit_length() - 1)
        size = min(size, offset & -offset) if offset else size
        yield offset, size, 8 * (end - offset - size if big_endian else offset - access.offset)
        offset += size


def blocks_in_use(geometry: Geometry) -> list[int]:
    """Numbers of the blocks that programs mostly use: both ends and the middle."""
    last = geometry.size // geometry.block - 1
    return sorted({number for number in (0, 1, 2, last // 2, last - 1, last) if 0 <= number <= last})


def program(machine: Machine, seed: int, length: int) -> list[Access]:
    """Generate at least `length` accesses to the machine's flashes."""
    random = Random(seed)  # noqa: S311  no secret depends on it
    flashes = machine.driven
    big = machine.big_endian
    writers = [_Driver(random, unit, flash.geometry, big_endian=big) for unit, flash in enumerate(flashes)]
    weights = [1 if flash.read_only else 6 for flash in flashes]
    accesses: list[Access] = []
    while len(accesses) < length:
        writer = random.choices(writers, weights)[0]
        accesses += writer.phrase()
        if random.random() < 0.002 or (writer.stuck and random.random() < 0.4):
            accesses.append(RESET)
            for each in writers:
                each.reset()
    return accesses


class _Cycles:
    """Progress of the current command, so that a program can continue it: write cycle and words left."""

    def __init__(self, geometry: Geometry) -> None:
        self.count_mask = (1 << 8 * (geometry.chip_width or geometry.bank_width)) - 1
        self.command = 0
        self.cycle = 0
        self.left = 0

    def write(self, value: int) -> None:
        """Follow one write cycle."""
        byte = value & 0xFF
        if self.cycle == 0:
            self.command = byte
            self.cycle = int(byte in (0x10, 0x20, 0x28, 0x40, 0x60, 0x98, 0xE8))
        elif self.cycle == 1 and self.command == 0xE8:
            self.cycle, self.left = 2, value & self.count_mask
        elif self.cycle == 2:
            self.cycle = 2 if self.left else 3
            self.left -= 1
        elif self.command != 0x98 or byte == 0xFF:
            self.cycle = 0


class _Driver:
    """Generates phrases for one flash."""

    def __init__(self, random: Random, unit: int, geometry: Geometry, *, big_endian: bool) -> None:
        self.cycles = _Cycles(geometry)
        self.big_endian = big_endian
        self.random = random
        self.unit = unit
        self.geometry = geometry
        self.last = 0
        self.edges = [0, geometry.size]
        for number in blocks_in_use(geometry):
            start = number * geometry.block
            windows = range(0, min(geometry.block, 4 * geometry.window), geometry.window)
            self.edges += [start, start + 512, start + geometry.block // 2, *(start + at for at in windows)]

    @property
    def stuck(self) -> bool:
        """True when more words are expected than a program sends."""
        return self.cycles.cycle == 2 and self.cycles.left > _FEW

    def reset(self) -> None:
        """Follow a reset of the machine."""
        self.cycles = _Cycles(self.geometry)

    def phrase(self) -> list[Access]:
        """Generate one operation, or noise; mostly after the command in progress was completed."""
        accesses: list[Access] = []
        while self.cycles.cycle and not self.stuck and self.random.random() < 0.9:
            accesses.append(self._done(self.command(self._next(), self.last)))
        return accesses + [self._done(access) for access in self._phrase()]

    def _next(self) -> int:
        """Byte that the command in progress waits for."""
        if self.cycles.command == 0x98:
            return 0xFF
        if self.cycles.command == 0xE8 and self.cycles.cycle == 1:
            return self.random.randint(0, 3)
        return 0xD0

    def _done(self, access: Access) -> Access:
        """Follow an access, and return it."""
        self.last = access.offset
        if access.value is not None:
            for _, size, shift in pieces(access, big_endian=self.big_endian):
                self.cycles.write(access.value >> shift & ((1 << 8 * size) - 1))
        return access

    def _phrase(self) -> list[Access]:
        kinds = (self.buffered, self.single, self.erase, self.ask, self.lock, self.noise, self.alone, self.look)
        return list(self.random.choices(kinds, (8, 5, 3, 4, 1, 3, 2, 3))[0]())

    # --- parts ---------------------------------------------------------------------------------------------------

    def place(self, size: int) -> int:
        """Choose an offset near an edge, rarely elsewhere; mostly aligned."""
        random, geometry = self.random, self.geometry
        offset = random.choice(self.edges) + random.choice((0, 0, 0, 1, -1, 2, -2, 5, 9)) * random.choice((1, size))
        if random.random() < 0.05:
            offset = random.randrange(geometry.size)
        return self.inside(offset if random.random() < 0.15 else offset // size * size, size)

    def inside(self, offset: int, size: int) -> int:
        """Clamp an access to the region."""
        return max(0, min(offset, self.geometry.size - size))

    def size(self) -> int:
        """Choose a width."""
        return self.random.choice(_SIZES)

    def write(self, offset: int, size: int, value: int) -> Access:
        """Store, with the value truncated to the size."""
        return Access(self.unit, self.inside(offset, size), size, value & ((1 << 8 * size) - 1))

    def read(self, offset: int, size: int) -> Access:
        """Load."""
        return Access(self.unit, self.inside(offset, size), size)

    def command(self, byte: int, offset: int | None = None) -> Access:
        """Send a command to all chips, or to one, or with noise in the lanes that no chip decodes."""
        size = self.size()
        lanes = self.random.choice((1, 0x10001, 0x10001, 0x10001, 0x01010101))
        rubbish = self.random.getrandbits(8 * size - 8) << 8 if self.random.random() < 0.1 else 0
        return self.write(self.place(size) if offset is None else offset, size, byte * lanes | rubbish)

    def word(self) -> int:
        """Choose data, sometimes bytes that look like commands."""
        if self.random.random() < 0.1:
            return self.random.choice(_COMMANDS) * 0x10001
        return self.random.getrandbits(64)

    # --- phrases -------------------------------------------------------------------------------------------------

    def look(self) -> Iterator[Access]:
        """Read something."""
        for _ in range(self.random.randint(1, 5)):
            size = self.size()
            yield self.read(self.place(size), size)

    def alone(self) -> Iterator[Access]:
        """Send a command and leave it there."""
        yield self.command(self.random.choice(_COMMANDS))

    def noise(self) -> Iterator[Access]:
        """Write anything anywhere."""
        size = self.size()
        yield self.write(self.place(size), size, self.word())

    def ask(self) -> Iterator[Access]:
        """Read status, identifiers or query table."""
        if self.random.random() < 0.2:
            yield self.command(0x50)
        yield self.command(self.random.choice((0x70, 0x90, 0x98, 0x98)))
        for _ in range(self.random.randint(1, 8)):
            ranges = (self.random.randrange(12), self.random.randrange(0x200), self.random.randrange(0x60) * 4)
            yield self.read(self.random.choice((*ranges, self.place(4))), self.size())
        if self.random.random() < 0.7:
            yield self.command(self.random.choice((0xFF, 0xFF, 0xF0, 0x00)))

    def lock(self) -> Iterator[Access]:
        """Lock or unlock a block."""
        yield self.command(0x60)
        yield self.command(self.random.choice(_CONFIRMS))

    def erase(self) -> Iterator[Access]:
        """Erase a block, mostly with its confirm."""
        at = self.place(4)
        yield self.command(0x20, at)
        if self.random.random() < 0.9:
            yield self.command(self.random.choice(_CONFIRMS), at)
        if self.random.random() < 0.5:
            yield self.read(at, self.size())

    def single(self) -> Iterator[Access]:
        """Program words one at a time, as OVMF does."""
        size = self.size()
        at = self.place(size)
        for _ in range(self.random.randint(1, 6)):
            yield self.command(self.random.choice((0x10, 0x40, 0x40)), at)
            if self.random.random() < 0.95:
                yield self.write(at, size, self.word())
            if self.random.random() < 0.3:
                yield self.read(at, size)
            at += size
        if self.random.random() < 0.5:
            yield self.command(0xFF)
            yield self.read(at - size, size)

    def buffered(self) -> Iterator[Access]:
        """Do a buffered write: mostly whole and in order, else with a word elsewhere, missing, or unconfirmed."""
        random = self.random
        size = self.size()
        at = self.place(size)
        if random.random() < 0.5:
            at = self.inside(at // self.geometry.window * self.geometry.window + random.choice((0, 0, 4, 64)), size)
        if random.random() < 0.7:
            yield self.command(0x50)
        yield self.command(0xE8, at)
        if random.random() < 0.3:
            yield self.read(at, size)
        count = random.choice(_COUNTS) if random.random() < 0.99 or size < 4 else self.geometry.window // size - 1
        lanes = 0x10001 if random.random() < (0.9 if self.geometry.chips > 1 else 0.05) else 1
        yield self.write(at, min(4, max(size, 2)), (count if random.random() < 0.96 else self.word()) * lanes)
        offset, stride = at, random.choice((*[size] * 12, -size, 3 * size))
        words = count + (1 if random.random() < 0.95 else random.randint(0, 3))
        for _ in range(-(-words * min(size, _WIDEST) // size)):
            yield self.write(offset, size, self.word())
            offset = offset + stride if random.random() < 0.99 else self.place(size)
            if random.random() < 0.01:
                yield self.read(offset, size)
        if random.random() < 0.97:
            yield self.command(random.choice(_CONFIRMS), at)
        if random.random() < 0.4:
            yield self.command(0xFF)
            yield self.read(at, size)
