"""The findings view: a table, and the finding under the cursor in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import DataTable

from tracetool.findings import RULES
from tracetool.tui.drawing import SEVERITY_STYLES, Drawn, Heading, hanging
from tracetool.tui.messages import JumpTo
from tracetool.viewmodel.findings import FindingsModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from tracetool.viewmodel.findings import FindingRow

__all__ = ["FindingsView"]

_COLUMNS = ("severity", "rule", "times", "device", "place", "what")

LABEL = 12
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

    BINDING_GROUP_TITLE = "Findings"

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[FindingRow, ...] = ()
        self._words = ""

    def compose(self) -> ComposeResult:
        """The table, and the detail below it."""
        yield Heading()
        yield DataTable(cursor_type="row", zebra_stripes=True)
        with VerticalScroll(id="detail", can_focus=True):
            yield Detail()

    def on_mount(self) -> None:
        """Add the columns; cells keep their colours, so a new theme means new cells."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._recolour())
        self.query_one(DataTable).add_columns(*_COLUMNS)
        self.query_one(Detail).say("reading the trace…")

    def show(self, model: FindingsModel) -> None:
        """Show a model; the cursor stays on its finding where that still exists."""
        table = self.query_one(DataTable)
        before = self._current()
        self._rows, self._words = model.rows, model.words
        table.clear()
        for row in model.rows:
            table.add_row(*self._cells(row))
        table.display = bool(model.rows)
        self.query_one(Heading).say(model.words if model.rows else "")
        if not model.rows:
            self.query_one(Detail).say(model.words)
            return
        keys = [(row.rule, row.device) for row in model.rows]
        at = keys.index((before.rule, before.device)) if before and (before.rule, before.device) in keys else 0
        table.move_cursor(row=at)
        self.query_one(Detail).show(model.rows[at])

    def _recolour(self) -> None:
        if self._rows:
            self.show(FindingsModel(self._rows, self._words))

    def _current(self) -> FindingRow | None:
        at = self.query_one(DataTable).cursor_row
        return self._rows[at] if 0 <= at < len(self._rows) else None

    def _cells(self, row: FindingRow) -> list[Text]:
        colour = self.app.theme_variables.get(SEVERITY_STYLES[row.severity].removeprefix("$"), "")
        style = colour if colour.startswith("#") else ""
        count = Text(f"{row.count:,}", justify="right")
        words = [Text(word) for word in (row.device, row.place, row.message)]
        return [Text(f"{row.sign} {row.severity.label}", style), Text(row.rule), count, *words]

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the finding under the cursor."""
        event.stop()
        if 0 <= event.cursor_row < len(self._rows):
            self.query_one(Detail).show(self._rows[event.cursor_row])
            self.query_one("#detail").scroll_home(animate=False)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Jump to the first event of a finding; one about a whole device has none."""
        event.stop()
        target = self._rows[event.cursor_row].target
        if target is not None:
            self.post_message(JumpTo(*target))
