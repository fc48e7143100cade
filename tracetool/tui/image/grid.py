"""Hex grid of a flash: bytes as hex and text, a cursor, and differences from another moment marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.segment import Segment
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tracetool.tui.actions import bindings_of
from tracetool.tui.device_view import once_shown
from tracetool.tui.line_grid import fit
from tracetool.tui.part_styles import PartStyles
from tracetool.viewmodel.folding import ROW_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.style import Style
    from textual import events

    from tracetool.viewmodel.hex_model import HexModel, HexRow

__all__ = ["Columns", "ImageGrid", "columns_in"]

OFFSET = 10
"""Columns of the offset and its mark."""

HEX = 3 * ROW_BYTES + 1
"""Columns of a row's bytes in hex, with a wider gap in the middle."""

_STRUCTURE = 24
"""Least columns for the names of structures."""

_UNKNOWN = "??"
_PRINTABLE = range(0x20, 0x7F)


class Columns(NamedTuple):
    """Columns of the grid in a width: where parts begin, None for those without room.

    `before` are the bytes of the moment compared with, in hex, and `before_text` the same as text; `structure` are
    the names of structures.
    """

    now: int
    text: int
    before: int | None
    before_text: int | None
    structure: int | None
    width: int

    @property
    def side_by_side(self) -> bool:
        """True if both moments are shown."""
        return self.before is not None


BESIDE = 139
"""Columns from which both moments stand side by side: those of a terminal of 140, less a scroll bar."""


def columns_in(width: int, *, structures: bool) -> Columns:
    """Lay out the columns in a width; `structures`: there are names of structures to show."""
    gap, one, both = 2, HEX + ROW_BYTES, 2 * (HEX + ROW_BYTES) + 2
    before = OFFSET if width >= BESIDE else None
    before_text = OFFSET + HEX if width >= OFFSET + both + gap else None
    now = OFFSET if before is None else OFFSET + HEX + gap if before_text is None else OFFSET + one + gap
    end = now + one
    structure = end + gap if structures and width >= end + gap + _STRUCTURE else None
    return Columns(now, now + HEX, before, before_text, structure, max(end, width if structure is not None else 0))


