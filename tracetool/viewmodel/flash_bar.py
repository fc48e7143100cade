"""A flash as a bar of characters: the region to scale, the end of its extent, and what was used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tracetool.audit.flash import Use

if TYPE_CHECKING:
    from tracetool.audit.flash import FlashUse

__all__ = ["BarCell", "close_up", "draw_bar"]

_RANKS = {use: rank for rank, use in enumerate(Use)}


class BarCell(NamedTuple):
    """Character of a bar: its use, and whether it lies inside the extent; `line` marks the extent's end."""

    use: Use
    inside: bool
    line: bool = False


def close_up(flash: FlashUse) -> FlashUse | None:
    """Cut the flash down to the part that is used; None where that is most of it."""
    few = 8
    if not flash.reach or flash.reach * few > flash.region_bytes:
        return None
    end = flash.reach if flash.reach != flash.extent_bytes else flash.reach * 5 // 4
    whole_blocks = -(-end // flash.block_bytes) * flash.block_bytes
    return replace(flash, region_bytes=min(whole_blocks, flash.region_bytes), size_known=True)


def draw_bar(flash: FlashUse, width: int) -> list[BarCell]:
    """Draw the flash in `width` characters, one of them the line of the extent.

    No character stands for both sides of the extent, so that a write one byte past the end is seen past the line; and
    whatever was used has a character, however small it is.
    """
    if width <= 0:
        return []
    extent, region = flash.extent_bytes, flash.region_bytes
    if extent is None or extent >= region:
        return _stretch(flash, (0, region), width, inside=extent is not None)
    inside = _share(extent, region, width - 1)
    return [
        *_stretch(flash, (0, extent), inside, inside=True),
        BarCell(Use.UNTOUCHED, inside=True, line=True),
        *_stretch(flash, (extent, region), width - 1 - inside, inside=False),
    ]


def _share(extent: int, region: int, cells: int) -> int:
    """Characters of the inside: to scale, but one at least on each side that has any bytes."""
    if extent == 0 or cells <= 1:
        return 0
    return min(max(round(cells * extent / region), 1), cells - 1)


def _stretch(flash: FlashUse, ends: tuple[int, int], cells: int, *, inside: bool) -> list[BarCell]:
    start, end = ends
    uses = [Use.UNTOUCHED] * cells
    for span in flash.exact_spans:
        low, high = max(span.start, start), min(span.end, end)
        if low >= high or not cells:
            continue
        first = (low - start) * cells // (end - start)
        last = max(first + 1, -(-(high - start) * cells // (end - start)))
        for at in range(first, min(last, cells)):
            uses[at] = max(uses[at], span.use, key=_RANKS.__getitem__)
    return [BarCell(use, inside) for use in uses]
