"""Logs of a CFI02 flash, line by line as a QEMU writes them in which only some events are enabled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tracetool.logs import Log

if TYPE_CHECKING:
    from typing import Self

__all__ = ["CANON", "FIRST", "SECTOR", "Cfi02Log", "cfi02"]

CANON = "pflash"
"""The flash of canon-a1100: 4 MiB in sectors of 64 KiB, commands in units of 4 bytes."""
SECTOR = 64 << 10
WIDTH = 4
FIRST, SECOND = 0x555 * WIDTH, 0x2AA * WIDTH


def cfi02(*, read_only: bool = False) -> Cfi02Log:
    """A flash that was switched on."""
    return Cfi02Log(CANON, read_only=read_only).reset()


class Cfi02Log(Log):
    """The log of the events `reset`, `io_write`, `io_read` and `timer_expired`."""

    def cycle(self, offset: int, value: int, wcycle: int, *, rests: bool = False) -> Self:
        """A bus write of a byte or a word, and the `reset` where the chip returns to rest."""
        self.event("io_write", f"offset:0x{offset:04x} size:{WIDTH} value:0x{value:04x} wcycle:{wcycle}")
        return self.reset() if rests else self

    def read(self, offset: int, value: int, *, cmd: int = 0, wcycle: int = 0) -> Self:
        """A read that reaches the device."""
        place = f"offset:0x{offset:04x} size:{WIDTH} value:0x{value:04x}"
        return self.event("io_read", f"{place} cmd:0x{cmd:02x} wcycle:{wcycle}")

    def unlocked(self, wcycle: int = 0) -> Self:
        """Both unlock cycles."""
        return self.cycle(FIRST, 0xAA, wcycle).cycle(SECOND, 0x55, wcycle + 1)

    def words(self, offset: int, *values: int) -> Self:
        """Programs of consecutive words."""
        for number, value in enumerate(values):
            self.unlocked().cycle(FIRST, 0xA0, 2).cycle(offset + WIDTH * number, value, 3, rests=True)
        return self

    def erase_command(self, offset: int, command: int = 0x30) -> Self:
        """An erase up to its last cycle: the window begins."""
        return self.unlocked().cycle(FIRST, 0x80, 2).unlocked(3).cycle(offset, command, 5)

    def timer(self, command: int = 0x30, *, ends: bool = False) -> Self:
        """The end of a window, or with `ends` of an erase."""
        self.event("timer_expired", f"command 0x{command:02x} done")
        return self.event("mode_read_array", "read array mode").reset() if ends else self

    def sector_erase(self, offset: int) -> Self:
        """A whole erase of a sector."""
        return self.erase_command(offset).timer().timer(ends=True)

    def reads(self, count: int, value: int = 0) -> Self:
        """So many reads of the first word, at rest."""
        for _ in range(count):
            self.read(0, value)
        return self

    def ended(self) -> Self:
        """What the last of 43 reads logs before it is logged itself."""
        read = self._lines.pop()
        return self.event("mode_read_array", "read array mode").reset().line(read)

    def suspended(self) -> Self:
        """The erase in progress suspended."""
        return self.cycle(0, 0xB0, 6, rests=True)
