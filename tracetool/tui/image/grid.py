"""Hex grid of a flash: bytes as hex and text, a cursor, and differences from another moment marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tracetool.tui.actions import bindings_of
from tracetool.tui.part_styles import PartStyles
from tracetool.viewmodel.folding import ROW_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.style import Style
    from textual import events

    from tracetool.viewmodel.hex_model import HexModel, HexRow

__all__ = ["ImageGrid"]

OFFSET = 10
"""Columns of the offset and its mark."""

_UNKNOWN = "??"
_PRINTABLE = range(0x20, 0x7F)


class ImageGrid(PartStyles):
    """Hex grid of a `HexModel`."""

    BINDINGS = bindings_of("image-bytes")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"image--cursor", "image--changed", "image--quiet", "image--beyond"}

    class Moved(Message):
        """The cursor is on another byte."""

    def __init__(self) -> None:
        super().__init__()
        self.model: HexModel | None = None
        self.extent: int | None = None
        self.cursor = 0

    # --- contents ----------------------------------------------------------------------------------------------

    def show(self, model: HexModel, extent: int | None) -> None:
        """Show a model; `extent` is the extent of the device in bytes."""
        self.model, self.extent = model, extent
        self.look(0)

    def look(self, offset: int | None = None) -> None:
        """Draw another moment; the cursor goes to an offset, or stays."""
        if self.model is None:
            return
        self.virtual_size = Size(OFFSET + 4 * ROW_BYTES + 3, len(self.model))
        self.go(self.cursor if offset is None else offset)

    def go(self, offset: int) -> None:
        """Move the cursor to a byte, and scroll it into view."""
        if self.model is None:
            return
        self.cursor = min(max(offset, 0), len(self.model.snapshot) - 1)
        line, top, height = self.model.line_of(self.cursor), self.scroll_offset.y, self.lines_seen
        if not top <= line < top + height:
            self.scroll_to(y=max(line - height // 3, 0), animate=False, force=True, immediate=True)
        self.refresh()
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Keep the cursor in view, also when the grid is shown first."""
        self.go(self.cursor)

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
        yield self._offset(row)
        for at in range(ROW_BYTES):
            space = "  " if at == ROW_BYTES // 2 - 1 else " "
            if at < len(row.data):
                byte = row.data[at]
                yield Segment(_UNKNOWN if byte is None else f"{byte:02x}", self._byte_style(row, at))
                yield Segment(space, self.part(""))
            else:
                yield Segment("  " + space, self.part(""))
        for at, byte in enumerate(row.data):
            text = "?" if byte is None else chr(byte) if byte in _PRINTABLE else "·"
            yield Segment(text, self._byte_style(row, at))

    def _byte_style(self, row: HexRow, at: int) -> Style:
        if row.offset + at == self.cursor:
            return self._style("cursor")
        if row.changed[at]:
            return self._style("changed")
        return self._style("quiet") if row.data[at] in (None, 0, 0xFF) else self.part("")

    # --- the cursor ----------------------------------------------------------------------------------------------

    def action_byte(self, steps: int) -> None:
        """Move by bytes; a fold is one step."""
        model = self.model
        if model is None:
            return
        section, _ = model.rows.at_line(model.line_of(self.cursor))
        if section.folded:
            self.go(section.end if steps > 0 else section.start - 1)
        else:
            self.go(self.cursor + steps)

    def action_line(self, lines: int) -> None:
        """Move by lines, in the same column."""
        model = self.model
        if model is None:
            return
        line = min(max(model.line_of(self.cursor) + lines, 0), len(model) - 1)
        row = model.row(line)
        column = 0 if row.fold else min(self.cursor % ROW_BYTES, len(row.data) - 1)
        self.go(row.offset + column)

    def action_page(self, pages: int) -> None:
        """Move by visible pages."""
        self.action_line(pages * max(self.lines_seen - 1, 1))

    def action_edge(self, last: bool) -> None:
        """Go to the first or the last byte."""
        if self.model is not None:
            self.go(len(self.model.snapshot) - 1 if last else 0)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the byte that was clicked."""
        model, line = self.model, self.scroll_offset.y + event.y
        if model is None or line >= len(model):
            return
        row = model.row(line)
        column = self.scroll_offset.x + event.x - OFFSET
        at = column // 3 if column < 3 * ROW_BYTES // 2 else (column - 1) // 3
        if column > 3 * ROW_BYTES:
            at = column - 3 * ROW_BYTES - 1
        self.go(row.offset + min(max(at, 0), max(len(row.data) - 1, 0)))
