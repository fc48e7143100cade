"""Code without an image's header, such as U-Boot, which copies itself to the end of memory: found by its bytes."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracetool.who.log import Image

__all__ = ["RawCode", "code_of"]

_U_BOOT = b"U-Boot 20"
"""The beginning of its version."""

_DISTINCT = 8
"""Different bytes that code must have, at least: padding is found anywhere."""

_AGREEING = 2
"""Places that must lie at one distance from the firmware's, unless there is but one."""


class RawCode:
    """The places in the firmware that headerless code came from.

    Args:
        images: places without a header (kind "-"), each with its code.
        firmware: image of the code flash.
    """

    def __init__(self, images: Iterable[Image], firmware: bytes) -> None:
        self._images = list(images)
        self._firmware = firmware.rstrip(b"\0\xff")
        self.name = "u-boot" if _U_BOOT in firmware else "firmware"

    def offset(self, image: Image, pc: int) -> int | None:
        """The offset in the firmware of a pc on an image's page; None: the code there is not the firmware's."""
        code = code_of(image)
        for distance in self._distances if code else ():
            at = image.pc - distance
            if at >= 0 and self._firmware[at : at + len(code)] == code:
                return pc - distance
        return None

    @cached_property
    def _distances(self) -> list[int]:
        """How far the code lies from where it is in the firmware, the usual distance first.

        Only code that the firmware has in one place tells.
        """
        found: Counter[int] = Counter()
        for image in self._images:
            code = code_of(image)
            at = self._firmware.find(code) if len(set(code)) >= _DISTINCT else -1
            if at >= 0 and self._firmware.find(code, at + 1) < 0:
                found[image.pc - at] += 1
        needed = min(_AGREEING, len(self._images))
        return [distance for distance, count in found.most_common() if count >= needed]


def code_of(image: Image) -> bytes:
    """The code at an image's pc; empty where it could not be read."""
    try:
        return bytes.fromhex(image.code)
    except ValueError:
        return b""
