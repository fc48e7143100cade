"""Where the image file of a device ends, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracetool.uefi.volume import HEADER_BYTES, find_nv_volume

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from replay.engine import Machine
    from replay.geometry import Geometry
    from tracetool.session.evidence import Realize

__all__ = ["Extent", "first_extent", "written_extent"]


@dataclass(frozen=True)
class Extent:
    """Where the image file ends, in bytes, and how that is known."""

    bytes: int
    source: str


def first_extent(
    told: int | None,
    realize: Realize | None,
    image: NDArray[np.uint8] | None,
    geometry: Geometry,
    recorded: int | None = None,
) -> Extent | None:
    """The extent as far as it is known before the first event: the first of these that says one.

    Args:
        told: the option's value, bytes.
        realize: what the device says of itself.
        image: its contents before the trace; shorter than the region, or with a variable store in it.
        geometry: its region.
        recorded: what its run directory says where the image is lost, bytes.
    """
    if told is not None:
        return Extent(told, "--extent")
    if realize is not None and realize.extent is not None:
        return Extent(realize.extent, "its pflash_realize event")
    if image is not None:
        return _extent_of(image, geometry)
    if recorded is None or recorded > geometry.size:
        return None
    return Extent(recorded, "FvLength of the variable store, by its run directory")


def _extent_of(image: NDArray[np.uint8], geometry: Geometry) -> Extent | None:
    if len(image) < geometry.size:
        return Extent(len(image), "the length of its image")
    volume = find_nv_volume(image[:HEADER_BYTES].tobytes(), limit=geometry.size)
    return None if volume is None else Extent(volume.fv_length, "FvLength of the variable store in its image")


def written_extent(machine: Machine) -> Extent | None:
    """The first bytes of the flash changed: is there a variable store now that says how long it is?"""
    header = machine.known_prefix(HEADER_BYTES)
    volume = None if header is None else find_nv_volume(header, limit=machine.config.geometry.size)
    if volume is None:
        return None
    machine.stop_watching()
    return Extent(volume.fv_length, "FvLength of the variable store that the trace writes")
