"""The extent of a device: the end of its image file, and how it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracetool.sizes import format_offset
from tracetool.uefi.store import Store
from tracetool.uefi.volume import HEADER_BYTES, find_nv_volume

if TYPE_CHECKING:
    from replay.engine import Machine
    from replay.geometry import Geometry
    from tracetool.analysis.evidence import Realize
    from tracetool.analysis.identity import Contents

__all__ = ["Extent", "first_extent", "written_extent", "written_store"]


@dataclass(frozen=True)
class Extent:
    """End of the image file in bytes, and its source in words; `store` None: no variable store was found."""

    bytes: int
    source: str
    store: Store | None = None

    @property
    def code_end(self) -> int:
        """End of the code that lies before the variable store in the same flash; 0 for none."""
        return 0 if self.store is None else self.store.start


def first_extent(
    told: int | None,
    realize: Realize | None,
    image: Contents | None,
    geometry: Geometry,
    recorded: int | None = None,
) -> Extent | None:
    """The extent as far as it is known before the first event, by the first source that has one.

    Args:
        told: the option's value, bytes.
        realize: the device's `pflash_realize` event.
        image: what is known of its contents before the trace: shorter than the region, or with a variable store.
        geometry: its region.
        recorded: that of its run directory, for a lost image, bytes.
    """
    store = None if image is None else image.store
    if told is not None:
        return Extent(told, "--extent", store)
    if realize is not None and realize.extent is not None:
        return Extent(realize.extent, "its pflash_realize event", store)
    if image is not None and image.bytes < geometry.size:
        return Extent(image.bytes, "the length of its image", store)
    if store is not None:
        where = f", at {format_offset(store.start)}" if store.start else ""
        return Extent(store.end, f"FvLength of the variable store in its image{where}", store)
    if image is not None or recorded is None or recorded > geometry.size:
        return None
    return Extent(recorded, "FvLength of the variable store, by its run directory")


def written_store(machine: Machine) -> Store | None:
    """The variable store that the first bytes of the flash hold since a change; None for none."""
    header = machine.known_prefix(HEADER_BYTES)
    volume = None if header is None else find_nv_volume(header, limit=machine.config.geometry.size)
    if volume is None:
        return None
    machine.stop_watching()
    return Store(0, volume)


def written_extent(store: Store) -> Extent:
    """The extent by a variable store that the trace itself writes."""
    return Extent(store.end, "FvLength of the variable store that the trace writes", store)
