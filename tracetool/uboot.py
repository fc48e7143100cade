"""U-Boot's environment in a flash: its entries, and whether its checksum holds, on any bytes.

Ref: U-Boot include/env_internal.h (environment_t: CRC-32 of the data, with redundant copies a flags byte, then
`name=value` strings, each ended by a zero, and one more zero at the end); CONFIG_ENV_SIZE is fixed at build time, so
the length is found by the checksum.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["ENVIRONMENT_SCHEMA", "Environment", "environment_frame", "find_environments"]

ENVIRONMENT_SCHEMA = pl.Schema(
    {
        "variable": pl.String(),
        "value": pl.String(),
        "status": pl.Enum(["current", "superseded", "damaged"]),
        "offset": pl.Int64(),
    }
)
"""One row an entry, in the order of the flash: name and value, what its copy of the environment is to U-Boot, and where
the entry begins."""

_STEP = 0x1000
"""An environment begins at an erase block."""

_SIZES = tuple(1 << power for power in range(12, 21))
_CRC_BYTES = 4
_ENTRY = re.compile(rb"[A-Za-z_][\w.#:@-]*=")
_LONGEST_NAME = 64
_OBSOLETE = 0
_LEAST = 2
"""Entries, all of them printable, from which a copy without a right checksum is taken for a damaged one."""


@dataclass(frozen=True)
class Environment:
    """One copy of an environment. Offsets are those of the flash.

    Attributes:
        offset: where it begins.
        size: its length, by the checksum; None where no length gives the one stored: it is damaged.
        flags: the byte that tells redundant copies apart; None where there is one copy alone.
        entries: offset, name and value of each entry.
    """

    offset: int
    size: int | None
    flags: int | None
    entries: tuple[tuple[int, str, str], ...]


def find_environments(image: NDArray[np.uint8]) -> list[Environment]:
    """Find the copies of U-Boot's environment in a flash's contents (uint8), at any multiple of 4 KiB, in order."""
    starts = np.arange(0, len(image) - _STEP + 1, _STEP)
    # An entry begins with a letter: of the others nothing is looked at.
    letters = [image[starts + _CRC_BYTES + skip] for skip in (0, 1)]
    candidates = starts[((letters[0] | 0x20) >= ord("a")) | ((letters[1] | 0x20) >= ord("a"))]
    found = (_read(image, int(start)) for start in candidates)
    return [environment for environment in found if environment is not None]


def _read(image: NDArray[np.uint8], start: int) -> Environment | None:
    for header in (_CRC_BYTES, _CRC_BYTES + 1):
        data_start = start + header
        if not _ENTRY.match(image[data_start : data_start + _LONGEST_NAME].tobytes()):
            continue
        crc = int.from_bytes(image[start : start + _CRC_BYTES].tobytes(), "little")
        size = next((size for size in _SIZES if zlib.crc32(image[data_start : start + size].tobytes()) == crc), None)
        flags = int(image[data_start - 1]) if header > _CRC_BYTES else None
        end = start + (size or _SIZES[-1])
        entries = tuple(_entries(image[data_start:end].tobytes(), data_start))
        if size is not None or (len(entries) >= _LEAST and all(value.isprintable() for _, _, value in entries)):
            return Environment(start, size, flags, entries)
    return None


def _entries(data: bytes, start: int) -> Iterator[tuple[int, str, str]]:
    at = 0
    while _ENTRY.match(data, at):
        end = data.find(b"\0", at)
        end = len(data) if end < 0 else end
        name, _, value = data[at:end].decode("utf-8", "replace").partition("=")
        yield start + at, name, value
        at = end + 1


def environment_frame(copies: list[Environment]) -> pl.DataFrame:
    """The entries of all copies as a frame of `ENVIRONMENT_SCHEMA`.

    Of copies whose checksum holds, U-Boot takes the active one, else the one with the higher serial number.
    """
    sound = [copy for copy in copies if copy.size is not None]
    current = max(sound, key=lambda copy: _OBSOLETE if copy.flags is None else copy.flags, default=None)
    rows = [
        (name, value, "damaged" if copy.size is None else "current" if copy is current else "superseded", offset)
        for copy in copies
        for offset, name, value in copy.entries
    ]
    return pl.DataFrame(rows, ENVIRONMENT_SCHEMA, orient="row")
