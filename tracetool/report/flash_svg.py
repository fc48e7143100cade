"""A flash as SVG to scale: its blocks as they were programmed and erased, and the end of its extent.

Two drawings in units of a 1,000 wide canvas. The strip is the whole region, every byte as wide as any other. The
blocks are a cell each for what was used and all that lies inside the extent; runs of others are folded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from math import log1p
from typing import TYPE_CHECKING

from tracetool.audit.flash import Use, flash_use
from tracetool.findings.phrases import count_of
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracetool.audit import Audit, DeviceAudit
    from tracetool.audit.flash import FlashUse

__all__ = ["WIDTH", "Cell", "FlashDrawing", "Mark", "draw_flash"]

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

_CLASSES = {Use.REFUSED: "refused", Use.ERASED: "erase", Use.PROGRAMMED: "program"}
"""Classes of the style sheet, in the order of the strip's layers."""

_COUNTED = {Use.ERASED: "erase", Use.PROGRAMMED: "program", Use.REFUSED: "refused operation"}
"""Nouns of what is counted, in the order of a cell's bars."""

_COMMANDS = "EXT003"
"""Rule of commands beyond the extent, which store nothing."""


@dataclass(frozen=True)
class Mark:
    """Stretch of the strip; `kind` is a class of the style sheet."""

    kind: str
    x: float
    width: float
    title: str


