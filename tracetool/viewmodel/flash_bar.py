"""A flash as a bar of characters: the region to scale, where its extent ends, and what was done where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from tracetool.report.flash_map import OUTSIDE_RULES
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.audit import Audit, DeviceAudit

__all__ = ["BarCell", "FlashBar", "Span", "close_up", "draw_bar", "flash_bar"]

_RANKS = {"untouched": 0, "programmed": 1, "erased": 2, "refused": 3, "outside": 4}
"""What is done to a place, and which of them is shown where several are."""


class Span(NamedTuple):
    """A stretch of the flash and what was done there: bytes, the end exclusive, and a key of the ranks."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class FlashBar:
    """A stretch of flash from offset 0. Sizes in bytes; `extent_bytes` None where no extent is known."""

    region_bytes: int
    extent_bytes: int | None
    spans: tuple[Span, ...]
    block_bytes: int = 1
    sized: bool = True
    """Whether the region is known, and not just as large as the trace shows."""

    @property
    def label(self) -> str:
        """The size in words."""
        return format_size(self.region_bytes) if self.sized else f"at least {format_size(self.region_bytes)}"

    @property
    def reach(self) -> int:
        """First offset after everything that was touched and after the extent."""
        return max([self.extent_bytes or 0, *(span.end for span in self.spans)])


class BarCell(NamedTuple):
    """One character of a bar: what was done there, whether it lies in the extent; `line`: the cell at its end."""

    kind: str
    inside: bool
    line: bool = False


def flash_bar(device: DeviceAudit, audit: Audit) -> FlashBar | None:
    """The bar of a device; None where its region is not known, or is empty."""
    if device.geometry is None or not device.region_bytes:
        return None
    extent = device.extent.bytes if device.extent else None
    spans = (*_block_spans(device, extent), *_outside_spans(device, audit))
    return FlashBar(
        max(device.region_bytes, extent or 0), extent, spans, device.geometry.block, device.geometry.size_known
    )


def _block_spans(device: DeviceAudit, extent: int | None) -> Iterator[Span]:
    for row in device.blocks.iter_rows(named=True):
        start, end = row["offset"], row["offset"] + row["length"]
        kind = next((kind for kind in ("refused", "erases", "programs") if row[kind]), None)
        if kind is None or (extent is not None and start >= extent):
            continue  # what lies outside is shown where it was done, not as the whole block
        inner = end if extent is None else min(end, extent)
        yield Span(start, inner, {"erases": "erased", "programs": "programmed"}.get(kind, kind))


def _outside_spans(device: DeviceAudit, audit: Audit) -> Iterator[Span]:
    for found in audit.findings:
        if found.device == device.name and found.rule in OUTSIDE_RULES and found.offset is not None:
            yield Span(found.offset, found.offset + max(found.length or 0, 1), "outside")


def close_up(bar: FlashBar) -> FlashBar | None:
    """The part of a bar that is used, where it is small in the whole; None where a look at it shows nothing new."""
    few = 8
    if not bar.reach or bar.reach * few > bar.region_bytes:
        return None
    end = bar.reach if bar.reach != bar.extent_bytes else bar.reach * 5 // 4
    whole_blocks = -(-end // bar.block_bytes) * bar.block_bytes
    return replace(bar, region_bytes=min(whole_blocks, bar.region_bytes), sized=True)


def draw_bar(bar: FlashBar, width: int) -> list[BarCell]:
    """The bar in `width` characters, the extent's line one of them.

    What lies inside never shares a character with what lies beyond, so that a write one byte past the end is seen
    past the line; and whatever was touched has a character, however small it is.
    """
    if width <= 0:
        return []
    if bar.extent_bytes is None or bar.extent_bytes >= bar.region_bytes:
        return _stretch(bar, (0, bar.region_bytes), width, inside=bar.extent_bytes is not None)
    inside = _share(bar.extent_bytes, bar.region_bytes, width - 1)
    return [
        *_stretch(bar, (0, bar.extent_bytes), inside, inside=True),
        *([BarCell("untouched", inside=True, line=True)]),
        *_stretch(bar, (bar.extent_bytes, bar.region_bytes), width - 1 - inside, inside=False),
    ]


def _share(extent: int, region: int, cells: int) -> int:
    """Characters of the inside: to scale, but one at least on each side where there is anything on it."""
    if extent == 0 or cells <= 1:
        return 0
    return min(max(round(cells * extent / region), 1), cells - 1)


def _stretch(bar: FlashBar, ends: tuple[int, int], cells: int, *, inside: bool) -> list[BarCell]:
    start, end = ends
    kinds = ["untouched"] * cells
    for span in bar.spans:
        low, high = max(span.start, start), min(span.end, end)
        if low >= high or not cells:
            continue
        first = (low - start) * cells // (end - start)
        last = max(first + 1, -(-(high - start) * cells // (end - start)))
        for at in range(first, min(last, cells)):
            kinds[at] = max(kinds[at], span.kind, key=_RANKS.__getitem__)
    return [BarCell(kind, inside) for kind in kinds]
