"""Search of a flash image: the variable store, and the end of the occupied range."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from replay.sparse import occupied
from tracetool.uefi.volume import HEADER_BYTES, WORKING_GUID, Volume, find_nv_volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Store", "find_store", "occupied_end"]

STEP = 0x1000
"""Alignment of stores and of fault tolerant write blocks: the smallest erase block of any board."""

_SIGNATURE = re.compile(b"_FVH")
_SIGNATURE_AT = 0x28
_LENGTHS = struct.Struct("<32xQ8xH")
_CHUNK = 1 << 16
_ERASED = 0xFF


class Store(NamedTuple):
    """Volume of the variable store and its offset in bytes."""

    start: int
    volume: Volume

    @property
    def end(self) -> int:
        """First offset after it."""
        return self.start + self.volume.fv_length


def find_store(image: NDArray[np.uint8]) -> Store | None:
    """Find the volume of the UEFI variables at any offset of a flash image, None if there is none.

    In a flash shared with code the store comes after it (sbsa-ref) or before it (OVMF.fd). A copy in the spare blocks
    of fault tolerant writes is skipped.
    """
    for start, _ in _volumes(image):
        volume = find_nv_volume(image[start : start + HEADER_BYTES].tobytes(), limit=len(image) - start)
        if volume is not None and start % STEP == 0 and not _is_spare(image, start, volume):
            return Store(start, volume)
    return None


def occupied_end(image: NDArray[np.uint8]) -> int:
    """Return the first offset after all firmware volumes and all bytes that are neither zero nor erased."""
    end = 0
    for base, chunk in _chunks_backwards(image):
        used = np.flatnonzero((chunk != 0) & (chunk != _ERASED))
        if len(used):
            end = base + int(used[-1]) + 1
            break
    return max([end, *(stop for _, stop in _volumes(image[: end + STEP]) if stop <= len(image))])


def _chunks_backwards(image: NDArray[np.uint8]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Iterate over offset and bytes of the chunks that are not zero, the last first."""
    for low, high in reversed(occupied(image)):
        for base in range(low + (high - low - 1) // _CHUNK * _CHUNK, low - 1, -_CHUNK):
            yield base, image[base : min(base + _CHUNK, high)]


def _volumes(image: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """Iterate over start and end of all firmware volumes, by offset.

    Ref: UEFI Platform Initialization Specification, volume 3, "EFI_FIRMWARE_VOLUME_HEADER".
    """
    found_at = (
        low + found.start() for low, high in occupied(image) for found in _SIGNATURE.finditer(image[low:high].data)
    )
    for at in found_at:
        start = at - _SIGNATURE_AT
        header = image[max(start, 0) :][: _LENGTHS.size].tobytes()
        if start < 0 or len(header) < _LENGTHS.size:
            continue
        length, header_bytes = _LENGTHS.unpack(header)
        words = image[start : start + header_bytes]
        if len(words) == header_bytes and header_bytes % 2 == 0 and not int(words.view("<u2").sum()) & 0xFFFF:
            yield start, start + length


def _is_spare(image: NDArray[np.uint8], start: int, volume: Volume) -> bool:
    """True if a header is a copy in the spare blocks: the working block of the same store precedes it."""
    return any(
        image[at : at + len(WORKING_GUID)].tobytes() == WORKING_GUID
        for at in range(max(start - volume.fv_length, 0), start, STEP)
    )
