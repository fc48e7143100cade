"""Random programs for a CFI02 flash: commands as drivers send them, their mistakes, and wild accesses."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from replay.cfi02.facts import CHIP_ERASE_NS, SECTOR_ERASE_NS, UNLOCK_ADDRESSES, WINDOW_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.cfi02_machines import Cfi02Machine

__all__ = ["RESET", "Step", "program"]

_FIRST, _SECOND = UNLOCK_ADDRESSES
_STEPS_NS = (0, 0, WINDOW_NS, SECTOR_ERASE_NS, 4 * SECTOR_ERASE_NS)
_COMMANDS = (0x00, 0x10, 0x20, 0x30, 0x55, 0x80, 0x90, 0x98, 0xA0, 0xAA, 0xB0, 0xF0, 0xFF)


class Step(NamedTuple):
    """A load (`value` None) or store of `size` bytes at an offset in the mapped range; or virtual time that passes."""

    offset: int = 0
    size: int = 0
    value: int | None = None
    elapsed_ns: int = 0


RESET = Step()


class _Guest:
    """Appends what a guest does, by kind, until a program is long enough."""

    def __init__(self, machine: Cfi02Machine, seed: int) -> None:
        self._random = random.Random(f"{machine.name} {seed}")  # noqa: S311  not a secret
        self._machine = machine
        self._width = machine.geometry.bank_width
        self._sectors = self._some_sectors()
        self.steps: list[Step] = []

    def _some_sectors(self) -> list[tuple[int, int]]:
        """First, last and some other sectors: start and size."""
        geometry, sectors, start = self._machine.geometry, list[tuple[int, int]](), 0
        for count, size in geometry.regions:
            sectors += [(start + number * size, size) for number in {0, 1, count // 2, count - 1} if number < count]
            start += count * size
        return sectors

    # --- single accesses -----------------------------------------------------------------------------------------

    def _place(self) -> int:
        """An offset in one of the sectors, often the same few."""
        start, size = self._random.choice(self._sectors)
        inside = self._random.choice([0, 0, 4, self._random.randrange(64), self._random.randrange(size), size - 4])
        return start + inside

    def _size(self) -> int:
        return self._random.choice([self._width, self._width, self._width, 1, 2, 4])

    def _mapped(self, offset: int) -> int:
        return offset + self._random.randrange(self._machine.mirrors) * self._machine.geometry.size

    def store(self, offset: int, value: int, size: int = 0) -> None:
        """Store a value."""
        size = min(size or self._width, 4)
        inside = min(offset, self._machine.geometry.size - size)
        self.steps.append(Step(self._mapped(inside), size, value & ((1 << 8 * size) - 1)))

    def load(self, offset: int | None = None) -> None:
        """Load from a place."""
        size = self._size()
        inside = min(self._place() if offset is None else offset, self._machine.geometry.size - size)
        self.steps.append(Step(self._mapped(inside), size))

    def _at(self, address: int) -> int:
        """An offset that decodes to a command address: anywhere in the chip, now and then a wrong one."""
        if self._random.random() < 0.02:
            address ^= 1 << self._random.randrange(11)
        high = self._random.choice(
            [0, 0, 0, self._random.randrange(self._machine.geometry.size // (self._width << 11))]
        )
        return ((high << 11) + address) * self._width + self._random.choice(
            [0] * 9 + [self._random.randrange(self._width)]
        )

    # --- commands ------------------------------------------------------------------------------------------------

    def unlock(self) -> None:
        """Both unlock cycles."""
        junk = self._random.choice([0, 0, 0, 0x1200])
        self.store(self._at(_FIRST), junk | 0xAA)
        if self._random.random() < 0.05:
            self.load()
        self.store(self._at(_SECOND), junk | 0x55)

    def command(self, command: int) -> None:
        """An unlocked command."""
        self.unlock()
        self.store(self._at(_FIRST), command)

    def program(self) -> None:
        """Program a word, and poll it."""
        place = self._place()
        self.command(0xA0)
        if self._random.random() < 0.1:
            self.load()
        self.store(place, self._random.getrandbits(32) | self._random.choice([0, 0xFF]), self._size())
        for _ in range(self._random.choice([0, 1, 2, 3])):
            self.load(place)

    def bypass(self) -> None:
        """Some programs in unlock bypass, and perhaps its end."""
        self.command(0x20)
        for _ in range(self._random.randrange(4)):
            self.store(self._place(), self._random.choice([0xA0, 0xA0, 0xA0, 0x90, 0x80, 0x55]))
            self.store(self._place(), self._random.getrandbits(16), self._size())
        if self._random.random() < 0.7:
            self.store(self._place(), 0x90)
            self.store(self._place(), 0x00)

    def erase(self) -> None:
        """Erase one or several sectors; then anything may come."""
        self.command(0x80)
        self.unlock()
        self.store(self._place(), 0x30)
        for _ in range(self._random.choice([0, 0, 1, 3])):
            self.store(self._place(), 0x30)
        for _ in range(self._random.randrange(4)):
            self._random.choice([self.wait, self.load, self.load, self.suspend, self.wild])()

    def erase_all(self) -> None:
        """Erase the chip, now and then at a wrong address."""
        self.command(0x80)
        self.unlock()
        self.store(self._at(_FIRST) ^ self._random.choice([0, 0, self._width]), 0x10)
        self.load()
        self.store(self._place(), self._random.choice(_COMMANDS))
        self.steps.append(Step(elapsed_ns=self._random.choice([1, 1, 1, CHIP_ERASE_NS * 11 // 10])))

    def suspend(self) -> None:
        """Suspend an erase, use the flash, and perhaps resume."""
        self.store(self._place(), 0xB0)
        for _ in range(self._random.randrange(3)):
            self._random.choice([self.load, self.program, self.identify])()
        if self._random.random() < 0.7:
            self.store(self._place(), 0x30)

    def identify(self) -> None:
        """Read identifiers, and perhaps the query table inside."""
        self.command(0x90)
        for address in (0, 1, 2, 0x0E, 0x0F, self._random.randrange(0x20)):
            self.load(self._random.choice([0, 0x100 * self._width]) + address * self._width)
        if self._random.random() < 0.3:
            self.store(self._at(0x55), 0x98)
            self.load(self._random.randrange(0x60) * self._width)
        self.store(self._place(), self._random.choice([0xF0, 0xF0, 0x00, 0xFF]))

    def query(self) -> None:
        """Read some of the query table."""
        self.store(self._at(0x55), 0x98)
        for _ in range(self._random.randrange(6)):
            self.load(self._random.randrange(0x60) * self._width)
        self.store(self._place(), self._random.choice([0xF0, 0xFF]))

    def wait(self) -> None:
        """Let time pass."""
        self.steps.append(Step(elapsed_ns=1 + self._random.choice(_STEPS_NS)))

    def wild(self) -> None:
        """Store any command anywhere."""
        value = self._random.choice([self._random.choice(_COMMANDS), self._random.getrandbits(32)])
        self.store(self._place(), value, self._size())

    def many_loads(self) -> None:
        """Load until the array is mapped for direct reads."""
        for _ in range(self._random.choice([3, 42, 43, 50])):
            self.load()

    def reset(self) -> None:
        """Reset the machine."""
        self.steps.append(RESET)


_WEIGHTS: dict[Callable[[_Guest], None], int] = {
    _Guest.program: 20,
    _Guest.erase: 12,
    _Guest.bypass: 6,
    _Guest.identify: 4,
    _Guest.query: 3,
    _Guest.suspend: 4,
    _Guest.wait: 10,
    _Guest.wild: 12,
    _Guest.load: 12,
    _Guest.many_loads: 1,
}
_RARE: dict[Callable[[_Guest], None], float] = {_Guest.erase_all: 0.01, _Guest.reset: 0.01}


def program(machine: Cfi02Machine, seed: int, length: int) -> list[Step]:
    """A random program of at least `length` steps, the same for the same seed."""
    guest = _Guest(machine, seed)
    choose = random.Random(seed)  # noqa: S311  not a secret
    kinds, weights = zip(*_WEIGHTS.items(), strict=True)
    while len(guest.steps) < length:
        rare = next((kind for kind, chance in _RARE.items() if choose.random() < chance), None)
        (rare or choose.choices(kinds, weights)[0])(guest)
    return guest.steps
