"""A flash drawn to scale: where its blocks were programmed and erased, and where its extent ends.

Two drawings in units of a 1,000 wide canvas. The strip is the whole region, every byte as wide as any other. The
blocks are a cell each for what was used and all that lies inside the extent; runs of others are folded.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log1p
from typing import TYPE_CHECKING

from tracetool.findings.phrases import count_of
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracetool.audit import Audit, DeviceAudit

__all__ = ["OUTSIDE_RULES", "WIDTH", "Cell", "FlashMap", "Mark", "draw_flash"]

WIDTH = 1000
"""Width of every drawing."""

MOST_CELLS = 192
"""Cells of the second drawing; where there would be more, one stands for several blocks."""

MOST_MARKS = 512
"""Blocks that are told apart in the strip; where there are more, one mark stands for several."""

INSIDE_SHOWN = 48
"""Blocks inside the extent up to which all of them are shown."""

SHORTEST_FOLD = 3
CELL_WIDTH, CELL_HEIGHT, GAP, FOLD_WIDTH = 77, 58, 6.9, 160.9
LABEL_HEIGHT = 26
BAR_WIDTH = 34
NARROWEST = 3
TICKS = 4

OUTSIDE_RULES = ("EXT001", "EXT002", "EXT003")
"""Rules whose findings say that something was done beyond the extent."""


@dataclass(frozen=True)
class Mark:
    """A stretch of the strip: what was done there (a class of the style sheet), where, and in words."""

    kind: str
    x: float
    width: float
    title: str


@dataclass(frozen=True)
class Cell:
    """A cell of the second drawing: one block, several, or a fold of untouched ones.

    `kind` is `used`, `untouched` or `fold`; `extent` is where in the cell the extent ends, 0 to 1, None if elsewhere.
    """

    kind: str
    x: float
    y: float
    width: float
    outside: bool
    label: str
    title: str
    bars: tuple[tuple[str, float, str], ...] = ()
    extent: float | None = None


@dataclass(frozen=True)
class FlashMap:
    """Both drawings. Positions on the canvas; `extent` None where no extent is known."""

    region: str
    extent: float | None
    extent_label: str
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    cells: tuple[Cell, ...]
    blocks_height: float
    blocks_per_cell: int
    description: str


@dataclass
class _Use:
    """What was done to a block or to several."""

    erases: int = 0
    programs: int = 0
    refused: int = 0
    commanded: bool = False

    @property
    def used(self) -> bool:
        return bool(self.erases or self.programs or self.refused or self.commanded)

    def words(self) -> str:
        counts = [(self.erases, "erase"), (self.programs, "program"), (self.refused, "refused operation")]
        said = [count_of(count, noun) for count, noun in counts if count]
        if self.commanded:
            said.append("commands outside the extent")
        return ", ".join(said) or "untouched"


def draw_flash(device: DeviceAudit, audit: Audit) -> FlashMap | None:
    """The drawings of a device; None where its geometry is not known, or there is nothing to show."""
    if device.geometry is None or not device.region_bytes:
        return None
    drawing = _Drawing(device, audit, device.region_bytes, device.geometry.block)
    return drawing.draw() if drawing.uses or device.extent is not None else None


class _Drawing:
    """Draws one device."""

    def __init__(self, device: DeviceAudit, audit: Audit, region: int, block: int) -> None:
        self.region = max(region, device.extent.bytes if device.extent else 0)
        self.block = block
        self.sized = device.geometry is None or device.geometry.size_known
        self.extent = device.extent.bytes if device.extent else None
        self.spans = [
            (found.offset, found.offset + (found.length or 0), found.rule)
            for found in audit.findings
            if found.device == device.name and found.rule in OUTSIDE_RULES and found.offset is not None
        ]
        self.uses = self._uses(device)

    def draw(self) -> FlashMap:
        per_cell = 1
        while len(items := list(self._items(per_cell))) > MOST_CELLS:
            per_cell *= 2
        cells = tuple(self._placed(items, per_cell))
        return FlashMap(
            region=format_size(self.region) if self.sized else f"at least {format_size(self.region)}",
            extent=None if self.extent is None else self._x(self.extent),
            extent_label="" if self.extent is None else f"extent {format_size(self.extent)}",
            marks=tuple(self._marks()),
            ticks=tuple(self._ticks()),
            cells=cells if self.uses else (),
            blocks_height=max((cell.y for cell in cells), default=0) + CELL_HEIGHT + GAP,
            blocks_per_cell=per_cell,
            description=self._description(),
        )

    def _uses(self, device: DeviceAudit) -> dict[int, _Use]:
        counts = device.blocks.select("block", "erases", "programs", "refused")
        uses = {block: _Use(erases, programs, refused) for block, erases, programs, refused in counts.iter_rows()}
        for start, end, rule in self.spans:
            if rule == "EXT003":
                for place in (start, max(start, end - 1)):
                    uses.setdefault(place // self.block, _Use()).commanded = True
        return uses

    def _x(self, offset: int) -> float:
        return round(min(offset, self.region) / self.region * WIDTH, 2)

    def _beyond(self, block: int) -> bool:
        """Whether any byte of a block lies outside the extent."""
        return self.extent is not None and (block + 1) * self.block > self.extent

    # --- the strip -----------------------------------------------------------------------------------------------

    def _marks(self) -> Iterator[Mark]:
        count, per_mark = -(-self.region // self.block), 1
        while count > MOST_MARKS * per_mark:
            per_mark *= 2
        for first in sorted({block // per_mark * per_mark for block in self.uses}):
            blocks = (first, min(first + per_mark, count))
            use = self._sum(*blocks)
            for kind, number in (("refused", use.refused), ("erase", use.erases), ("program", use.programs)):
                if number:
                    yield self._mark(kind, blocks[0] * self.block, blocks[1] * self.block, self._titled(blocks, use))
        for start, end, rule in self.spans:
            yield self._mark("outside", start, end, f"{rule}: {format_offset(start)} to {format_offset(end)}")

    def _mark(self, kind: str, start: int, end: int, title: str) -> Mark:
        x, width = self._x(start), max(self._x(end) - self._x(start), NARROWEST)
        return Mark(kind, min(x, WIDTH - width), round(width, 2), title)

    def _ticks(self) -> Iterator[tuple[float, str]]:
        for tick in range(TICKS + 1):
            offset = self.region * tick // TICKS
            yield self._x(offset), format_size(offset) if offset else "0"

    # --- the blocks ----------------------------------------------------------------------------------------------

    def _items(self, per_cell: int) -> Iterator[tuple[int, int]]:
        """Runs of blocks, first and one after the last: `per_cell` of them, or a fold of untouched ones."""
        count = -(-self.region // self.block)
        shown = {block // per_cell for block in self.uses}
        if self.extent is not None:
            inside = -(-self.extent // self.block)
            whole = range(-(-inside // per_cell)) if inside <= INSIDE_SHOWN * per_cell else ()
            shown |= {*whole, (self.extent - 1) // self.block // per_cell} - {-1}
        last = -(-count // per_cell)
        at = 0
        for cell in [*sorted(cell for cell in shown if cell < last), last]:
            yield from self._between(at * per_cell, min(cell * per_cell, count), per_cell)
            if cell < last:
                yield cell * per_cell, min((cell + 1) * per_cell, count)
            at = cell + 1

    def _between(self, start: int, end: int, per_cell: int) -> Iterator[tuple[int, int]]:
        """Untouched blocks: folded, or cells where they are few."""
        if end - start >= SHORTEST_FOLD * per_cell:
            yield start, end
        else:
            yield from ((at, min(at + per_cell, end)) for at in range(start, end, per_cell))

    def _placed(self, items: Sequence[tuple[int, int]], per_cell: int) -> Iterator[Cell]:
        most = max((max(use.erases, use.programs, use.refused) for use in self.uses.values()), default=0)
        y = 0.0
        for row in _rows(items, per_cell):
            y += LABEL_HEIGHT if any(self._extent_in(*item) is not None for item in row) else GAP
            x = 0.0
            for start, end in row:
                fold = end - start > per_cell
                width = FOLD_WIDTH if fold else CELL_WIDTH
                yield self._cell((start, end), (round(x, 1), round(y, 1), width), most, fold=fold)
                x += width + GAP
            y += CELL_HEIGHT

    def _cell(self, blocks: tuple[int, int], place: tuple[float, float, float], most: int, *, fold: bool) -> Cell:
        start, end = blocks
        use = self._sum(start, end)
        x, y, width = place
        return Cell(
            kind="fold" if fold else "used" if use.used else "untouched",
            x=x,
            y=y,
            width=width,
            outside=self._beyond(end - 1),
            label=count_of(end - start, "block") if fold else format_offset(start * self.block),
            title=self._titled(blocks, use),
            bars=tuple(_bars(use, most)),
            extent=self._extent_in(start, end),
        )

    def _titled(self, blocks: tuple[int, int], use: _Use) -> str:
        """A run of blocks in words."""
        start, end = blocks
        which = f"block {start}" if end - start == 1 else f"blocks {start} to {end - 1}"
        offsets = f"{format_offset(start * self.block)} to {format_offset(min(end * self.block, self.region))}"
        return f"{which}, {offsets}: {use.words()}"

    def _sum(self, start: int, end: int) -> _Use:
        total = _Use()
        for block in range(start, end) if end - start < len(self.uses) else self.uses:
            use = self.uses.get(block)
            if use is not None and start <= block < end:
                total.erases += use.erases
                total.programs += use.programs
                total.refused += use.refused
                total.commanded |= use.commanded
        return total

    def _extent_in(self, start: int, end: int) -> float | None:
        """Where in a run of blocks the extent ends; at its end, not at the beginning of the next."""
        if self.extent == start == 0:
            return 0
        if self.extent is None or not start * self.block < self.extent <= end * self.block:
            return None
        return round((self.extent - start * self.block) / ((end - start) * self.block), 3)

    def _description(self) -> str:
        inside = [use for block, use in self.uses.items() if not self._beyond(block)]
        beyond = [use for block, use in self.uses.items() if self._beyond(block)]
        used = f"{count_of(len(self.uses), 'block')} of {-(-self.region // self.block):,} used"
        if self.extent is None:
            return f"{used}; no extent is known."
        return f"{used}: {len(inside):,} inside the extent of {format_size(self.extent)}, {len(beyond):,} beyond it."


def _rows(items: Sequence[tuple[int, int]], per_cell: int) -> Iterator[list[tuple[int, int]]]:
    """As many cells in a row as there is room for."""
    row: list[tuple[int, int]] = []
    used = 0.0
    for start, end in items:
        width = FOLD_WIDTH if end - start > per_cell else CELL_WIDTH
        if used + width > WIDTH:
            yield row
            row, used = [], 0.0
        row.append((start, end))
        used += width + GAP
    yield row


def _bars(use: _Use, most: int) -> Iterator[tuple[str, float, str]]:
    """What was done, how long its bar is (on a logarithmic scale), and the number."""
    for kind, count in (("erase", use.erases), ("program", use.programs), ("refused", use.refused)):
        if count:
            yield kind, round(max(BAR_WIDTH * log1p(count) / log1p(most), NARROWEST), 1), _short(count)
    if use.commanded and not (use.erases or use.programs or use.refused):
        yield "commands", 0, "commands"


def _short(count: int) -> str:
    """A count in at most five characters."""
    thousand = 1000
    if count < 10 * thousand:
        return str(count)
    if count < 10 * thousand**2:
        return f"{count // thousand}k"
    return f"{count // thousand**2}M"
