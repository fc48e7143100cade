"""Logs made by hand: the accesses of a guest, with the events that a QEMU of staged-at-count logs for them.

    log("virt.flash1").reset().program(0x100000, 0x400040).read_array()

This is not the model under test: it keeps only the state that well-formed sequences need, and tests give the write
cycle.
"""

from __future__ import annotations

from typing import Self

__all__ = ["Log", "log"]

BLOCK = 0x40000
WINDOW = 0x1000

_TEXTS = {
    0x10: "single byte program (0)",
    0x40: "single byte program (0)",
    0x50: "clear status bits",
    0x60: "block unlock",
    0x70: "read status register",
    0x90: "read device information",
    0x98: "CFI query",
    0xE8: "write to buffer",
    0xF0: "probe for AMD flash",
    0xFF: "read array mode",
}
_ERASE, _CONFIRM, _PROGRAM, _BUFFERED = 0x20, 0xD0, (0x10, 0x40), 0xE8
_STAYS = (0x10, 0x40, 0x60, 0x70, 0x90, 0x98, 0xE8)


def log(device: str, *, read_only: bool = False) -> Log:
    """Begin a log."""
    return Log(device, read_only=read_only)


def programmed(trace: Log, offset: int, data: bytes) -> Log:
    """Bytes programmed word by word."""
    for at in range(0, len(data), 4):
        trace.program(offset + at, int.from_bytes(data[at : at + 4].ljust(4, b"\xff"), "little"))
    return trace


class Log:
    """A log that grows access by access; `text` is the file, `count` the number of its events."""

    def __init__(self, device: str, *, read_only: bool = False) -> None:
        self.device = device
        self._lines: list[str] = []
        self._read_only = read_only
        self._command = 0
        self._left = 0

    @property
    def text(self) -> str:
        """The log's text."""
        return "".join(f"{line}\n" for line in self._lines)

    @property
    def count(self) -> int:
        """Lines so far: the number of the next event, where every line is one."""
        return len(self._lines)

    # --- lines ---------------------------------------------------------------------------------------------------

    def line(self, text: str) -> Self:
        """A line that is no event of this device."""
        self._lines.append(text)
        return self

    def event(self, name: str, text: str) -> Self:
        """An event of the device."""
        return self.line(f"pflash_{name} {self.device}: {text}")

    def of(self, other: Log) -> Self:
        """All lines of another device's log."""
        self._lines += other._lines
        return self

    def without(self, name: str) -> Self:
        """The log of a QEMU in which this event was not enabled."""
        self._lines = [line for line in self._lines if not line.startswith(f"pflash_{name} ")]
        return self

    def begun_at(self, number: int) -> Self:
        """The log from this event on."""
        self._lines = self._lines[number:]
        return self

    def timed(self, start: int, *step_us: int) -> Self:
        """The log as `-msg timestamp=on` has it: from `start` seconds on, with these steps, the last for ever."""
        now, lines = start * 1_000_000, []
        for number, line in enumerate(self._lines):
            lines.append(f"4242@{now // 1_000_000}.{now % 1_000_000:06d}:{line}")
            now += step_us[min(number, len(step_us) - 1)]
        self._lines = lines
        return self

    # --- accesses ------------------------------------------------------------------------------------------------

    def reset(self) -> Self:
        """The device's power-up."""
        return self.event("reset", "reset")

    def realize(self, extent: int, *, region: int = 0x4000000) -> Self:
        """`pflash_realize`, as the device of the RFC logs it."""
        return self.event("realize", f"ro:{int(self._read_only)} blk_len:{extent:#x} total_len:{region:#x}")

    def write(self, offset: int, value: int, *, wcycle: int = 0, size: int = 4) -> Self:
        """A bus write in a write cycle, and the events that it causes."""
        self.event("io_write", f"offset:0x{offset:04x} size:{size} value:0x{value:04x} wcycle:{wcycle}")
        if wcycle == 0:
            return self._command_cycle(offset, value & 0xFF)
        if wcycle == 1:
            return self._second_cycle(offset, size, value)
        if wcycle == 2:
            return self._word(offset, size, value)
        if value & 0xFF == _CONFIRM:
            return self.event("write_block_flush", "block write flush")
        self.event("write_block_abort", "block write abort")
        return self._left_commands()

    def read_status(self, offset: int, status: int = 0x800080) -> Self:
        """A read of the status register."""
        self.event("read_status", f"status:{status:#x}")
        return self.event(
            "io_read", f"offset:0x{offset:04x} size:4 value:{status:#06x} cmd:{self._command:#04x} wcycle:0"
        )

    def outer_write(self, offset: int, *, size: int = 4) -> Self:
        """A write that the device of the RFC discarded."""
        return self.event("outer_write", f"addr:{offset:#x} len:{size}")

    # --- operations ----------------------------------------------------------------------------------------------

    def read_array(self, offset: int = 0) -> Self:
        """Back to read array."""
        return self.write(offset, 0xFF00FF)

    def program(self, offset: int, value: int) -> Self:
        """A single program."""
        return self.write(offset, 0x400040).write(offset, value, wcycle=1)

    def erase(self, offset: int) -> Self:
        """A block erase."""
        return self.write(offset, 0x200020).write(offset, 0xD000D0, wcycle=1)

    def unlock(self, offset: int) -> Self:
        """A block's lock bit cleared."""
        return self.write(offset, 0x600060).write(offset, 0xD000D0, wcycle=1)

    def buffered(self, offset: int, *words: int) -> Self:
        """A buffered program of these words."""
        self.write(offset, 0xE800E8).write(offset, (len(words) - 1) * 0x10001, wcycle=1)
        for number, word in enumerate(words):
            self.write(offset + 4 * number, word, wcycle=2)
        return self.write(offset, 0xD000D0, wcycle=3)

    # --- cycles --------------------------------------------------------------------------------------------------

    def _command_cycle(self, offset: int, command: int) -> Self:
        self._command = command if command in (*_STAYS, _ERASE) else 0
        if command == _ERASE:
            return self.event("write_block_erase", f"block erase offset:{offset // BLOCK * BLOCK:#x} bytes:{BLOCK:#x}")
        if command in _TEXTS:
            self.event("write", _TEXTS[command])
        return self if command in _STAYS else self._left_commands()

    def _left_commands(self) -> Self:
        return self.event("mode_read_array", "read array mode")

    def _second_cycle(self, offset: int, size: int, value: int) -> Self:
        if self._command == _BUFFERED:
            self._left = value & 0xFFFF
            return self.event("write_block_start", f"block write start: bytes:{self._left:#x}")
        if self._command in _PROGRAM:
            self.event("write", "single byte program (1)")
            data = f"data offset:0x{offset:04x} size:{size} value:0x{value:04x}"
            return self if self._read_only else self.event("data_write", data)
        return self if value & 0xFF == _CONFIRM else self._left_commands()

    def _word(self, offset: int, size: int, value: int) -> Self:
        if not self._read_only:
            place = f"data offset:0x{offset:04x} size:{size} value:0x{value:04x}"
            self.event("data_write_block", f"{place} counter:0x{self._left:016x}")
        if not self._left:
            self.event("write", "block write finished")
        self._left -= 1
        return self
