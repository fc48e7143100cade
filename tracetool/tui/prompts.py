"""Questions of the prompt: filter, search, place, export and other settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.errors import TracetoolError, UsageError
from tracetool.ingest.inputs import keep_inputs
from tracetool.paths import user_path
from tracetool.timeline.query import QueryError, complete, parse
from tracetool.tui.controller import Controller
from tracetool.tui.prompt import Prompt, Question
from tracetool.viewmodel.filters import Filter, vocabulary
from tracetool.viewmodel.places import PLACES_HELP, parse_place, row_of_place
from tracetool.viewmodel.view_export import export_format, write_shown
from tracetool.viewmodel.what_if import CHANGES_HELP, changed_settings
from tracetool.whole_file import whole_file

if TYPE_CHECKING:
    from tracetool.tui.app import TraceApp
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["Prompts"]


class Prompts(Controller):
    """Each action asks for a line of text and acts on it; histories of answers are kept by the prompt's name."""

    def __init__(self, app: TraceApp) -> None:
        super().__init__(app)
        self._histories: dict[str, list[str]] = {}
        self._overwrites: str | None = None

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
        words = vocabulary(timeline.tables, timeline.level)
        query = timeline.filter.query
        self.ask(
            "filter",
            Question(
                "Filter: rows like",
                self.set_filter,
                initial="" if query is None else query.text,
                hint="offset >= 768K and op == program   Tab completes, ↑ brings back older ones, empty shows all",
                complete=lambda text, position: complete(text, position, words),
                check=lambda text: _what_is_wrong(text, timeline),
            ),
        )

    def set_filter(self, text: str) -> str | None:
        """Hide the rows that do not match a query, none for an empty one; return an error in one line or None."""
        timeline = self.app.timeline_view.timeline
        if timeline is None:
            return None
        wrong = _what_is_wrong(text, timeline) if text.strip() else None
        if wrong is None:
            query = parse(text, vocabulary(timeline.tables, timeline.level)) if text.strip() else None
            self.app.timeline_view.change(lambda shown: shown.set_filter(Filter(query)))
        return wrong

    def action_search(self) -> None:
        """Ask for words or a query to search."""
        timeline = self.app.ready()
        if timeline is not None:
            hint = "words, an offset or a query: erase, 0x40000, length > 4K   then n and N"
            self.ask("search", Question("Search", self.app.navigation.begin_search, hint=hint))

    def action_go_to(self) -> None:
        """Ask for a place."""
        if self.app.ready() is not None:
            self.ask("goto", Question("Go to", self._go_to, hint=PLACES_HELP))

    def _go_to(self, text: str) -> str | None:
        view = self.app.timeline_view
        if not text.strip() or view.timeline is None:
            return None
        try:
            view.go_to_row(row_of_place(view.timeline, view.grid.cursor, parse_place(text)))
        except UsageError as error:
            return str(error)
        return None

    # --- export --------------------------------------------------------------------------------------------------

    def action_export(self) -> None:
        """Ask for a file to write the shown rows to."""
        timeline = self.app.ready()
        if timeline is not None:
            name = f"{timeline.level.value}.csv"
            hint = f"{timeline.total - timeline.hidden:,} rows, as .csv, .jsonl or .parquet"
            self._overwrites = None
            self.ask("export", Question("Export to", self._export, initial=name, hint=hint))

    def _export(self, text: str) -> str | None:
        timeline = self.app.timeline_view.timeline
        if timeline is None:
            return None
        path = text.strip()
        if not path:
            return None
        try:
            _keep_inputs(path, timeline)
            output_format = export_format(path)
            if user_path(path).exists() and path != self._overwrites:
                self._overwrites = path
                return f"{path} is there already: Enter once more writes over it"
            self._overwrites = None
            with whole_file(path) as file:
                count = write_shown(timeline, output_format, file)
        except TracetoolError as error:
            return str(error).removeprefix(f"{path}: ")  # it is read above, and the reason has to be seen
        except (OSError, ValueError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            return f"cannot be written: {reason or error}; name another file"
        self.app.tell(f"wrote {count:,} rows to {path}")
        return None

    # --- what if -------------------------------------------------------------------------------------------------

    def action_what_if(self) -> None:
        """Ask for another extent or policy."""
        if self.app.ready() is not None:
            self.ask("what-if", Question("What if", self._what_if, hint=CHANGES_HELP))

    def _what_if(self, text: str) -> str | None:
        session = self.app.session
        if not text.strip() or session is None:
            return None
        try:
            self.app.load_again(changed_settings(session.settings, text, session.written))
        except UsageError as error:
            return str(error)
        return None


def _keep_inputs(path: str, timeline: Timeline) -> None:
    images = timeline.session.settings.options.images.values()
    keep_inputs([path], [*(trace.meta.path for trace in timeline.session.traces), *images])


def _what_is_wrong(text: str, timeline: Timeline) -> str | None:
    try:
        parse(text, vocabulary(timeline.tables, timeline.level))
    except QueryError as error:
        return error.pretty()
    return None
