"""The columns of a table: sort by one, hide it, resize it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tracetool.tui.over_screen import OverScreen
from tracetool.viewmodel.table_look import TableLook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from tracetool.viewmodel.cells import Column

__all__ = ["ColumnsScreen"]


class ColumnsScreen(OverScreen[None]):
    """List of columns; `change` is called with the look after each change."""

    BINDINGS: ClassVar = [
        ("escape,q,s", "close", "Close"),
        ("space", "hide", "Hide or show"),
        ("plus,equals_sign", "resize(1)", "Wider"),
        ("minus", "resize(-1)", "Narrower"),
        ("r", "reset", "Reset"),
    ]

    def __init__(self, columns: Sequence[Column], look: TableLook, change: Callable[[TableLook], None]) -> None:
        super().__init__()
        self._columns = columns
        self._look = look
        self._change = change

    def compose(self) -> ComposeResult:
        """A line for each column."""
        listed = OptionList(*(Option(self._line(column)) for column in self._columns), markup=False)
        listed.border_title = "Columns"
        listed.border_subtitle = "Enter sorts, Space hides, + - resize, r resets, Esc closes"
        yield listed

    def _line(self, column: Column) -> Content:
        look = self._look
        sign = ("▼" if look.descending else "▲") if look.sorted_by == column.id else " "
        shown = "  " if column.id in look.hidden else "✓ "
        return Content.assemble((shown, "bold"), f"{sign} {column.title or column.id:<16} {look.width(column):>4}")

    def _set(self, look: TableLook) -> None:
        self._look = look
        listed = self.query_one(OptionList)
        for at, column in enumerate(self._columns):
            listed.replace_option_prompt_at_index(at, self._line(column))
        self._change(look)

    @property
    def _current(self) -> Column | None:
        at = self.query_one(OptionList).highlighted
        return None if at is None else self._columns[at]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Sort by the column."""
        event.stop()
        self._set(self._look.sorted_next(self._columns[event.option_index].id))

    def action_hide(self) -> None:
        """Hide the column, or show it again."""
        if self._current is not None:
            self._set(self._look.toggled(self._current.id))

    def action_resize(self, by: int) -> None:
        """Make the column wider or narrower."""
        column = self._current
        if column is not None:
            self._set(self._look.resized(column.id, self._look.width(column) + by))

    def action_reset(self) -> None:
        """Show all columns, in their own widths and order."""
        self._set(TableLook())
