"""Headless boot of a firmware, until it waits for input."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tracetool.images import is_raw, load_image, write_image
from tracetool.qemu.emulator import emulator
from tracetool.qemu.option_syntax import doubled
from tracetool.recording.firmware import MAX_FIRMWARE
from tracetool.recording.guest import GuestEnd

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
"""Characters kept of the serial output, more than any pattern needs."""


@dataclass
class Boot:
    """Boot of a firmware.

    Attributes:
        said: file for QEMU's output.
        limit_s: time limit.
        reached: where the firmware waits for input; None: the time limit ended the boot.
        seconds: duration.
    """

    said: Path
    limit_s: float
    reached: str | None = None
    seconds: float = 0.0

    def run(self, arguments: Sequence[str]) -> GuestEnd:
        """Boot until the firmware waits for input, or until the time limit.

        Raises:
            EmulatorError: QEMU did not start, or exited.
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
    """Return the options of the firmware's two drives: a copy of its variables in `folder`, and the code in place.

    Code that is not raw, or shorter than its flash, is copied too; shorter images are padded with zeros.

    Raises:
        OSError: a file is unreadable.
        InputError: a file is not an image, or there is no space.
        MissingDependencyError: a file is a disk image, and there is no qemu-img.
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
    """Pad an image with zeros to the size of its flash."""
    return image if size is None or len(image) >= size else np.pad(image, (0, size - len(image)))