class ImageGrid(PartStyles):
    """Hex grid of a `HexModel`."""

    BINDINGS = bindings_of("image-bytes")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"image--{part}" for part in ("cursor", "changed", "quiet", "beyond", "range", "structure")
    }

    @dataclass
    class Moved(Message):
        """The cursor is on another byte; `chosen` by the user."""

        chosen: bool

    def __init__(self) -> None:
        super().__init__()
        self.model: HexModel | None = None
        self.extent: int | None = None
        self.cursor = 0
        self._anchor: int | None = None

    # --- contents ----------------------------------------------------------------------------------------------

    def show(self, model: HexModel, extent: int | None) -> None:
        """Show a model; `extent` is the extent of the device in bytes."""
        self.model, self.extent = model, extent
        self.look(0)

    def look(self, offset: int | None = None) -> None:
        """Draw another moment; the cursor goes to an offset, or stays."""
        if self.model is None:
            return
        self.virtual_size = Size(self.columns.width, len(self.model))
        if offset is not None:
            self._anchor = None
        self._put(self.cursor if offset is None else offset)

    @property
    def columns(self) -> Columns:
        """The columns in the room there is."""
        structures = self.model is not None and self.model.has_store
        return columns_in(self.scrollable_content_region.width, structures=structures)

    @property
    def range(self) -> tuple[int, int]:
        """The selected bytes, the end exclusive: those up to the cursor, or the one under it."""
        anchor = self.cursor if self._anchor is None else self._anchor
        return min(anchor, self.cursor), max(anchor, self.cursor) + 1

    def drop_range(self) -> None:
        """Select the byte under the cursor alone."""
        self._anchor = None
        self._put(self.cursor, chosen=True)

    def go(self, offset: int, *, chosen: bool = False, extend: bool = False) -> None:
        """Move the cursor to a byte, `chosen` by the user or not; `extend` the selected range to it."""
        if not extend:
            self._anchor = None
        elif self._anchor is None:
            self._anchor = self.cursor
        self._put(offset, chosen=chosen)

    def _put(self, offset: int, *, chosen: bool = False) -> None:
        """Move the cursor, and scroll it into view."""
        if self.model is None:
            return
        self.cursor = min(max(offset, 0), len(self.model.snapshot) - 1)
        line, top, height = self.model.line_of(self.cursor), self.scroll_offset.y, self.lines_seen
        if not top <= line < top + height:
            self.scroll_to(y=max(line - height // 3, 0), animate=False, force=True, immediate=True)
        self.refresh()
        self.post_message(self.Moved(chosen))

    def on_resize(self) -> None:
        """Lay out the columns, and keep the cursor in view, also when the grid is shown first."""
        self.look()

    # --- lines ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of hex, or a fold."""
        line, width = self.scroll_offset.y + y, self.size.width
        if self.model is None or line >= len(self.model):
            return Strip.blank(width, self.part(""))
        row = self.model.row(line)
        strip = Strip(list(self._fold(self.model, row, line) if row.fold else self._bytes(row)))
        return strip.crop_extend(self.scroll_offset.x, self.scroll_offset.x + width, self.part(""))

    def _style(self, name: str) -> Style:
        return self.part(f"image--{name}")

    def _offset(self, row: HexRow) -> Segment:
        beyond = self.extent is not None and row.offset >= self.extent
        mark = "*" if any(row.changed) else "!" if beyond else " "
        return Segment(f"{row.offset:08x}{mark} ", self._style("beyond" if beyond else "quiet"))

    def _fold(self, model: HexModel, row: HexRow, line: int) -> Iterator[Segment]:
        yield self._offset(row)
        selected = model.line_of(self.cursor) == line
        yield Segment(f"⋯ {row.fold} ⋯", self._style("cursor" if selected else "quiet"))

    def _bytes(self, row: HexRow) -> Iterator[Segment]:
        columns, gap = self.columns, Segment("  ", self.part(""))
        yield self._offset(row)
        if columns.before is not None:
            yield from self._hex(row, row.before)
            if columns.before_text is not None:
                yield from self._text(row, row.before)
            yield gap
        yield from self._hex(row, row.data)
        yield from self._text(row, row.data)
        if columns.structure is not None and self.model is not None:
            yield gap
            room = columns.width - columns.structure
            words = self.model.structures_in(row.offset, row.offset + len(row.data))
            yield Segment(fit(words, room, right=False).rstrip(), self._style("structure"))

    def _hex(self, row: HexRow, data: Sequence[int | None]) -> Iterator[Segment]:
        for at in range(ROW_BYTES):
            space = "  " if at == ROW_BYTES // 2 - 1 else " "
            if at < len(data):
                byte = data[at]
                yield Segment(_UNKNOWN if byte is None else f"{byte:02x}", self._byte_style(row, at, byte))
                yield Segment(space, self.part(""))
            else:
                yield Segment("  " + space, self.part(""))

    def _text(self, row: HexRow, data: Sequence[int | None]) -> Iterator[Segment]:
        for at, byte in enumerate(data):
            text = "?" if byte is None else chr(byte) if byte in _PRINTABLE else "·"
            yield Segment(text, self._byte_style(row, at, byte))
        yield Segment(" " * (ROW_BYTES - len(data)), self.part(""))

    def _byte_style(self, row: HexRow, at: int, byte: int | None) -> Style:
        offset = row.offset + at
        if offset == self.cursor:
            return self._style("cursor")
        style = self._style("quiet") if byte in (None, 0, 0xFF) else self.part("")
        if row.changed[at]:
            style = self._style("changed")
        start, end = self.range
        return style + self._style("range") if self._anchor is not None and start <= offset < end else style

    # --- the cursor ----------------------------------------------------------------------------------------------

    @once_shown
    def action_byte(self, steps: int, extend: bool = False) -> None:
        """Move by bytes; a fold is one step."""
        model = self.model
        if model is None:
            return
        section, _ = model.rows.at_line(model.line_of(self.cursor))
        if section.folded:
            self.go(section.end if steps > 0 else section.start - 1, chosen=True, extend=extend)
        else:
            self.go(self.cursor + steps, chosen=True, extend=extend)

    @once_shown
    def action_line(self, lines: int, extend: bool = False) -> None:
        """Move by lines, in the same column."""
        model = self.model
        if model is None:
            return
        line = min(max(model.line_of(self.cursor) + lines, 0), len(model) - 1)
        row = model.row(line)
        column = 0 if row.fold else min(self.cursor % ROW_BYTES, len(row.data) - 1)
        self.go(row.offset + column, chosen=True, extend=extend)

    @once_shown
    def action_page(self, pages: int) -> None:
        """Move by visible pages."""
        self.action_line(pages * max(self.lines_seen - 1, 1))

    @once_shown
    def action_edge(self, last: bool) -> None:
        """Go to the first or the last byte."""
        if self.model is not None:
            self.go(len(self.model.snapshot) - 1 if last else 0, chosen=True)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the byte that was clicked; with shift, select up to it."""
        model, line = self.model, self.scroll_offset.y + event.y
        if model is None or line >= len(model):
            return
        row, columns, x = model.row(line), self.columns, self.scroll_offset.x + event.x
        start, text = columns.now, columns.text
        if columns.before is not None and x < columns.now:
            start, text = columns.before, columns.before_text or columns.now
        at = x - text if x >= text else (x - start - (x - start > HEX // 2)) // 3
        self.go(row.offset + min(max(at, 0), max(len(row.data) - 1, 0)), chosen=True, extend=event.shift)
