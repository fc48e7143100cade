"""Flash images in assertions: pytest would print 64 MiB, and take minutes to find the first difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path


def difference(found: Path, expected: Path) -> str:
    """Number and first offset of the bytes in which two files differ; empty where they are equal."""
    if found.stat().st_size != expected.stat().st_size:
        return f"{found.name} has {found.stat().st_size} bytes, {expected} has {expected.stat().st_size}"
    images = [np.memmap(path, np.uint8, "r") for path in (found, expected)]
    unequal = np.flatnonzero(images[0] != images[1])
    if not len(unequal):
        return ""
    at = int(unequal[0])
    return f"{len(unequal)} bytes differ, the first at {at:#x}: {images[0][at]:#04x}, not {images[1][at]:#04x}"
