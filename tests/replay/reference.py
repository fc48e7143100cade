"""A second model of the flash, slow and simple: full copies, and one branch for each documented behaviour.

Written from the description of the device alone, independently of `replay`; tests run the two side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.backing import UPSTREAM, Policy
from replay.behaviour import Behaviour
from replay.columns import ABSENT, ABSENT_COUNTER, Effect, RowKind
from tests.replay.programs import (
    ABORT,
    FLUSH,
    MACHINE_RESET,
    READ_ARRAY,
    RESET,
    Event,
    erased,
    read,
    said,
    valued,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replay.backing import Backing
    from replay.geometry import Geometry
    from tests.replay.programs import Access

STATUS_MODES = (0x10, 0x20, 0x28, 0x40, 0x50, 0x60, 0x70, 0xE8)


def query_table(size: int, block: int, bank: int, chips: int) -> dict[int, int]:
    """Entries of the query table that are not 0."""
    table = {0x10: ord("Q"), 0x11: ord("R"), 0x12: ord("Y"), 0x13: 0x01, 0x15: 0x31, 0x1B: 0x45, 0x1C: 0x55}
    table |= {0x1F: 7, 0x20: 7, 0x21: 10, 0x23: 4, 0x24: 4, 0x25: 4, 0x28: 2, 0x2C: 1, 0x3F: 1}
    zeros = 0
    while size // chips % 2 ** (zeros + 1) == 0:
        zeros += 1
    table[0x27] = zeros
    table[0x2A] = 8 if bank == 1 else 11
    table[0x2D] = (size // block - 1) % 256
    table[0x2E] = (size // block - 1) // 256
    table[0x2F] = block // chips // 256 % 256
    table[0x30] = block // chips // 256 // 256
    return table | {0x31 + i: ord(letter) for i, letter in enumerate("PRI10")}


class Reference:
    """One flash; `image` None: unknown contents. Each access returns the events that it logs."""

    def __init__(
        self,
        geometry: Geometry,
        behaviour: Behaviour,
        *,
        read_only: bool = False,
        image: bytes | None = None,
        backing: Backing = UPSTREAM,
        outer_events: bool = False,
    ) -> None:
        self.geometry = geometry
        self.behaviour = behaviour
        self.read_only = read_only
        self.policy = backing.policy
        self.extent = geometry.size if backing.extent is None else backing.extent
        self.outer_events = outer_events
        self.chips = geometry.bank_width // geometry.chip_width if geometry.chip_width else 1
        self.window_size = (256 if geometry.bank_width == 1 else 2048) * self.chips
        self.table = query_table(geometry.size, geometry.block, geometry.bank_width, self.chips)
        self.storage = bytearray(image or bytes(geometry.size))
        self.known = bytearray([image is not None]) * geometry.size
        self.backing = bytearray(self.storage)
        self.backing_known = bytearray(self.known)
        self.counter = 0
        self.power_up()

    def power_up(self) -> None:
        """Start the state machine; contents and counter stay."""
        self.cmd = 0
        self.wcycle = 0
        self.status = 0x80
        self.read_array = True
        self.window: int | None = None
        self.buffer = bytearray()
        self.buffer_known = bytearray()
        self.words: list[tuple[int, int]] = []
        self.effect = (Effect.NONE, ABSENT, 0)
        self.programmed = 0

    def restart(self) -> None:
        """End the machine and start another on the same file."""
        self.storage[:] = self.backing
        self.known[:] = self.backing_known
        if self.policy != Policy.PADDED:
            beyond = self.geometry.size - self.extent
            self.storage[self.extent :] = bytes(beyond)
            self.known[self.extent :] = b"\x01" * beyond
        self.counter = 0
        self.power_up()

    def do(self, access: Access) -> list[Event]:
        """Do one access of a guest; a read in read array logs nothing."""
        self.effect = (Effect.NONE, ABSENT, 0)
        self.programmed = 0
        if access == MACHINE_RESET:
            self.power_up()
            return [RESET]
        if access.value is None:
            return self.read(access.offset, access.size)
        return self.write(access.offset, access.size, access.value)

    # --- writes --------------------------------------------------------------------------------------------------

    def write(self, offset: int, size: int, value: int) -> list[Event]:
        """Do a bus write."""
        event = write(offset, value, size, wcycle=self.wcycle)
        if self.policy == Policy.DISCARD and offset >= self.extent:
            self.effect = (Effect.DISCARD, offset, size)
            return [Event(RowKind.OUTER_WRITE, offset, size)] if self.outer_events else [event]
        if self.wcycle == 0:
            return [event, *self.command(offset, value & 0xFF)]
        if self.wcycle == 1:
            return [event, *self.second(offset, size, value)]
        if self.wcycle == 2:
            return [event, *self.word(offset, size, value)]
        return [event, *self.confirm(value & 0xFF)]

    def to_read_array(self, *before: Event) -> list[Event]:
        """Go back to read array."""
        self.cmd = 0
        self.wcycle = 0
        self.read_array = True
        return [*before, READ_ARRAY]

    def setup(self, command: int, wcycle: int, text: str) -> list[Event]:
        """Take a command."""
        self.cmd = command
        self.wcycle = wcycle
        return [said(text)]

    def command(self, offset: int, c: int) -> list[Event]:  # noqa: C901, PLR0911  a line of the table each
        """Write cycle 0."""
        self.read_array = False
        if c == 0xF0:
            return self.to_read_array(said("probe for AMD flash"))
        if c == 0xFF:
            return self.to_read_array(said("read array mode"))
        if c in (0x10, 0x40):
            return self.setup(c, 1, "single byte program (0)")
        if c == 0x20:
            return self.erase(offset)
        if c == 0x50:
            self.status = 0
            return self.to_read_array(said("clear status bits"))
        if c == 0x60:
            return self.setup(c, 1, "block unlock")
        if c == 0x70:
            return self.setup(c, 0, "read status register")
        if c == 0x90:
            return self.setup(c, 0, "read device information")
        if c == 0x98:
            return self.setup(c, 1, "CFI query")
        if c == 0xE8:
            self.status |= 0x80
            return self.setup(c, 1, "write to buffer")
        return self.to_read_array()

    def erase(self, offset: int) -> list[Event]:
        """Erase at once."""
        block = self.geometry.block
        start = offset - offset % block
        if self.writable(offset, 1):
            self.storage[start : start + block] = b"\xff" * block
            self.known[start : start + block] = b"\x01" * block
            self.write_back(start, start + block)
            self.effect = (Effect.ERASE, start, block)
        else:
            self.status |= 0x20
            self.effect = (Effect.REFUSED, start, block)
        self.status |= 0x80
        self.cmd = 0x20
        self.wcycle = 1
        return [erased(start, block)]

    def second(self, offset: int, size: int, value: int) -> list[Event]:
        """Write cycle 1."""
        c = value & 0xFF
        if self.cmd in (0x10, 0x40):
            return self.program(offset, size, value)
        if self.cmd == 0xE8:
            return self.count(offset, value)
        if self.cmd == 0x98:
            return self.to_read_array() if c == 0xFF else [said("leaving query mode")]
        if c == 0xD0 or (self.cmd == 0x60 and c == 0x01):
            self.wcycle = 0
            self.status |= 0x80
            return []
        if self.cmd == 0x60 and c != 0xFF:
            return self.to_read_array(said("unknown (un)locking command"))
        return self.to_read_array()

    def program(self, offset: int, size: int, value: int) -> list[Event]:
        """Do the data cycle of a single program."""
        events = [said("single byte program (1)")]
        if self.writable(offset, size):
            self.store(self.storage, self.known, offset, size, value)
            self.write_back(offset, offset + size)
            self.effect = (Effect.PROGRAM, offset, size)
            self.programmed = size
            events.append(self.data_write(offset, size, value))
        else:
            self.status |= 0x10
            self.effect = (Effect.REFUSED, offset, size)
        self.status |= 0x80
        self.wcycle = 0
        return events

    def data_write(self, offset: int, size: int, value: int) -> Event:
        """Give the `data_write` event: those of devices that stage have no counter."""
        counter = ABSENT_COUNTER
        if self.behaviour == Behaviour.DIRECT:
            counter = self.counter if self.counter < 2**63 else self.counter - 2**64
        return Event(RowKind.DATA_WRITE, offset, size, value, counter=counter)

    def count(self, offset: int, value: int) -> list[Event]:
        """Take the count of a buffered write."""
        width = self.geometry.chip_width or self.geometry.bank_width
        self.counter = value % 256**width
        self.wcycle = 2
        if self.behaviour == Behaviour.DIRECT:
            return [valued(RowKind.WRITE_BLOCK, self.counter)]
        if self.behaviour == Behaviour.STAGED_AT_COUNT:
            return [self.open(offset)]
        return []

    def open(self, offset: int) -> Event:
        """Open the window."""
        self.window = offset - offset % self.window_size
        self.buffer = self.storage[self.window : self.window + self.window_size]
        self.buffer_known = self.known[self.window : self.window + self.window_size]
        self.words = []
        return valued(RowKind.WRITE_BLOCK_START, self.counter)

    def word(self, offset: int, size: int, value: int) -> list[Event]:
        """Write cycle 2."""
        events = []
        if self.behaviour == Behaviour.STAGED_AT_DATA and self.window is None and self.counter != 0:
            events.append(self.open(offset))
        if self.writable(offset, size) and self.behaviour == Behaviour.DIRECT:
            self.store(self.storage, self.known, offset, size, value)
            self.effect = (Effect.PROGRAM, offset, size)
            self.programmed = size
            events.append(self.data_write(offset, size, value))
        elif self.writable(offset, size) and self.covers(offset, size):
            self.store(self.buffer, self.buffer_known, offset - (self.window or 0), size, value)
            self.words.append((offset, size))
            self.effect = (Effect.STAGE, offset, size)
            events.append(Event(RowKind.DATA_WRITE_BLOCK, offset, size, value, counter=self.counter))
        else:
            self.status |= 0x10
            self.effect = (Effect.REFUSED, offset, size)
        self.status |= 0x80
        if self.counter == 0:
            self.wcycle = 3
            events.append(said("block write finished"))
            if self.behaviour == Behaviour.DIRECT:
                around = offset - offset % self.window_size
                self.write_back(around, around + self.window_size)
        if self.behaviour != Behaviour.STAGED_AT_DATA or self.counter > 0:
            self.counter = (self.counter - 1) % 2**64
        return events

    def covers(self, offset: int, size: int) -> bool:
        """True when a window is open and holds the whole word."""
        return self.window is not None and self.window <= offset and offset + size <= self.window + self.window_size

    def confirm(self, c: int) -> list[Event]:
        """Write cycle 3."""
        if self.behaviour == Behaviour.DIRECT and c == 0xD0:
            events = []
        elif self.behaviour == Behaviour.DIRECT:
            return self.to_read_array()
        elif c == 0xD0 and not self.status & 0x10:
            self.flush()
            events = [FLUSH]
        else:
            self.drop()
            return self.to_read_array(ABORT)
        self.wcycle = 0
        self.status |= 0x80
        return events

    def flush(self) -> None:
        """Copy the window to storage and file."""
        if self.window is None:
            raise AssertionError("a window is open wherever status is clean")
        start, end = self.window, self.window + self.window_size
        self.storage[start:end] = self.buffer
        self.known[start:end] = self.buffer_known
        self.write_back(start, end)
        self.effect = (Effect.FLUSH, *self.span())
        self.programmed = sum(size for _, size in self.words)
        self.window = None

    def drop(self) -> None:
        """Drop the window."""
        self.effect = (Effect.DROP, 0, 0) if self.window is None else (Effect.DROP, *self.span())
        self.window = None

    def span(self) -> tuple[int, int]:
        """Offset and length of what was staged."""
        low = min((offset for offset, _ in self.words), default=self.window or 0)
        return low, max((offset + size for offset, size in self.words), default=low) - low

    def writable(self, offset: int, size: int) -> bool:
        """True when the device accepts a store."""
        return not self.read_only and not (self.policy == Policy.ERROR and offset + size > self.extent)

    def store(self, contents: bytearray, known: bytearray, offset: int, size: int, value: int) -> None:
        """Put a word."""
        contents[offset : offset + size] = value.to_bytes(size, self.geometry.endian)
        known[offset : offset + size] = b"\x01" * size

    def write_back(self, low: int, high: int) -> None:
        """Write back sector by sector."""
        for sector in range(low - low % 512, min(high, self.geometry.size), 512):
            self.backing[sector : sector + 512] = self.storage[sector : sector + 512]
            self.backing_known[sector : sector + 512] = self.known[sector : sector + 512]

    # --- reads ---------------------------------------------------------------------------------------------------

    def read(self, offset: int, size: int) -> list[Event]:
        """Do a bus read."""
        inner: list[Event] = []
        outside = offset >= self.extent
        if outside and self.policy == Policy.DISCARD and self.outer_events:
            return [Event(RowKind.OUTER_READ, offset, size)]
        if self.read_array:
            return []
        if outside and self.policy == Policy.DISCARD:
            value = 0
        elif outside and self.policy == Policy.ERROR:
            value = 256**size - 1
        elif self.cmd in STATUS_MODES:
            value = status_word(self.status, size, self.geometry.chip_width)
            inner = [valued(RowKind.READ_STATUS, value)]
        elif self.cmd == 0x90:
            inner, value = identifiers(self.geometry, offset, size)
        else:
            value = query_word(self.geometry, self.table, offset, size)
        return [*inner, read(offset, size, value, cmd=self.cmd, wcycle=self.wcycle)]


def status_word(status: int, size: int, chip: int) -> int:
    """Status, once for every chip that the access covers."""
    if chip == 0:
        return status | status << 16 if size > 2 else status
    lanes = max(1, size // chip)
    return int.from_bytes((bytes([status]) + bytes(chip - 1)) * lanes, "little") & 0xFFFFFFFF


def _index(geometry: Geometry, offset: int) -> int:
    widest = geometry.max_chip_width or geometry.chip_width
    return offset // (geometry.bank_width * widest // geometry.chip_width)


def identifiers(geometry: Geometry, offset: int, size: int) -> tuple[list[Event], int]:
    """Events and the value of a read of identifiers."""
    bank, chip, ids = geometry.bank_width, geometry.chip_width, geometry.ids
    if chip == 0:
        index = offset % 256 // bank
        if index == 0:
            word = ids[0] << 8 | ids[1]
            return [valued(RowKind.MANUFACTURER_ID, word & 0xFFFF)], word
        if index == 1:
            word = ids[2] << 8 | ids[3]
            return [valued(RowKind.DEVICE_ID, word & 0xFFFF)], word
        return [Event(RowKind.DEVICE_INFO, index)], 0
    events = []
    lanes = bytearray(b"\xff" * 16)
    for i in range(0, size, bank):
        at = offset + i * bank
        answer = 0
        if _index(geometry, at) % 256 == 0:
            answer = ids[0]
            events.append(valued(RowKind.MANUFACTURER_ID, ids[0]))
        elif _index(geometry, at) % 256 == 1:
            answer = ids[1]
            events.append(valued(RowKind.DEVICE_ID, ids[1]))
        else:
            events.append(Event(RowKind.DEVICE_INFO, at))
        lanes[i : i + bank] = answer.to_bytes(chip, "little") * (bank // chip)
    return events, int.from_bytes(lanes[:4], "little")


def query_word(geometry: Geometry, table: dict[int, int], offset: int, size: int) -> int:
    """Value of a read of the query table."""
    bank, chip = geometry.bank_width, geometry.chip_width
    if chip == 0:
        return table.get(offset % 256 // bank, 0)
    lanes = bytearray(b"\xff" * 16)
    for i in range(0, size, bank):
        entry = table.get(_index(geometry, offset + i * bank), 0)
        if geometry.max_chip_width not in (0, chip) and (chip != 1 or bank > 4):
            entry = 0
        lanes[i : i + bank] = entry.to_bytes(chip, "little") * (bank // chip)
    return int.from_bytes(lanes[:4], "little")


def log_of(reference: Reference, accesses: Sequence[Access]) -> list[Event]:
    """Whole trace of a program."""
    return [event for access in accesses for event in reference.do(access)]
