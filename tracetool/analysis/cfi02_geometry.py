"""Geometry of a CFI02 device: what its trace tells of it, and what contradicts it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from replay.boards import boards
from replay.cfi02.answers import geometry_in, identifiers_in
from replay.command_set import CommandSet
from replay.geometry import Geometry
from tracetool.errors import UsageError
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from replay.boards import Board
    from tracetool.analysis.evidence import Evidence
    from tracetool.analysis.options import Options

__all__ = ["cfi02_board", "cfi02_contradictions", "require_whole_file", "shown_geometry"]


def cfi02_board(evidence: Evidence) -> Board | None:
    """The only board with a CFI02 flash of these identifiers, two of which were read, and of this width; None: none."""
    if evidence.width is None:
        return None
    read = identifiers_in(evidence.answers, evidence.width)
    if not {0, 1} <= read.keys():
        return None
    fitting = [
        board
        for board in boards().values()
        if board.command_set == CommandSet.CFI02
        and board.bank_width == evidence.width
        and all(board.ids[number] == value for number, value in read.items() if number <= 1)
    ]
    return fitting[0] if len(fitting) == 1 else None


def shown_geometry(
    geometry: Geometry | None, source: str, evidence: Evidence, image_bytes: int | None
) -> tuple[Geometry | None, str]:
    """The board's geometry, with the sectors of a query in the trace; without a board what the trace shows.

    The device can have other sectors than those of its board: they are properties of it.
    """
    if evidence.width is None:
        return geometry, source
    queried = geometry_in(evidence.answers, evidence.width)
    if geometry is None:
        found = queried or _by_sectors(evidence, image_bytes)
        return found, "what the trace shows of it" if found else source
    if queried is None or geometry.bank_width != evidence.width or queried.regions == geometry.regions:
        return geometry, source
    sectors = replace(geometry, size=queried.size, block=queried.block, layout=queried.layout, size_known=True)
    return sectors, f"{source}, its sectors by its query table"


def _by_sectors(evidence: Evidence, image_bytes: int | None) -> Geometry | None:
    """A flash of equal sectors as they were erased; None where they are unlike, or none was erased."""
    lengths = {length for _, length in evidence.sectors}
    if len(lengths) != 1 or evidence.width is None:
        return None
    (sector,) = lengths
    size = image_bytes or -(-max(evidence.highest_end, *(sum(span) for span in evidence.sectors)) // sector) * sector
    if sector & (sector - 1) or size % sector:
        return None
    return Geometry(size, sector, evidence.width, size_known=image_bytes is not None, command_set=CommandSet.CFI02)


def cfi02_contradictions(geometry: Geometry, evidence: Evidence) -> list[str]:
    """Contradictions between trace and geometry, in words."""
    found = []
    if evidence.width is not None and evidence.width != geometry.bank_width:
        found.append(f"the trace addresses commands as a flash of width {evidence.width} does")
    starts = np.array([0, *geometry.region_ends])
    for offset, length in evidence.sectors:
        if offset + length > geometry.size:
            found.append(f"the trace goes up to {format_offset(offset + length)}")
            break
        region = geometry.regions[int(np.searchsorted(starts, offset, "right")) - 1]
        if region.sector != length:
            found.append(f"the trace erases a sector of {format_size(length)} at {format_offset(offset)}")
            break
    return found


def require_whole_file(name: str, geometry: Geometry, options: Options, image_bytes: int | None) -> None:
    """Refuse an extent, and an image that is not as long as the flash: QEMU starts with no other."""
    if name in options.extents:
        raise UsageError(
            f"--extent {name}: the image of a CFI02 flash is as long as the flash, since QEMU refuses any other; "
            "leave the option out"
        )
    if image_bytes is not None and geometry.size_known and image_bytes != geometry.size:
        raise UsageError(
            f"--image {name}={options.images.get(name, '')}: {format_size(image_bytes)} are not the "
            f"{format_size(geometry.size)} of the flash, and QEMU refuses any other; give its image, or the right "
            "--board or --geometry"
        )