@dataclass(frozen=True)
class Cell:
    """Cell of the second drawing: one block, several, or a fold of untouched ones.

    `kind` is `used`, `untouched` or `fold`; a bar is its class, length and number; `extent` is where in the cell the
    extent ends, 0 to 1, None if elsewhere.
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
class FlashDrawing:
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


_Blocks = tuple[int, int]
"""Run of blocks: the first, and one after the last."""


def draw_flash(device: DeviceAudit, audit: Audit) -> FlashDrawing | None:
    """Draw a device; None where its geometry is unknown, or there is nothing to show."""
    flash = flash_use(device, audit)
    if flash is None or not (flash.spans or flash.extent_bytes is not None):
        return None
    return _Drawing(flash).draw()


class _Drawing:
    """Draws one flash."""

    def __init__(self, flash: FlashUse) -> None:
        self.flash = flash
        self.region, self.extent, self.block = flash.region_bytes, flash.extent_bytes, flash.block_bytes
        self.count = -(-self.region // self.block)
        self.uses = _by_block(flash)
        """Operations by use, of each block that was used; 0 of `OUTSIDE` are commands."""

    def draw(self) -> FlashDrawing:
        per_cell = 1
        while len(items := list(self._items(per_cell))) > MOST_CELLS:
            per_cell *= 2
        cells = tuple(self._placed(items, per_cell))
        return FlashDrawing(
            region=self.flash.size_words,
            extent=None if self.extent is None else self._x(self.extent),
            extent_label="" if self.extent is None else f"extent {format_size(self.extent)}",
            marks=(*self._used_marks(), *self._outside_marks()),
            ticks=tuple(self._ticks()),
            cells=cells if self.uses else (),
            blocks_height=max((cell.y for cell in cells), default=0) + CELL_HEIGHT + GAP,
            blocks_per_cell=per_cell,
            description=self._description(),
        )

    def _x(self, offset: int) -> float:
        return round(min(offset, self.region) / self.region * WIDTH, 2)

    def _beyond(self, block: int) -> bool:
        """True when any byte of a block lies beyond the extent."""
        return self.extent is not None and (block + 1) * self.block > self.extent

    # --- the strip -----------------------------------------------------------------------------------------------

    def _used_marks(self) -> Iterator[Mark]:
        per_mark = 1
        while self.count > MOST_MARKS * per_mark:
            per_mark *= 2
        for first in sorted({block // per_mark * per_mark for block in self.uses}):
            blocks = (first, min(first + per_mark, self.count))
            use = self._sum(blocks)
            for kind, name in _CLASSES.items():
                if use[kind]:
                    yield self._mark(name, blocks[0] * self.block, blocks[1] * self.block, self._titled(blocks, use))

    def _outside_marks(self) -> Iterator[Mark]:
        for span in self.flash.spans:
            if span.use == Use.OUTSIDE:
                title = f"{span.rule}: {format_offset(span.start)} to {format_offset(span.end)}"
                yield self._mark("outside", span.start, span.end, title)

    def _mark(self, kind: str, start: int, end: int, title: str) -> Mark:
        x, width = self._x(start), max(self._x(end) - self._x(start), NARROWEST)
        return Mark(kind, min(x, WIDTH - width), round(width, 2), title)

    def _ticks(self) -> Iterator[tuple[float, str]]:
        for tick in range(TICKS + 1):
            offset = self.region * tick // TICKS
            yield self._x(offset), format_size(offset) if offset else "0"

    # --- the blocks ----------------------------------------------------------------------------------------------

    def _items(self, per_cell: int) -> Iterator[_Blocks]:
        """Runs of `per_cell` blocks, and folds of untouched ones."""
        shown = {block // per_cell for block in self.uses}
        if self.extent is not None:
            inside = -(-self.extent // self.block)
            whole = range(-(-inside // per_cell)) if inside <= INSIDE_SHOWN * per_cell else ()
            shown |= {*whole, (self.extent - 1) // self.block // per_cell} - {-1}
        last = -(-self.count // per_cell)
        at = 0
        for cell in [*sorted(cell for cell in shown if cell < last), last]:
            yield from _untouched(at * per_cell, min(cell * per_cell, self.count), per_cell)
            if cell < last:
                yield cell * per_cell, min((cell + 1) * per_cell, self.count)
            at = cell + 1

    def _placed(self, items: Sequence[_Blocks], per_cell: int) -> Iterator[Cell]:
        most = max((use[kind] for use in self.uses.values() for kind in _COUNTED), default=0)
        y = 0.0
        for row in _rows(items, per_cell):
            y += LABEL_HEIGHT if any(self._extent_in(item) is not None for item in row) else GAP
            x = 0.0
            for blocks in row:
                fold = blocks[1] - blocks[0] > per_cell
                width = FOLD_WIDTH if fold else CELL_WIDTH
                yield self._cell(blocks, (round(x, 1), round(y, 1), width), most, fold=fold)
                x += width + GAP
            y += CELL_HEIGHT

    def _cell(self, blocks: _Blocks, place: tuple[float, float, float], most: int, *, fold: bool) -> Cell:
        start, end = blocks
        use = self._sum(blocks)
        return Cell(
            "fold" if fold else "used" if use else "untouched",
            *place,
            outside=self._beyond(end - 1),
            label=count_of(end - start, "block") if fold else format_offset(start * self.block),
            title=self._titled(blocks, use),
            bars=tuple(_bars(use, most)),
            extent=self._extent_in(blocks),
        )

    def _titled(self, blocks: _Blocks, use: Counter[Use]) -> str:
        """Describe a run of blocks."""
        start, end = blocks
        which = f"block {start}" if end - start == 1 else f"blocks {start} to {end - 1}"
        offsets = f"{format_offset(start * self.block)} to {format_offset(min(end * self.block, self.region))}"
        counts = [count_of(use[kind], noun) for kind, noun in _COUNTED.items() if use[kind]]
        counts += ["commands outside the extent"] if Use.OUTSIDE in use else []
        return f"{which}, {offsets}: {', '.join(counts) or 'untouched'}"

    def _sum(self, blocks: _Blocks) -> Counter[Use]:
        total: Counter[Use] = Counter()
        for block in range(*blocks) if blocks[1] - blocks[0] < len(self.uses) else self.uses:
            if block in self.uses and blocks[0] <= block < blocks[1]:
                total.update(self.uses[block])
        return total

    def _extent_in(self, blocks: _Blocks) -> float | None:
        """Where in a run of blocks the extent ends; at its end, not at the beginning of the next."""
        start, end = blocks
        if self.extent == start == 0:
            return 0
        if self.extent is None or not start * self.block < self.extent <= end * self.block:
            return None
        return round((self.extent - start * self.block) / ((end - start) * self.block), 3)

    def _description(self) -> str:
        used = f"{count_of(len(self.uses), 'block')} of {self.count:,} used"
        if self.extent is None:
            return f"{used}; no extent is known."
        beyond = sum(map(self._beyond, self.uses))
        inside = len(self.uses) - beyond
        return f"{used}: {inside:,} inside the extent of {format_size(self.extent)}, {beyond:,} beyond it."


def _by_block(flash: FlashUse) -> dict[int, Counter[Use]]:
    """Add up the uses of each block; commands beyond the extent count for where they begin and end."""
    uses: dict[int, Counter[Use]] = defaultdict(Counter)
    for span in flash.spans:
        if span.use != Use.OUTSIDE:
            uses[span.start // flash.block_bytes][span.use] += span.operations
        elif span.rule == _COMMANDS:
            for place in (span.start, span.end - 1):
                uses[place // flash.block_bytes].setdefault(Use.OUTSIDE, 0)
    return uses


def _untouched(start: int, end: int, per_cell: int) -> Iterator[_Blocks]:
    """Untouched blocks: folded, or cells where they are few."""
    if end - start >= SHORTEST_FOLD * per_cell:
        yield start, end
    else:
        yield from ((at, min(at + per_cell, end)) for at in range(start, end, per_cell))


def _rows(items: Sequence[_Blocks], per_cell: int) -> Iterator[list[_Blocks]]:
    """As many cells in a row as there is room for."""
    row: list[_Blocks] = []
    used = 0.0
    for start, end in items:
        width = FOLD_WIDTH if end - start > per_cell else CELL_WIDTH
        if used + width > WIDTH:
            yield row
            row, used = [], 0.0
        row.append((start, end))
        used += width + GAP
    yield row


def _bars(use: Counter[Use], most: int) -> Iterator[tuple[str, float, str]]:
    """Class, length (on a logarithmic scale) and number of each bar."""
    for kind in _COUNTED:
        if count := use[kind]:
            yield _CLASSES[kind], round(max(BAR_WIDTH * log1p(count) / log1p(most), NARROWEST), 1), _short(count)
    if Use.OUTSIDE in use and not use.total():
        yield "commands", 0, "commands"


def _short(count: int) -> str:
    """A count in at most five characters."""
    thousand = 1000
    if count < 10 * thousand:
        return str(count)
    if count < 10 * thousand**2:
        return f"{count // thousand}k"
    return f"{count // thousand**2}M"
