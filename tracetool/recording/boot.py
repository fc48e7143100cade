"""Firmware booted without a screen, until it has nothing more to do by itself."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tracetool.images import is_raw, load_image, write_image
from tracetool.qemu.emulator import emulator
from tracetool.recording.firmware import MAX_FIRMWARE
from tracetool.recording.guest import GuestEnd
from tracetool.recording.syntax import doubled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tracetool.qemu.emulator import Channel
    from tracetool.recording.firmware import Firmware

__all__ = ["Boot", "drives_of"]

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;=?]*[A-Za-z]|[()][A-Z0-9])")
_COUNTDOWN = "to skip startup.nsh"
_ENDS = {
    "the UEFI shell": re.compile(r"Shell> ?$"),
    "the boot manager": re.compile(
        r"Press any key to enter the Boot Manager Menu|No bootable option or device was found|Boot Maintenance Manager"
    ),
}
_KEPT = 4096
"""Characters of the serial line that are looked at: more than any of these needs."""


@dataclass
class Boot:
    """One boot; `run` runs it, and `reached` then says what ended it: None if only time did.

    Attributes:
        said: the file for what QEMU says.
        limit_s: how long it may take.
        seconds: how long it took.
    """

    said: Path
    limit_s: float
    reached: str | None = None
    seconds: float = 0.0

    def run(self, arguments: Sequence[str]) -> GuestEnd:
        """Boot until the firmware waits for somebody, or the time is over.

        Raises:
            EmulatorError: QEMU did not start, or ended by itself.
            MissingDependencyError: it cannot be run.
        """
        with emulator(arguments[0], arguments[1:], self.said, serial="-serial") as running:
            self._watch(running.channel("serial"))
            running.quit()
        if self.reached is not None:
            return GuestEnd(0)
        return GuestEnd(0, cut=f"the firmware was stopped after {self.limit_s:g} s, before its shell or boot manager")

    def _watch(self, line: Channel) -> None:
        begin = time.monotonic()
        seen = ""
        hurried = False
        while self.reached is None and self.seconds < self.limit_s:
            data = line.receive_within(min(1.0, self.limit_s - self.seconds))
            seen = (seen + (data or b"").decode(errors="replace"))[-_KEPT:]
            text = _ESCAPE.sub("", seen)
            if _COUNTDOWN in text and not hurried:
                hurried = True
                line.send(b"\x1b")
            self.reached = next((what for what, sign in _ENDS.items() if sign.search(text)), None)
            self.seconds = time.monotonic() - begin


def drives_of(firmware: Firmware, folder: Path) -> list[str]:
    """Give the options of the firmware's two drives: a copy of its variables in `folder`, the code as it lies.

    Code that is not raw, or shorter than its flash, is copied too; behind what is shorter lie zeros.

    Raises:
        OSError: a file cannot be read.
        InputError: a file is no image, or there is no room.
        MissingDependencyError: one is a disk image, and there is no qemu-img.
    """
    code, variables = firmware.code.absolute(), folder / "vars.fd"
    write_image(variables, _padded(load_image(firmware.variables, limit=MAX_FIRMWARE), firmware.size))
    image = load_image(code, limit=MAX_FIRMWARE)
    whole = _padded(image, firmware.size)
    if len(whole) != code.stat().st_size or not is_raw(code):
        code = folder / "code.fd"
        write_image(code, whole)
    return [
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={doubled(str(code))}"),
        *("-drive", f"if=pflash,unit=1,format=raw,file={doubled(str(variables))}"),
    ]


def _padded(image: NDArray[np.uint8], size: int | None) -> NDArray[np.uint8]:
    """Lengthen an image to its flash's size."""
    return image if size is None or len(image) >= size else np.pad(image, (0, size - len(image)))
