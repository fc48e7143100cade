"""Random programs for a live flash: what drivers send, what broken ones send, and noise."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replay.geometry import Geometry
    from tests.live.machines import Machine


class Access(NamedTuple):
    """A store, a load (no value), or the machine's reset (no size); `unit` is the flash among those driven."""

    unit: int
    offset: int
    size: int
    value: int | None = None


RESET = Access(-1, 0, 0)

_COMMANDS = (0x00, 0x10, 0x20, 0x28, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xE8, 0xE8, 0xF0, 0xFF, 0xD0, 0x01, 0xB0)
_CONFIRMS = (0xD0, 0xD0, 0xD0, 0xD0, 0xD0, 0xD0, 0x01, 0xFF, 0x70, 0xE8)
_SIZES = (4, 4, 4, 4, 1, 2, 8)
_COUNTS = (0, 1, 2, 5, 15, 31, 31, 40)


def blocks_in_use(geometry: Geometry) -> list[int]:
    """Give the numbers of the blocks that programs mostly use: both ends and the middle."""
    last = geometry.size // geometry.block - 1
    return sorted({number for number in (0, 1, 2, last // 2, last - 1, last) if 0 <= number <= last})


def program(machine: Machine, seed: int, length: int) -> list[Access]:
    """Make up at least `length` accesses for the machine's flashes."""
    random = Random(seed)  # noqa: S311  no secret depends on it
    flashes = machine.driven
    writers = [_Driver(random, unit, flash.geometry) for unit, flash in enumerate(flashes)]
    weights = [1 if flash.read_only else 6 for flash in flashes]
    accesses: list[Access] = []
    while len(accesses) < length:
        if random.random() < 0.002:
            accesses.append(RESET)
        accesses += random.choices(writers, weights)[0].phrase()
    return accesses


class _Driver:
    """Makes up phrases for one flash."""

    def __init__(self, random: Random, unit: int, geometry: Geometry) -> None:
        self.random = random
        self.unit = unit
        self.geometry = geometry
        self.edges = [0, geometry.size]
        for number in blocks_in_use(geometry):
            start = number * geometry.block
            windows = range(0, min(geometry.block, 4 * geometry.window), geometry.window)
            self.edges += [start, start + 512, start + geometry.block // 2, *(start + at for at in windows)]

    def phrase(self) -> list[Access]:
        """Make up one operation, or something that is none."""
        kinds = (self.buffered, self.single, self.erase, self.ask, self.lock, self.noise, self.alone, self.look)
        return list(self.random.choices(kinds, (8, 5, 3, 4, 1, 3, 2, 3))[0]())

    # --- parts ---------------------------------------------------------------------------------------------------

    def place(self, size: int) -> int:
        """Choose an offset near an edge, seldom anywhere; mostly aligned."""
        random, geometry = self.random, self.geometry
        offset = random.choice(self.edges) + random.choice((0, 0, 0, 1, -1, 2, -2, 5, 9)) * random.choice((1, size))
        if random.random() < 0.05:
            offset = random.randrange(geometry.size)
        return self.inside(offset if random.random() < 0.15 else offset // size * size, size)

    def inside(self, offset: int, size: int) -> int:
        """Bring an access into the region."""
        return max(0, min(offset, self.geometry.size - size))

    def size(self) -> int:
        """Choose a width."""
        return self.random.choice(_SIZES)

    def write(self, offset: int, size: int, value: int) -> Access:
        """Store, with what does not fit cut off."""
        return Access(self.unit, self.inside(offset, size), size, value & ((1 << 8 * size) - 1))

    def read(self, offset: int, size: int) -> Access:
        """Load."""
        return Access(self.unit, self.inside(offset, size), size)

    def command(self, byte: int, offset: int | None = None) -> Access:
        """Send a command to all chips, or to one, or with rubbish in the lanes that no chip looks at."""
        size = self.size()
        lanes = self.random.choice((1, 0x10001, 0x10001, 0x10001, 0x01010101))
        rubbish = self.random.getrandbits(8 * size - 8) << 8 if self.random.random() < 0.1 else 0
        return self.write(self.place(size) if offset is None else offset, size, byte * lanes | rubbish)

    def word(self) -> int:
        """Choose data; bytes that look like commands among it."""
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
            near = self.random.choice((self.random.randrange(0x200), self.random.randrange(0x60) * 4, self.place(4)))
            yield self.read(near, self.size())
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
            yield self.command(0x50)
        yield self.command(0xE8, at)
        if random.random() < 0.3:
            yield self.read(at, size)
        count = random.choice(_COUNTS) if random.random() < 0.98 else self.geometry.window // size - 1
        lanes = random.choice((1, 0x10001, 0x10001, 0x10001))
        yield self.write(at, max(size, 2), (count if random.random() < 0.95 else self.word()) * lanes)
        offset, stride = at, random.choice((size, size, size, size, size, -size, 3 * size))
        for _ in range(count + (1 if random.random() < 0.95 else random.randint(0, 3))):
            yield self.write(offset, size, self.word())
            offset = offset + stride if random.random() < 0.99 else self.place(size)
            if random.random() < 0.01:
                yield self.read(offset, size)
        if random.random() < 0.97:
            yield self.command(random.choice(_CONFIRMS), at)
        if random.random() < 0.4:
            yield self.command(0xFF)
            yield self.read(at, size)
