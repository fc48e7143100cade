"""Questions of the prompt: filter, search, place, export and other settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.errors import UsageError
from tracetool.timeline.query import QueryError, complete, parse
from tracetool.tui.controller import Controller
from tracetool.tui.exporting import Exporting
from tracetool.tui.front import Exports, HasPlaces, Searches
from tracetool.tui.prompt import Prompt, Question
from tracetool.tui.what_if import WhatIfScreen
from tracetool.viewmodel.chips import range_chip
from tracetool.viewmodel.filters import Chip, vocabulary
from tracetool.viewmodel.places import PLACES_HELP, PlaceKind, parse_place, row_of_place
from tracetool.viewmodel.tables import Level
from tracetool.viewmodel.view_export import rows_export
from tracetool.viewmodel.what_if import CHANGES_HELP, changed_settings

if TYPE_CHECKING:
    from tracetool.tui.app import TraceApp
    from tracetool.viewmodel.audit_session import Settings
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["Prompts"]


_SEARCH_HINT = "words, an offset or a query: erase, 0x40000, length > 4K   then n and N"


class Prompts(Controller):
    """Each action asks for a line of text and acts on it; histories of answers are kept by the prompt's name."""

    def __init__(self, app: TraceApp) -> None:
        super().__init__(app)
        self._histories: dict[str, list[str]] = {}
        self.exporting = Exporting(app)

    def ask(self, name: str, question: Question) -> None:
        """Ask, with the earlier answers under the same name as history."""
        question.history = self._histories.setdefault(name, [])
        self.app.query_one(Prompt).ask(question)

    # --- filter and search ---------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Ask for a query that hides rows."""
        timeline = self.app.ready()
        if timeline is None:
            return
        level = self._filter_level(timeline)
        words = vocabulary(timeline.tables, level)
        self.ask(
            "filter",
            Question(
                "Filter",
                self.set_filter,
                initial=timeline.filter.typed(events=not level.of_operations),
                hint="offset >= 768K and op == program   empty shows all",
                complete=lambda text, position: complete(text, position, words),
                check=lambda text: _what_is_wrong(text, timeline, level),
            ),
        )

    def set_filter(self, text: str) -> str | None:
        """Take a typed query as a chip, none for an empty one; return an error in one line or None."""
        timeline = self.app.timeline_view.timeline
        if timeline is None:
            return None
        level = self._filter_level(timeline)
        chip = Chip(text.strip(), events=not level.of_operations)
        before = timeline.filter
        if chip.text:
            wrong = _what_is_wrong(text, timeline, level)
            if wrong is None:
                self.app.filtering.add(chip)
            return wrong
        typed = Chip(before.typed(events=chip.events), events=chip.events)
        number = before.number_of(typed) if typed.text else None
        self.app.filtering.set(None if number is None else before.without(number))
        return None

    def _filter_level(self, timeline: Timeline) -> Level:
        """What a typed query is about: events where the timeline in front shows them, else operations."""
        return timeline.level if self.app.current_view == "timeline" else Level.OPERATIONS

    def action_search(self) -> None:
        """Ask for words or a query to search."""
        if self.app.ready() is not None:
            front = self.app.front
            hint = front.search_hint if isinstance(front, Searches) else _SEARCH_HINT
            self.ask("search", Question("Search", self.app.navigation.begin_search, hint=hint))

    def action_go_to(self) -> None:
        """Ask for a place."""
        if self.app.ready() is not None:
            self.ask("goto", Question("Go to", self._go_to, hint=PLACES_HELP))

    def _go_to(self, text: str) -> str | None:
        """Go to a place: of bytes in a view of bytes, else to the operation there."""
        timeline, front = self.app.timeline_view.timeline, self.app.front
        if not text.strip() or timeline is None:
            return None
        chip = range_chip(text)
        if chip is not None:
            self.app.filtering.add(chip)
            return None
        try:
            place = parse_place(text)
            if place.of_bytes and isinstance(front, HasPlaces):
                return front.go_to_place(place)
            shown = timeline.shown(row_of_place(timeline, self.app.timeline_view.grid.cursor, place))
        except UsageError as error:
            return str(error)
        if shown is not None:
            self.app.select_event(shown.trace, place.value if place.kind is PlaceKind.EVENT else shown.seq)
        return None

    # --- export --------------------------------------------------------------------------------------------------

    def action_export(self) -> None:
        """Ask for a file to write the rows of the view in front to."""
        timeline = self.app.ready()
        if timeline is not None and not self.app.exports:
            self.app.tell("files are not written from a browser; C copies the command that does")
        elif timeline is not None:
            front = self.app.front
            export = (front.export() if isinstance(front, Exports) else None) or rows_export(timeline)
            self.ask("export", self.exporting.question(export, timeline.session))

    # --- what if -------------------------------------------------------------------------------------------------

    def action_what_if(self) -> None:
        """Compare policies and extents, one of which can be shown."""
        session = self.app.session
        if self.app.ready() is not None and session is not None:
            self.app.push_screen(WhatIfScreen(session), self._show_variant)

    def _show_variant(self, chosen: Settings | str | None) -> None:
        """Show a variant in all views, or ask for others."""
        if isinstance(chosen, str):
            self.ask("what-if", Question("What if", self._what_if, hint=CHANGES_HELP))
        elif chosen is not None:
            self.app.sessions.load_again(chosen)

    def action_as_given(self) -> None:
        """Go back to the settings that were given."""
        if self.app.ready() is None:
            return
        if self.app.sessions.differs:
            self.app.sessions.load_again(self.app.given)
        else:
            self.app.tell("these are the settings given; P compares others")

    def _what_if(self, text: str) -> str | None:
        session = self.app.session
        if not text.strip() or session is None:
            return None
        try:
            self.app.sessions.load_again(changed_settings(session.settings, text, session.written))
        except UsageError as error:
            return str(error)
        return None


def _what_is_wrong(text: str, timeline: Timeline, level: Level) -> str | None:
    try:
        parse(text, vocabulary(timeline.tables, level))
    except QueryError as error:
        return error.pretty()
    return None
