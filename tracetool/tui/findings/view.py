"""The findings view: a table, and the finding under the cursor in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import DataTable

from tracetool.findings import RULES
from tracetool.report.tables import findings_frame
from tracetool.tui.actions import bindings_of
from tracetool.tui.drawing import SEVERITY_STYLES, Drawn, Heading, hanging
from tracetool.tui.messages import Chosen, JumpTo
from tracetool.viewmodel.findings import (
    FindingsModel,
    findings_passing,
    next_match,
    row_of_event,
    sorted_findings,
)
from tracetool.viewmodel.selection import Selection
from tracetool.viewmodel.view_export import table_export

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.findings import FindingRow
    from tracetool.viewmodel.passing import Passing
    from tracetool.viewmodel.view_export import Export

__all__ = ["FindingsView"]

_COLUMNS = ("severity", "rule", "times", "device", "place", "what")

LABEL = 12
_NARROWEST = 20
"""Least columns of the message."""
MOST_CASES = 12


class Detail(Drawn):
    """One `FindingRow` in full, or a sentence where there is none."""

    DEFAULT_CSS = "Detail { padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._row: FindingRow | None = None
        self._words = ""

    def show(self, row: FindingRow) -> None:
        """Show a finding."""
        self._row = row
        self.redraw()

    def say(self, words: str) -> None:
        """Show a sentence instead of a finding."""
        self._row, self._words = None, words
        self.redraw()

    def lines(self, width: int) -> Iterator[Content]:
        """Title and message, then labelled paragraphs."""
        row = self._row
        if row is None:
            yield from Content.styled(self._words, "$foreground-muted").wrap(width)
            return
        style = f"bold {SEVERITY_STYLES[row.severity]}"
        head = (f"{row.sign} {row.severity.label} {row.rule}", style)
        yield from Content.assemble(head, "  ", (RULES[row.rule].title, "bold")).wrap(width)
        yield from Content(f"{row.device}: {row.message}" if row.device else row.message).wrap(width)
        for label, words in self._parts(row):
            yield Content("")
            yield from hanging(Content.styled(label, "$foreground-muted"), words, width, LABEL)

    def _parts(self, row: FindingRow) -> Iterator[tuple[str, str]]:
        rule = RULES[row.rule]
        yield "why", rule.why
        yield "what to do", rule.remedy
        yield "cause", rule.cause
        yield "evidence", row.evidence
        if len(row.cases) > 1:
            rest = len(row.cases) - MOST_CASES
            more = f", and {rest:,} more: tracetool findings --rule {row.rule} lists them" if rest > 0 else ""
            yield "events", ", ".join(case.words for case in row.cases[:MOST_CASES]) + more
        yield "", "Enter shows its first event" if row.target else "it is about the device or the trace as a whole"


class FindingsView(Vertical):
    """Table of a `FindingsModel`."""

    BINDINGS = bindings_of("findings")
    BINDING_GROUP_TITLE = "Findings"

    def __init__(self) -> None:
        super().__init__()
        self._whole: FindingsModel | None = None
        self._rows: tuple[FindingRow, ...] = ()
        self._words = ""
        self._at = 0
        """The row that is shown in full."""
        self._sorted: tuple[str, bool] | None = None
        """Column, and whether it is descending; None: by severity, then by rule."""
        self._model = FindingsModel((), "")

    def compose(self) -> ComposeResult:
        """The table, and the detail below it."""
        yield Heading()
        yield DataTable(cursor_type="row", zebra_stripes=True)
        with VerticalScroll(id="detail", can_focus=True):
            yield Detail()

    def on_mount(self) -> None:
        """Add the columns; cells keep their colours, so a new theme means new cells."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._recolour())
        self._add_columns()
        self.query_one(Detail).say("reading the trace…")

    def _add_columns(self) -> None:
        """Add the columns, the last as wide as the room that is left, with the sign of the order."""
        table = self.query_one(DataTable)
        table.clear(columns=True)
        fixed = [max([len(title) + 2, *(len(text) for text in texts)]) for title, texts in self._fixed()]
        room = max(self.size.width - sum(fixed) - 2 * len(_COLUMNS) - 2, _NARROWEST)
        for name, width in zip(_COLUMNS, [*fixed, room], strict=True):
            sign = "" if self._sorted is None or self._sorted[0] != name else "▼" if self._sorted[1] else "▲"
            table.add_column(f"{name}{sign}", width=width, key=name)

    def _fixed(self) -> Iterator[tuple[str, list[str]]]:
        """Titles and texts of all columns but the last."""
        for at, title in enumerate(_COLUMNS[:-1]):
            yield title, [self._cells(row)[at].plain for row in self._rows]

    def on_resize(self, event: events.Resize) -> None:
        """Wrap the last column in the room there is."""
        if event.size.width and self._model.rows:
            self._show(self._model)

    def show(self, model: FindingsModel) -> None:
        """Show a model; the cursor stays on its finding where that still exists."""
        self._whole = model
        self._show(model)

    def narrow(self, passing: Passing | None) -> None:
        """Show the findings of what passes the filter, or all."""
        if self._whole is not None:
            self._show(findings_passing(self._whole, passing))

    def _show(self, model: FindingsModel) -> None:
        table = self.query_one(DataTable)
        before = self._current()
        self._model, self._rows, self._words = model, sorted_findings(model.rows, self._sorted), model.words
        self._add_columns()
        for row in self._rows:
            table.add_row(*self._cells(row), height=None)
        table.display = bool(model.rows)
        self.query_one(Heading).say(model.words if model.rows else "")
        if not model.rows:
            self.query_one(Detail).say(model.words)
            return
        keys = [(row.rule, row.device) for row in self._rows]
        at = keys.index((before.rule, before.device)) if before and (before.rule, before.device) in keys else 0
        self._go(at)

    def _go(self, row: int) -> None:
        """Put the cursor on a row, and show its finding."""
        self._at = row
        self.query_one(DataTable).move_cursor(row=row)
        self.query_one(Detail).show(self._rows[row])
        self.query_one("#detail").scroll_home(animate=False)

    def follow(self, selection: Selection) -> None:
        """Show the finding of the selected event, where it has one."""
        row = row_of_event(self._rows, selection.event, self._at)
        if row is not None and row != self._at:
            self._go(row)

    search_hint = "words of a finding: EXT001, erase   then n and N"

    def search(self, text: str, *, forward: bool) -> str | None:
        """Go to the next or previous finding that has the words; return an error in one line or None."""
        row = next_match(self._rows, text, self._at, forward=forward)
        if row is None:
            return f"no finding has {text!r}"
        self.query_one(DataTable).move_cursor(row=row)
        return None

    def copied(self, *, selection: bool) -> tuple[str, str]:  # noqa: ARG002  one row is selected
        """The finding under the cursor."""
        row = self._current()
        return ("", "nothing") if row is None else (row.tabbed, f"the finding {row.rule}")

    def export(self) -> Export:
        """The findings that are shown."""
        shown = [row.finding for row in self._rows if row.finding is not None]
        return table_export(findings_frame(shown), "findings")

    def _recolour(self) -> None:
        if self._rows:
            self._show(self._model)

    def _current(self) -> FindingRow | None:
        at = self.query_one(DataTable).cursor_row
        return self._rows[at] if 0 <= at < len(self._rows) else None

    def _cells(self, row: FindingRow) -> list[Text]:
        colour = self.app.theme_variables.get(SEVERITY_STYLES[row.severity].removeprefix("$"), "")
        style = colour if colour.startswith("#") else ""
        count = Text(f"{row.count:,}", justify="right")
        words = [Text(word) for word in (row.device, row.place, row.message)]
        return [Text(f"{row.sign} {row.severity.label}", style), Text(row.rule), count, *words]

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by the title that was clicked."""
        event.stop()
        self._sort(str(event.column_key.value))

    def _sort(self, column: str) -> None:
        """Sort by a column; if it is sorted by it, the other way round, and then no more."""
        if self._sorted is None or self._sorted[0] != column:
            self._sorted = column, False
        else:
            self._sorted = None if self._sorted[1] else (column, True)
        self._show(self._model)

    def action_sort(self) -> None:
        """Sort by the next column, and after the last one by severity again."""
        at = -1 if self._sorted is None else _COLUMNS.index(self._sorted[0])
        self._sorted = (_COLUMNS[at + 1], False) if at + 1 < len(_COLUMNS) else None
        self._show(self._model)

    def action_reverse(self) -> None:
        """Reverse the order."""
        column, descending = self._sorted or (_COLUMNS[0], False)
        self._sorted = column, not descending
        self._show(self._model)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the finding under the cursor, and select its first event in all views."""
        event.stop()
        row = event.cursor_row
        if row == self._at or row != event.data_table.cursor_row or not 0 <= row < len(self._rows):
            return  # nobody moved it, or it is elsewhere by now
        self._go(row)
        target = self._rows[row].target
        if target is not None:
            seq, trace = target
            self.post_message(Chosen(self.id or "", Selection(trace=trace, seq=seq)))

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Jump to the first event of a finding; one about a whole device has none."""
        event.stop()
        target = self._rows[event.cursor_row].target
        if target is not None:
            self.post_message(JumpTo(*target))
