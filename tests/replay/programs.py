"""Rows for the machine, built by hand or drawn at random."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from hypothesis import strategies as st

from replay.columns import ABSENT, ABSENT_COUNTER, TEXT_CODES, JournalKind, RowKind
from replay.engine import Machine, Stop
from replay.geometry import Geometry
from replay.machine_state import state_of
from replay.tables import RowColumns, StepColumns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hypothesis.strategies import SearchStrategy
    from numpy.typing import NDArray

    from replay.columns import Target
    from replay.engine import Config
    from replay.journal import Change, Journal


class Event(NamedTuple):
    """One row of a trace; arguments that its kind does not log are absent."""

    kind: RowKind
    offset: int = ABSENT
    size: int = ABSENT
    value: int = ABSENT
    cmd: int = ABSENT
    wcycle: int = ABSENT
    counter: int = ABSENT_COUNTER
    length: int = ABSENT
    text: int = ABSENT


RESET = Event(RowKind.RESET)
READ_ARRAY = Event(RowKind.MODE_READ_ARRAY)
FLUSH = Event(RowKind.WRITE_BLOCK_FLUSH)
ABORT = Event(RowKind.WRITE_BLOCK_ABORT)


def newest_first(journal: Journal) -> Iterator[Change]:
    """The changes, from the last to the first."""
    return journal.changes(0, len(journal), newest_first=True)


def rewound(journal: Journal, contents: NDArray[np.uint8], seq: int, target: Target) -> NDArray[np.uint8]:
    """`contents` as they were just after event `seq`, given the contents after the last change.

    Forgotten bytes (`JournalKind.FORGET`) keep their value: they became unknown, but did not change.
    """
    then = contents.copy()
    for change in newest_first(journal):
        if change.seq <= seq:
            break
        if change.target & target and change.kind != JournalKind.FORGET:
            then[change.offset : change.offset + change.length] = change.before
    return then


def write(offset: int, value: int, size: int = 4, *, wcycle: int = ABSENT) -> Event:
    """Build a bus write."""
    return Event(RowKind.IO_WRITE, offset, size, value, wcycle=wcycle)


def read(offset: int, size: int = 4, value: int = ABSENT, *, cmd: int = ABSENT, wcycle: int = ABSENT) -> Event:
    """Build a bus read that reached the device."""
    return Event(RowKind.IO_READ, offset, size, value, cmd, wcycle)


def said(text: str) -> Event:
    """Build a `write` event."""
    return Event(RowKind.WRITE_TEXT, text=TEXT_CODES[text])


def valued(kind: RowKind, value: int) -> Event:
    """Build an inner event whose only argument is a value."""
    return Event(kind, value=value)


def stored(offset: int, value: int, size: int = 4, counter: int = ABSENT_COUNTER) -> Event:
    """Build a `data_write` event."""
    return Event(RowKind.DATA_WRITE, offset, size, value, counter=counter)


def staged(offset: int, value: int, counter: int, size: int = 4) -> Event:
    """Build a `data_write_block` event."""
    return Event(RowKind.DATA_WRITE_BLOCK, offset, size, value, counter=counter)


def erased(offset: int, length: int) -> Event:
    """Build a `write_block_erase` event."""
    return Event(RowKind.WRITE_BLOCK_ERASE, offset, length=length)


def altered_in(event: Event, field: str, value: int) -> Event:
    """Copy of `event` with another value in one field."""
    return Event(event.kind, *(value if name == field else getattr(event, name) for name in Event._fields[1:]))


class Steps(NamedTuple):
    """Step columns of all rows, as lists; see `StepColumns`."""

    cmd: list[int]
    wcycle: list[int]
    status: list[int]
    status_after: list[int]
    expected: list[int]
    effect: list[int]
    effect_offset: list[int]
    effect_length: list[int]
    programmed: list[int]
    changed: list[int]
    bits_set: list[int]
    op: list[int]
    op_kind: list[int]
    outcome: list[int]
    flags: list[int]


def to_rows(events: Sequence[Event], first_seq: int = 0) -> RowColumns:
    """Columns of `events`, numbered from `first_seq` on; a millisecond lies between two of them."""
    columns = np.array([[int(value) for value in event] for event in events], np.int64).reshape(-1, len(Event._fields))
    seqs = np.arange(first_seq, first_seq + len(events))
    return RowColumns._make([seqs, *np.ascontiguousarray(columns.T), seqs * 1_000_000, np.zeros_like(seqs)])


def steps_of(machine: Machine) -> Steps:
    """Step columns of the rows fed since the last call, with every column requested."""
    columns: StepColumns = machine.steps()
    return Steps(*(getattr(columns, name).tolist() for name in Steps._fields))


def asked(config: Config) -> Machine:
    """A machine that fills the step columns of every row."""
    machine = Machine(config)
    machine.asked.everything = True
    return machine


def feed(machine: Machine, events: Sequence[Event], first_seq: int = 0) -> Steps:
    """Feed all of `events`; they must not stop the machine."""
    machine.asked.everything = True
    assert machine.feed(to_rows(events, first_seq)) == (len(events), Stop.END)
    return steps_of(machine)


TOTALS = (
    *("accesses", "reads", "writes", "erases", "buffered_programs", "programs", "bytes_programmed", "stores"),
    *("refused", "aborted", "status_reads", "identifier_reads", "query_reads", "strays", "resets", "reset_midway"),
    *("programmed_end", "erased_end", "commanded_end"),
)


def told(machine: Machine) -> dict[str, object]:
    """State of a machine without contents and operations, as plain values."""
    chip, check = machine.chip, machine.chip.check
    state: dict[str, object] = dict(state_of(chip))
    state |= {name: int(getattr(check, name)) for name in ("differences", "first_seq", "first_kind")}
    state |= {
        name: int(getattr(check, name))
        for name in ("first_actual_kind", "first_field", "first_expected", "first_actual")
    }
    state |= {name: bytes(getattr(chip, name)) for name in ("window", "touched")}
    queue, held = ("kind", "offset", "size", "value", "counter", "extra"), ("kind", "offset", "size", "value", "seq")
    state |= {name: list(getattr(check, name))[check.head : check.tail] for name in queue}
    state |= {f"held_{name}": list(getattr(check, f"held_{name}"))[: check.held] for name in held}
    state |= {name: list(getattr(check, name)) for name in ("seen", "missing")}
    return state | {f"total_{name}": int(getattr(machine.totals, name)) for name in TOTALS}


def replayed(config: Config, events: Sequence[Event]) -> tuple[Machine, Steps]:
    """A new machine that was fed `events`, and its step columns."""
    machine = asked(config)
    return machine, feed(machine, events)


# --- geometries --------------------------------------------------------------------------------------------------

VIRT = Geometry(0x10000, 0x2000, 4, 2, ids=(0x89, 0x18, 0, 0))
"""The bus of a `virt` board, with less on it: two chips, a window of 4 KiB."""

PC = Geometry(0x4000, 0x1000, 1)
"""The bus of a `pc` board, with less on it: one byte wide, a window of 256 bytes."""

GEOMETRIES = (
    VIRT,
    PC,
    Geometry(0x6000, 0x2000, 4, ids=(0x89, 0x18, 0x12, 0x34), endian="big"),
    Geometry(0x8000, 0x1000, 2, 1, 2, ids=(0x89, 0x18, 0, 0)),
    Geometry(0x8000, 0x2000, 8, 2, 2, ids=(0x89, 0x18, 0, 0), endian="big"),
    Geometry(0x2000, 0x200, 2, ids=(1, 2, 3, 4)),
)

# --- random programs ---------------------------------------------------------------------------------------------


class Access(NamedTuple):
    """Access of a guest: a write, a read (no value), or a reset of the machine (no size)."""

    offset: int
    size: int
    value: int | None = None


MACHINE_RESET = Access(0, 0)

_SIZES = (4, 4, 4, 1, 2)
_COMMANDS = (0x00, 0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xE8, 0xF0, 0xFF)
_CONFIRMS = (0xD0, 0xD0, 0xD0, 0xD0, 0x01, 0xFF, 0x70, 0xE8)


class _Guest:
    """Generates phrases, each from one seed, so that a failing program shrinks by whole phrases."""

    def __init__(self, geometry: Geometry, seed: int) -> None:
        self.geometry = geometry
        self.random = Random(seed)  # noqa: S311  no secret depends on it
        steps = (512, geometry.window, geometry.block)
        self.edges = [edge for step in steps for edge in range(0, 2 * geometry.block + 1, step)]
        self.edges += [geometry.size // 2, geometry.size - geometry.block, geometry.size]

    def phrase(self) -> list[Access]:
        """Generate a driver sequence, or nearly one."""
        return self.random.choice(
            (*[self.buffered] * 3, self.pair, self.pair, self.one, self.load, self.clear, self.noise, self.reset)
        )()

    def place(self, size: int) -> int:
        """Choose an offset near the edge of a block, a window or a sector, mostly in the first blocks."""
        step = self.random.choice((0, 0, 1, -1, 2, -2, 5)) * self.random.choice((1, size, size))
        return self.inside(self.random.choice(self.edges) + step, size)

    def inside(self, offset: int, size: int) -> int:
        """Clamp an access to the region."""
        return max(0, min(offset, self.geometry.size - size))

    def word(self, size: int) -> int:
        """Choose a value."""
        return self.random.getrandbits(8 * size)

    def command(self, byte: int) -> Access:
        """Send a command, to one chip or to more."""
        size = self.random.choice(_SIZES)
        value = byte * self.random.choice((1, 0x10001 if size > 2 else 1, 0x0101 if size > 1 else 1))
        return Access(self.place(size), size, value)

    def one(self) -> list[Access]:
        """Send a command alone."""
        return [self.command(self.random.choice(_COMMANDS))]

    def clear(self) -> list[Access]:
        """Clear the status register, as a driver does after an error."""
        return [self.command(0x50)]

    def reset(self) -> list[Access]:
        """Reset the machine."""
        return [MACHINE_RESET]

    def noise(self) -> list[Access]:
        """Write anything anywhere."""
        size = self.random.choice(_SIZES)
        return [Access(self.place(size), size, self.word(size))]

    def load(self) -> list[Access]:
        """Read, often where identifiers and the query table are."""
        size = self.random.choice(_SIZES)
        near = self.random.choice((0, 4, 8, 0x40, 0x4E, 0x9C, 0xA8, self.place(size), self.place(size)))
        return [Access(self.inside(near, size), size)]

    def pair(self) -> list[Access]:
        """Send a command and its second cycle, mostly the right one."""
        byte = self.random.choice((0x20, 0x20, 0x10, 0x40, 0x60, 0x98, 0x90, 0x70))
        if byte in (0x10, 0x40):
            return [self.command(byte), *self.noise()]
        if byte in (0x98, 0x90, 0x70):
            return [self.command(byte), *self.load(), *self.load()]
        return [self.command(byte), self.command(self.random.choice(_CONFIRMS))]

    def buffered(self) -> list[Access]:
        """Do a buffered write: mostly whole and in order, else with a word missing, elsewhere, or unconfirmed."""
        size = self.random.choice(_SIZES)
        at = self.place(size)
        words = self.random.randint(1, 6)
        count = words - 1 if self.random.random() < 0.85 else self.random.choice((0, 9, 0x20001))
        setup = self.command(0xE8)
        setup = setup._replace(offset=self.inside(at, setup.size))
        program = [setup, Access(at, size, count % 256**size)]
        stride = self.random.choice((size, size, size, -size, 3 * size))
        for _ in range(words):
            program.append(Access(self.inside(at, size), size, self.word(size)))
            at = at + stride if self.random.random() < 0.92 else self.place(size)
        if self.random.random() < 0.2:
            program.insert(self.random.randint(1, len(program)), self.load()[0])
        before = self.clear() if self.random.random() < 0.6 else []
        return [*before, *program, self.command(self.random.choice(_CONFIRMS))]


def programs(geometry: Geometry, *, phrases: int = 40) -> SearchStrategy[list[Access]]:
    """Programs of a guest: driver sequences, broken sequences, noise, reads and resets."""
    seeds = st.lists(st.integers(0, 0xFFFFFF), min_size=1, max_size=phrases)
    return seeds.map(lambda drawn: [access for seed in drawn for access in _Guest(geometry, seed).phrase()])
