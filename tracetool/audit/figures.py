"""Figures of a device: each declared once, with its key, unit, label and source; reports select them by key."""

from __future__ import annotations

from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.audit.result import DeviceAudit

__all__ = ["COUNTS", "COUNT_FIGURES", "FIGURES", "LABELS", "SIZES", "TOTALS", "Figure", "Unit", "figures"]


class Unit(StrEnum):
    """What a figure counts."""

    BYTES = "bytes"
    """A size, or an offset in the device; ends are exclusive."""
    COUNT = "count"


class Figure(NamedTuple):
    """A figure of one device; `value` None where it is not known. `label` names it for people."""

    key: str
    unit: Unit
    label: str
    value: int | None


_UNKNOWN_UNPROVED = ("buffered_programs", "programs", "bytes_programmed", "programmed_end")
"""Unknown where the trace does not tell whether programs were stored."""

TOTALS = {
    "accesses": "accesses",
    "reads": "bus reads",
    "writes": "bus writes",
    "erases": "erases",
    "buffered_programs": "buffered programs",
    "programs": "single programs",
    "bytes_programmed": "bytes programmed",
    "unproved_programs": "programs, stored or not",
    "refused": "operations refused",
    "aborted": "operations aborted",
    "status_reads": "status reads",
    "identifier_reads": "identifier reads",
    "query_reads": "CFI query reads",
    "strays": "stray stores",
    "resets": "resets",
}
"""Labels of the totals (`tracetool.analysis.tally.Totals`), by key."""

SIZES = ("minimum_backing_bytes", "saved_bytes", "programmed_end", "erased_end", "commanded_end")
"""Sizes and ends that every machine-readable report has."""

COUNTS = ("erases", "unproved_programs", "all_programs", "bytes_programmed", "writes", "not_done")
"""Counts that reports for people show where they are not 0."""

_OF_ALL_GUESTS = "saved_bytes_all_guests"

_BYTES: dict[str, tuple[str, Callable[[DeviceAudit], int | None]]] = {
    "region_bytes": ("region", attrgetter("region_bytes")),
    "minimum_backing_bytes": ("smallest backing", attrgetter("backing.bytes")),
    "saved_bytes": ("saved, one guest", attrgetter("saved_bytes")),
    _OF_ALL_GUESTS: (
        "saved, {guests:,} guests",
        lambda device: None if device.saved_bytes is None else device.saved_bytes * device.guests,
    ),
    "extent_bytes": ("extent", lambda device: None if device.extent is None else device.extent.bytes),
    "programmed_end": ("end of what was programmed", attrgetter("ends.programmed")),
    "erased_end": ("end of what was erased", attrgetter("ends.erased")),
    "commanded_end": ("end of what was commanded", attrgetter("ends.commanded")),
}
_COUNTS: dict[str, tuple[str, Callable[[DeviceAudit], int | None]]] = {
    "events": ("events", attrgetter("events")),
    **{key: (label, attrgetter(f"totals.{key}")) for key, label in TOTALS.items()},
    "all_programs": ("programs", lambda device: device.totals.buffered_programs + device.totals.programs),
    "not_done": ("refused or aborted", lambda device: device.totals.refused + device.totals.aborted),
}
FIGURES = tuple(key for key in (*_BYTES, *_COUNTS) if key != _OF_ALL_GUESTS)
"""Keys of the figures that do not depend on a number of guests."""
COUNT_FIGURES = frozenset(_COUNTS)
"""Those that are counts; the others are sizes and offsets."""

LABELS = {key: label for table in (_BYTES, _COUNTS) for key, (label, _) in table.items()}
"""Their names for people."""


def figures(device: DeviceAudit) -> dict[str, Figure]:
    """Every figure of a device, by key."""
    unknown = _UNKNOWN_UNPROVED if device.totals.unproved_programs else ()
    return {
        key: Figure(key, unit, label.format(guests=device.guests), None if key in unknown else source(device))
        for unit, table in ((Unit.BYTES, _BYTES), (Unit.COUNT, _COUNTS))
        for key, (label, source) in table.items()
    }
