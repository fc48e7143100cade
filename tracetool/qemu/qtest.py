"""Client of QEMU's qtest protocol: bus accesses without a guest, batched."""

from __future__ import annotations

import base64
import binascii
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracetool.errors import EmulatorError
from tracetool.qemu.emulator import Emulator, emulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

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
    """Bus of a machine whose CPUs are stopped."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._channel = emulator.channel("qtest")

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
def bus(program: str, machine: str, drives: Sequence[str], folder: Path) -> Iterator[Bus]:
    """Start a machine with these pflash drives (`file=...,readonly=on`, by unit); yield its bus.

    The trace goes to `trace.log` in `folder`. Raises the errors of `emulator`.
    """
    options = ["-M", machine, "-accel", "tcg", "-S", "-display", "none", "-nodefaults", "-qtest-log", "none"]
    options += ["-trace", "pflash*", "-D", str(folder / "trace.log"), "-msg", "timestamp=on"]
    for unit, drive in enumerate(drives):
        options += ["-drive", f"if=pflash,format=raw,unit={unit},{drive}"]
    with emulator(program, options, folder / "qemu.txt", qtest="-qtest") as running:
        yield Bus(running)
