"""Use of a flash: spans that were programmed, erased, refused or lie beyond the extent, as every face draws them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.audit.result import Audit, DeviceAudit

__all__ = ["FlashUse", "Span", "Use", "flash_use"]

_OUTSIDE_RULES = ("EXT001", "EXT002", "EXT003")


class Use(StrEnum):
    """What happened to a place, in rising order of what matters."""

    UNTOUCHED = "untouched"
    PROGRAMMED = "programmed"
    ERASED = "erased"
    REFUSED = "refused"
    OUTSIDE = "outside"


_COLUMNS = {Use.PROGRAMMED: "programs", Use.ERASED: "erases", Use.REFUSED: "refused"}


class Span(NamedTuple):
    """Stretch of the flash from `start` to `end` (exclusive), bytes: an erase block, or what a finding says is outside.

    `operations` used it; `rule` is that of the finding.
    """

    start: int
    end: int
    use: Use
    operations: int = 1
    rule: str = ""


@dataclass(frozen=True)
class FlashUse:
    """Flash from offset 0 and the spans that were used. Sizes in bytes; `extent_bytes` None where unknown."""

    region_bytes: int
    extent_bytes: int | None
    spans: tuple[Span, ...]
    block_bytes: int = 1
    size_known: bool = True
    """False where the region is only as large as the trace shows."""

    @property
    def size_words(self) -> str:
        """Size of the region as a phrase."""
        return format_size(self.region_bytes) if self.size_known else f"at least {format_size(self.region_bytes)}"

    @property
    def exact_spans(self) -> Iterator[Span]:
        """Spans in which whole blocks stand only for what lies inside the extent."""
        limit = self.region_bytes if self.extent_bytes is None else self.extent_bytes
        for span in self.spans:
            if span.use == Use.OUTSIDE:
                yield span
            elif span.start < limit:
                yield span._replace(end=min(span.end, limit))

    @property
    def reach(self) -> int:
        """First offset after everything that was used and after the extent."""
        return max([self.extent_bytes or 0, *(span.end for span in self.exact_spans)])


def flash_use(device: DeviceAudit, audit: Audit) -> FlashUse | None:
    """Compute the use of a device; None where its region is unknown or empty."""
    if device.geometry is None or not device.region_bytes:
        return None
    extent = device.extent.bytes if device.extent else None
    return FlashUse(
        max(device.region_bytes, extent or 0),
        extent,
        (*_block_spans(device), *_outside_spans(device, audit)),
        device.geometry.block,
        device.geometry.size_known,
    )


def _block_spans(device: DeviceAudit) -> Iterator[Span]:
    columns = ("offset", "length", *_COLUMNS.values())
    for offset, length, *counts in device.blocks.select(columns).iter_rows():
        for use, count in zip(_COLUMNS, counts, strict=True):
            if count:
                yield Span(offset, offset + length, use, count)


def _outside_spans(device: DeviceAudit, audit: Audit) -> Iterator[Span]:
    for found in audit.findings:
        if found.device == device.name and found.rule in _OUTSIDE_RULES and found.offset is not None:
            end = found.offset + max(found.length or 0, 1)
            yield Span(found.offset, end, Use.OUTSIDE, found.count, found.rule)
