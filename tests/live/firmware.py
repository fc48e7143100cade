"""Real firmware on a live machine, driven through its shell on the serial line."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.patience import PATIENCE_S
from tracetool.errors import EmulatorError
from tracetool.qemu.emulator import emulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tracetool.qemu.emulator import Channel, Emulator

"""Time for a boot to the shell, or for one of its commands: about ten times what they take."""

_PROMPT = re.compile(r"(?:Shell|FS\d:[^>\n]*)> $")
_COUNTDOWN = "to skip startup.nsh"
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;=?]*[A-Za-z]|[()][A-Z0-9])")


class Shell:
    """The UEFI shell."""

    def __init__(self, running: Emulator) -> None:
        self._running = running
        self._line: Channel = running.channel("serial")
        self._until_prompt()

    def run(self, command: str) -> str:
        """Run a command and return its output."""
        self._line.send(command.encode() + b"\r")
        return self._until_prompt()

    def quit(self) -> None:
        """End the machine, so that image and log are complete."""
        self._running.quit()

    def _until_prompt(self) -> str:
        deadline = time.monotonic() + PATIENCE_S
        seen = b""
        hurried = False
        while True:
            text = _ESCAPE.sub("", seen.decode(errors="replace"))
            if _PROMPT.search(text):
                return text
            if _COUNTDOWN in text and not hurried:
                hurried = True
                self._line.send(b"\x1b")
            if time.monotonic() > deadline:
                raise EmulatorError(f"no prompt of the shell within {PATIENCE_S} s, but {text[-500:]!r}")
            seen += self._line.receive_within(1.0) or b""


@contextmanager
def shell(program: str, options: Sequence[str], drives: Sequence[str], folder: Path) -> Iterator[Shell]:
    """Boot firmware to its shell; `folder` gets the trace, `trace.log`."""
    arguments = [*options, "-m", "256", "-accel", "tcg", "-display", "none", "-nodefaults", "-net", "none"]
    arguments += ["-trace", "pflash*", "-D", str(folder / "trace.log"), "-msg", "timestamp=on"]
    for unit, drive in enumerate(drives):
        arguments += ["-drive", f"if=pflash,format=raw,unit={unit},{drive}"]
    with emulator(program, arguments, folder / "qemu.txt", serial="-serial") as running:
        yield Shell(running)


def padded(source: Path, target: Path, size: int) -> Path:
    """Copy an image and extend it to `size` bytes, sparse."""
    step = 1 << 20
    with source.open("rb") as whole, target.open("wb") as file:
        while data := whole.read(step):
            if any(data):
                file.write(data)
            else:
                file.seek(len(data), 1)
        file.truncate(size)
    return target
