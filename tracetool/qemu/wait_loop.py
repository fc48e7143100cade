"""Virtual time that passes exactly: a delay loop of the guest's processor, ended by a breakpoint.

Timers of devices follow QEMU's virtual clock. With `-icount` that counts instructions, and it stands while the machine
does: so between two accesses passes what a loop takes, however busy the host is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracetool.errors import EmulatorError

if TYPE_CHECKING:
    from tracetool.qemu.emulator import Channel

__all__ = ["CLOCK_OPTIONS", "Debugger", "WaitLoop"]

_SHIFT = 10
CLOCK_OPTIONS = ("-icount", f"shift={_SHIFT}")
"""Options of a QEMU whose clock counts instructions, 2^`_SHIFT` ns each."""

_TURN_NS = 2 << _SHIFT
"""One turn of the loop has two instructions."""


@dataclass(frozen=True)
class WaitLoop:
    """Delay loop of a machine.

    `code` are its instructions, `width` bytes each, at the physical address `at`, which the processor runs at `start`.
    The breakpoint is on the last of them, and the number of turns is the 32-bit word behind it.
    """

    code: tuple[int, ...]
    width: int
    at: int
    start: int

    @property
    def end(self) -> int:
        """Address of the breakpoint."""
        return self.start + (len(self.code) - 1) * self.width

    def stores(self, elapsed_ns: int) -> list[tuple[int, int, int]]:
        """Address, size and value of the stores that prepare a wait of at least so long."""
        code = [(self.at + number * self.width, self.width, word) for number, word in enumerate(self.code)]
        return [*code, (self.at + len(self.code) * self.width, 4, max(-(-elapsed_ns // _TURN_NS), 1))]


class Debugger:
    """Client of QEMU's debug server. Ref: GDB manual, "Remote Serial Protocol"."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._breakpoints: set[int] = set()

    def run(self, loop: WaitLoop) -> None:
        """Run a loop that was stored, to its end. Raises EmulatorError if the machine does not."""
        if loop.end not in self._breakpoints:
            self._ask(f"Z0,{loop.end:x},{loop.width}", "OK")
            self._breakpoints.add(loop.end)
        self._ask(f"c{loop.start:x}", "T05")

    def _ask(self, request: str, expected: str) -> None:
        data = request.encode()
        self._channel.send(b"$%s#%02x" % (data, sum(data) & 0xFF))
        answer = self._channel.packet(b"$", b"#")
        self._channel.send(b"+")
        if not answer.startswith(expected.encode()):
            raise EmulatorError(f"the debug server answers {request!r} with {answer[:80]!r}")
