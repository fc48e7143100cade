"""Client of QEMU's qtest protocol: bus accesses without a guest, batched."""

from __future__ import annotations

import base64
import binascii
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracetool.errors import EmulatorError
from tracetool.qemu.emulator import Emulator, emulator
from tracetool.qemu.wait_loop import CLOCK_OPTIONS, Debugger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tracetool.qemu.wait_loop import WaitLoop

__all__ = ["WIDTHS", "Bus", "bus", "read", "write"]

BATCH = 200
"""Accesses sent before the answers are read; far below the capacity of the socket buffers."""

_LETTERS = {1: "b", 2: "w", 4: "l", 8: "q"}

WIDTHS = tuple(_LETTERS)
"""Widths of an access in bytes."""


def write(address: int, size: int, value: int) -> str:
    """Format a store."""
    return f"write{_LETTERS[size]} {address:#x} {value:#x}"


def read(address: int, size: int) -> str:
    """Format a load."""
    return f"read{_LETTERS[size]} {address:#x}"


class Bus:
    """Bus of a machine whose CPUs are stopped; with a `wait_loop`, one of them can let time pass."""

    def __init__(self, emulator: Emulator, wait_loop: WaitLoop | None = None) -> None:
        self._emulator = emulator
        self._channel = emulator.channel("qtest")
        self._wait_loop = wait_loop
        self._debugger = None if wait_loop is None else Debugger(emulator.channel("debugger"))

    def do(self, commands: Sequence[str]) -> list[int | None]:
        """Run loads and stores in order; return the value of each load, None for stores."""
        values: list[int | None] = []
        for start in range(0, len(commands), BATCH):
            batch = commands[start : start + BATCH]
            self._channel.send("".join(command + "\n" for command in batch).encode())
            values += [_value(answer) for answer in self._channel.lines(len(batch))]
        return values

    def contents(self, address: int, length: int) -> bytes:
        """Read a range."""
        self._channel.send(f"b64read {address:#x} {length:#x}\n".encode())
        (answer,) = self._channel.lines(1)
        try:
            return base64.b64decode(answer.removeprefix("OK "), validate=True)
        except binascii.Error as error:
            raise EmulatorError(f"QEMU answers {answer[:80]!r}") from error

    def wait(self, elapsed_ns: int) -> None:
        """Let virtual time pass, some microseconds more than told, so that timers of devices expire.

        Raises:
            EmulatorError: the machine has no wait loop, or it does not end.
        """
        if self._wait_loop is None or self._debugger is None:
            raise EmulatorError("the clock of this machine stands")
        self.do([write(*store) for store in self._wait_loop.stores(elapsed_ns)])
        self._debugger.run(self._wait_loop)

    def reset(self) -> None:
        """Reset the machine and wait until it is done."""
        self._emulator.control.execute("system_reset", "RESET")

    def quit(self) -> None:
        """Quit QEMU, so that image files and log are complete."""
        self._emulator.quit()


def _value(answer: str) -> int | None:
    if not answer.startswith("OK"):
        raise EmulatorError(f"QEMU answers {answer[:80]!r}")
    _, _, value = answer.partition(" ")
    return int(value, 16) if value else None


@contextmanager
def bus(
    program: str,
    machine: str,
    drives: Sequence[str],
    folder: Path,
    others: Sequence[str] = (),
    wait_loop: WaitLoop | None = None,
) -> Iterator[Bus]:
    """Start a machine with these pflash drives (`file=...,readonly=on`, by unit); yield its bus.

    `others` are further options, as of boards that take no such drive; with a `wait_loop` the machine has a clock. The
    trace goes to `trace.log` in `folder`.
    Raises the errors of `emulator`.
    """
    options = ["-M", machine, "-accel", "tcg", "-S", "-display", "none", "-nodefaults", "-qtest-log", "none"]
    options += ["-trace", "pflash*", "-D", str(folder / "trace.log"), "-msg", "timestamp=on"]
    for unit, drive in enumerate(drives):
        options += ["-drive", f"if=pflash,format=raw,unit={unit},{drive}"]
    options += others
    channels = {"qtest": "-qtest"}
    if wait_loop is not None:
        options += CLOCK_OPTIONS
        channels["debugger"] = "-gdb"
    with emulator(program, options, folder / "qemu.txt", **channels) as running:
        yield Bus(running, wait_loop)
