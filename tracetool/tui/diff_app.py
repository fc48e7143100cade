"""The app over two runs: their operations side by side, and what else differs."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import ContentSwitcher, Static

from tracetool.errors import TracetoolError, UsageError
from tracetool.findings.phrases import count_of
from tracetool.sanitize import sanitize
from tracetool.timeline.query import QueryError, complete, parse
from tracetool.tui.actions import ACTIONS, DIFFERENCE_ACTIONS, binding, shown_key
from tracetool.tui.bars import KeyBar, TopBar
from tracetool.tui.base_app import BaseApp
from tracetool.tui.drawing import Heading, Page, hanging
from tracetool.tui.exporting import Exporting
from tracetool.tui.front import WAITING
from tracetool.tui.line_grid import LineGrid
from tracetool.tui.prompt import Prompt, Question
from tracetool.tui.screens import PageScreen
from tracetool.tui.timeline.inspector import Inspector
from tracetool.tui.view import View
from tracetool.viewmodel.audit_session import Cancelled
from tracetool.viewmodel.filters import vocabulary
from tracetool.viewmodel.places import PLACES_HELP, parse_place
from tracetool.viewmodel.side_by_side import PairRows, SideBySide, pair_rows
from tracetool.viewmodel.tables import Level
from tracetool.viewmodel.view_export import table_export

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.audit_session import Progress
    from tracetool.viewmodel.difference_session import DifferenceSession

__all__ = ["Chosen", "DiffApp"]

_TABLE = tuple(action for action in ACTIONS if action.where == "table")
_POLL_SECONDS = 0.1
_INTERRUPTED = 130
_PLACES_HELP = "0x40000 offset, block:3, #1234 event of A, b#1234 of B, t=1.25s of A, bt=1.25s of B, 12% of the rows"
_OF_B = re.compile(r"[bB]\s*(#.*|t\s*=.*)")
"""A place in the trace of B."""

_WIDE = 110
"""Columns from which the details of A and of B stand side by side."""


@dataclass(frozen=True)
class Chosen:
    """A run (0 or 1) to be shown alone, at an event (trace, seq) of it; `row` is where the cursor was."""

    side: int
    event: tuple[int, int] | None
    row: int


class Pairs(Vertical):
    """A table of things that differ, and below it the one under the cursor in full."""

    def __init__(self) -> None:
        super().__init__()
        self.source = PairRows(())

    def compose(self) -> ComposeResult:
        """The table and the text."""
        yield LineGrid("nothing differs here")
        yield Page(self._lines)

    @property
    def grid(self) -> LineGrid:
        """The table."""
        return self.query_one(LineGrid)

    def show(self, source: PairRows) -> None:
        """Show rows."""
        self.source = source
        self.grid.show(source, self.grid.cursor)
        self.query_one(Page).redraw()

    def _lines(self, width: int) -> Iterator[Content]:
        if self.grid.cursor < len(self.source):
            row = self.source.rows[self.grid.cursor]
            for side, words in (("A", row.a), ("B", row.b)):
                yield from hanging(Content.styled(side, "bold"), words or "-", width, 2)

    def on_line_grid_cursor_moved(self, message: LineGrid.CursorMoved) -> None:
        """Show the row under the cursor in full."""
        message.stop()
        self.query_one(Page).redraw()


class Sides(Vertical):
    """The operations of both runs, and below them those under the cursor explained."""

    def compose(self) -> ComposeResult:
        """The line above the table, the table, the details."""
        yield Static(id="status")
        yield LineGrid("no operation in either run")
        with Horizontal(id="details"):
            yield Inspector()
            yield Inspector()

    @property
    def grid(self) -> LineGrid:
        """The table."""
        return self.query_one(LineGrid)


_VIEWS = (
    View("1", "Operations", "", Sides),
    View("2", "Figures", "", Pairs),
    View("3", "Contents", "", Pairs),
)


class DiffApp(BaseApp):
    """The app over two runs that `load` loads and compares, with the cursor on `row`, else on the first difference.

    `progress` is how far that is, and stops it.

    Attributes:
        session: both runs, once they are loaded.
        chosen: the run that is to be shown alone, where the app ended for that.
    """

    TITLE = "tracetool diff"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [binding(action) for action in DIFFERENCE_ACTIONS]

    def __init__(
        self,
        load: Callable[[], DifferenceSession],
        progress: Progress,
        *,
        row: int | None = None,
        keys: Path | None = None,
    ) -> None:
        super().__init__(keys)
        self.session: DifferenceSession | None = None
        self.chosen: Chosen | None = None
        self.rows: SideBySide | None = None
        self._load, self._row = load, row
        self._progress = progress
        self._searched = ""
        self._histories: dict[str, list[str]] = {}
        self._exporting = Exporting(self)

    def compose(self) -> ComposeResult:
        """The views, empty until the runs are loaded."""
        yield TopBar(_VIEWS)
        yield Heading(identifier="runs")
        with ContentSwitcher(initial=_VIEWS[0].id):
            for view in _VIEWS:
                yield view.widget()
        yield Prompt()
        yield KeyBar()

    def on_mount(self) -> None:
        """Read the user's keys, and load the runs."""
        self.watch_loop()
        self.watch_termination(self._end)
        self.take_own_keys()
        self.query_one("#details").display = False
        self.action_view(_VIEWS[0].id)
        self._timer = self.set_interval(
            _POLL_SECONDS, lambda: self.say_progress("comparing", self._progress, "q leaves")
        )
        self.run_worker(self._load_session())

    # --- loading -------------------------------------------------------------------------------------------------

    def say_title(self) -> None:
        """Say nothing more: what is compared is said below the tabs."""
        for bar in self.query(TopBar):
            bar.say("")

    async def _load_session(self) -> None:
        try:
            session = await asyncio.to_thread(self._load)
        except Cancelled:
            return
        except (TracetoolError, OSError) as error:
            self.failure = error
            self.exit(_INTERRUPTED)
            return
        if not self.ended:
            self._show(session)

    def _show(self, session: DifferenceSession) -> None:
        self._timer.stop()
        self.session = session
        self.say_title()
        rows = self.rows = SideBySide(session.a, session.b, session.found)
        self.query_one("#runs", Heading).say(f"A  {sanitize(session.a.name)}\nB  {sanitize(session.b.name)}")
        first = rows.next_difference(-1, forward=True)
        self.grid.show(rows, (first or 0) if self._row is None else self._row)
        for name, source in zip(("figures", "contents"), pair_rows(session.found), strict=True):
            self.query_one(f"#{name}", Pairs).show(PairRows(source))
        self._lay_out()
        self._say_status()
        self.refresh_bindings()

    def on_resize(self, event: events.Resize) -> None:
        """Choose the columns for the room there is."""
        self.set_class(event.size.width < _WIDE, "-narrow")
        self.screen.set_class(event.size.width < _WIDE, "-narrow")
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        if self.rows is not None:
            self.rows.lay_out(self.size.width - 1)
            self.grid.show(self.rows, self.grid.cursor)
            for pairs in self.query(Pairs):
                pairs.source.lay_out(self.size.width - 1)
                pairs.show(pairs.source)

    # --- views ---------------------------------------------------------------------------------------------------

    @property
    def sides(self) -> Sides:
        """The view of the operations."""
        return self.query_one(Sides)

    @property
    def grid(self) -> LineGrid:
        """The table of operations."""
        return self.sides.grid

    @property
    def front(self) -> Sides | Pairs:
        """The view in front."""
        found: Any = self.query_one(f"#{self.query_one(ContentSwitcher).current}")
        return found  # type: ignore[no-any-return]

    def action_view(self, name: str) -> None:
        """Show a view."""
        self.query_one(ContentSwitcher).current = name
        self.query_one(TopBar).mark(name)
        if not self.query_one(Prompt).asking:
            self.front.grid.focus()

    def on_top_bar_chosen(self, message: TopBar.Chosen) -> None:
        """Show the view whose tab was clicked."""
        self.action_view(message.view)

    def on_prompt_closed(self) -> None:
        """Focus the table again."""
        if self.query(ContentSwitcher):
            self.front.grid.focus()

    def _say_status(self) -> None:
        if self.rows is not None:
            words = self.rows.words(self.grid.cursor)
            searched = f"/{self._searched}  " if self._searched else ""
            self.query_one("#status", Static).update(Content(sanitize(searched + words)))

    # --- rows ----------------------------------------------------------------------------------------------------

    def on_line_grid_cursor_moved(self, message: LineGrid.CursorMoved) -> None:
        """Say which difference it is, and explain its operations."""
        if message.control is self.grid:
            self._say_status()
            self._explain()

    def on_line_grid_opened(self, message: LineGrid.Opened) -> None:
        """Show the details of a row that was double-clicked."""
        message.stop()
        self.action_details()

    def _explain(self) -> None:
        rows = self.rows
        if rows is None or not self.query_one("#details").display:
            return
        for side, inspector in enumerate(self.query(Inspector)):
            event = rows.event(self.grid.cursor, side)
            inspector.set_class(event is None, "-empty")
            if event is None:
                inspector.clear()
            else:
                inspector.follow(rows.tables[side], *event)

    def action_details(self) -> None:
        """Show the details of the operations, or hide them; go to the operation of a finding."""
        front = self.front
        if self.rows is None:
            self.tell(WAITING)
        elif isinstance(front, Sides):
            details = self.query_one("#details")
            details.display = not details.display
            self._explain()
        elif front.grid.cursor < len(front.source):
            event = front.source.rows[front.grid.cursor].event
            row = None if event is None else self.rows.row_of_event(event[0], 0, event[1])
            if row is None:
                self.tell("this is about no single operation")
            else:
                self.action_view(_VIEWS[0].id)
                self.grid.go(row, middle=True)

    def action_next(self, forward: bool) -> None:
        """Go to the next or previous difference."""
        if self.rows is None:
            self.tell(WAITING)
            return
        self.action_view(_VIEWS[0].id)
        row = self.rows.next_difference(self.grid.cursor, forward=forward)
        if row is None:
            self.tell(f"no difference {'after' if forward else 'before'} this")
        else:
            self.grid.drop_range()
            self.grid.go(row, middle=True)

    def action_found(self, forward: bool) -> None:
        """Go to the next or previous match, or difference."""
        if not self._searched:
            self.action_next(forward)
        elif (wrong := self._search(forward=forward)) is not None:
            self.tell(wrong)

    def _search(self, *, forward: bool) -> str | None:
        if self.rows is None:
            return WAITING
        row = self.rows.next_match(self._searched, self.grid.cursor, forward=forward)
        if row is None:
            return f"no row has {self._searched!r}"
        self.action_view(_VIEWS[0].id)
        self.grid.go(row, middle=True)
        return None

    def action_only(self) -> None:
        """Hide what is the same, or show it."""
        if self.rows is not None:
            self._narrow(only=not self.rows.only, query=self.rows.query)

    def _narrow(self, *, only: bool, query: str) -> None:
        if self.rows is not None:
            cursor = self.rows.narrow(self.grid.cursor, only=only, query=query)
            self.grid.show(self.rows, cursor, "no row passes the filter")
            self._say_status()
            self._explain()

    def action_filter(self) -> None:
        """Ask for a query."""
        rows = self.rows
        if rows is None:
            self.tell(WAITING)
            return
        words = vocabulary(rows.tables[0], Level.OPERATIONS)

        def wrong(text: str) -> str | None:
            try:
                for tables in rows.tables:
                    parse(text, vocabulary(tables, Level.OPERATIONS))
            except QueryError as error:
                return error.pretty()
            return None

        def answer(text: str) -> str | None:
            error = wrong(text) if text.strip() else None
            if error is None:
                self.action_view(_VIEWS[0].id)
                self._narrow(only=rows.only, query=text.strip())
            return error

        hint = "offset >= 768K and op == program   empty shows all"
        completed = partial(complete, vocabulary=words)
        self._ask("filter", Question("Filter", answer, rows.query, hint, completed, wrong))

    def action_search(self) -> None:
        """Ask for what is searched."""

        def answer(text: str) -> str | None:
            self._searched = text.strip()
            wrong = self._search(forward=True) if self._searched else None
            self._say_status()
            return wrong

        hint = "words, an offset or a query: erase, 0x40000, length > 4K   then n and N"
        self._ask("search", Question("Search", answer, hint=hint))

    def action_go_to(self) -> None:
        """Ask for a place."""
        if self.rows is None:
            self.tell(WAITING)
        else:
            self._ask("goto", Question("Go to", self._go_to, hint=_PLACES_HELP))

    def _go_to(self, text: str) -> str | None:
        if self.rows is None or not text.strip():
            return None
        found = _OF_B.fullmatch(text.strip())
        try:
            place = parse_place(found[1] if found else text)
            row = self.rows.row_of_place(self.grid.cursor, place, 1 if found else 0)
        except UsageError as error:
            return str(error).replace(PLACES_HELP, _PLACES_HELP)
        self.action_view(_VIEWS[0].id)
        self.grid.drop_range()
        self.grid.go(row, middle=True)
        return None

    def action_export(self) -> None:
        """Ask for a file to write the rows of the operations to."""
        if self.rows is None or self.session is None:
            self.tell(WAITING)
        else:
            export = table_export(self.rows.frame(), "differences")
            self._ask("export", self._exporting.question(export, self.session.a, self.session.b))

    def _ask(self, name: str, question: Question) -> None:
        """Ask, with the earlier answers under the same name as history."""
        question.history = self._histories.setdefault(name, [])
        self.query_one(Prompt).ask(question)

    def action_copy(self, selection: bool) -> None:
        """Copy the row under the cursor, or all selected ones."""
        grid = self.front.grid
        rows = grid.selected if selection else range(grid.cursor, grid.cursor + bool(grid.count))
        self.copy_to_clipboard(grid.text_of(rows, titled=selection))
        self.tell(f"copied {count_of(len(rows), 'row')}")

    # --- the rest ------------------------------------------------------------------------------------------------

    def action_open(self, side: int) -> None:
        """Leave for the app over one of the runs."""
        if self.rows is None:
            self.tell(WAITING)
            return
        self.chosen = Chosen(side, self.rows.event_by(self.grid.cursor, side), self.grid.cursor)
        self._end(0)

    def action_help(self) -> None:
        """List all keys."""
        self.push_screen(PageScreen(partial(_help_lines, self.own_keys)))

    def action_cancel(self) -> None:
        """Stop an export, close the details, or forget the search."""
        if self._exporting.stop():
            return
        if self.query_one("#details").display and isinstance(self.front, Sides):
            self.query_one("#details").display = False
            self.grid.focus()
        else:
            self._searched = ""
            self.front.grid.drop_range()
            self._say_status()

    def action_leave(self) -> None:
        """Quit, with exit code 0."""
        self._end(0)

    def _end(self, code: int) -> None:
        self._progress.stop.set()
        self._exporting.stop()
        self.exit(code)


def _help_lines(keys: dict[str, str], width: int) -> Iterator[Content]:
    for action in (*DIFFERENCE_ACTIONS, *_TABLE):
        own = keys.get(action.id)
        shown = action.shown_keys if own is None else " ".join(shown_key(key) for key in own.split(","))
        words = Content.assemble((action.title, "bold"), f"  {action.help}")
        yield from hanging(Content.styled(shown, "bold $text-primary"), words, width, 16)
