"""The time lane under the tabs: what was done when, on one axis for all devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message

from tracetool.tui.actions import bindings_of
from tracetool.tui.drawing import Drawn
from tracetool.viewmodel.time_lane import Row, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray
    from textual import events

    from tracetool.viewmodel.time_lane import TimeLane

__all__ = ["LaneBar"]

_LABEL = 10
_WORDS = ((98, 28), (70, 16))
"""Columns of words on the right, in a lane of so many columns or more."""
_ZOOM = 0.5
_LEVELS = " ▁▂▃▄▅▆▇█"
_STYLES = {
    Row.ERASES: "$text-accent",
    Row.PROGRAMS: "$text-primary",
    Row.OUTSIDE: "bold $text-error",
    Row.FINDINGS: "$text-warning",
}
_MARKS = {Row.OUTSIDE: "✖", Row.FINDINGS: "▲"}
_TALL = 40
"""Lines of the screen from which every kind has a line of its own."""

_MIDDLE = 30
"""Lines of the screen from which the axis has a line of its own."""

_LEAST = 14
"""Lines of the screen below which there is no lane."""


class LaneBar(Drawn, can_focus=True):
    """Draws a `TimeLane`; a range is brushed with the mouse or Shift and the arrows."""

    DEFAULT_CSS = """
    LaneBar { height: 2; padding: 0 1; background: $surface; display: none; }
    LaneBar:focus { background: $panel; }
    """
    BINDINGS = bindings_of("lane")
    BINDING_GROUP_TITLE = "Time"

    @dataclass
    class Brushed(Message):
        """A range of positions was brushed."""

        start: int
        end: int

    @dataclass
    class Picked(Message):
        """A position was chosen: the first write from there on is meant, or `backward` the last one before."""

        position: int
        backward: bool = False

    class Left(Message):
        """The focus goes back to the view."""

    def __init__(self) -> None:
        super().__init__()
        self.model: TimeLane | None = None
        self.window = Window(0, 1)
        self._here: int | None = None
        self._bookmarks: list[int] = []
        self._anchor: int | None = None
        self._until: int | None = None

    # --- what is shown -------------------------------------------------------------------------------------------

    def show(self, model: TimeLane) -> None:
        """Show a lane; the window stays where the axis is the same."""
        if self.model is None or self.model.whole != model.whole:
            self.window = model.whole
        self.model = model
        self.fit()

    def fit(self) -> None:
        """Take as many lines as the screen has room for."""
        height = self.app.size.height
        self.display = self.model is not None and height >= _LEAST
        rows = 0 if self.model is None else len(self.model.rows)
        self.styles.height = rows + 1 if height >= _TALL else 2 if height >= _MIDDLE else 1
        self.refresh()

    def mark(self, position: int | None) -> None:
        """Mark the selected event; the window moves along."""
        self._here = position
        if position is not None and self.model is not None:
            self.window = self.model.holding(self.window, position)
        self.refresh()

    def bookmark(self, positions: Iterable[int]) -> None:
        """Mark bookmarks."""
        self._bookmarks = list(positions)
        self.refresh()

    @property
    def _room(self) -> int:
        return self._room_in(self.content_size.width)

    def _room_in(self, width: int) -> int:
        """Columns of the axis."""
        return max(width - self._indent - next((words for least, words in _WORDS if width >= least), 0), 1)

    @property
    def _indent(self) -> int:
        return _LABEL if self.content_size.height > 2 else 0  # noqa: PLR2004  lines of the low form

    def lines(self, width: int) -> Iterator[Content]:
        """A line for each kind of operation, or one for all, and the axis."""
        if self.model is None:
            return
        room, model = self._room_in(width), self.model
        counts = {row: model.counts(row, self.window, room) for row in model.rows}
        brushed = self._brushed(room)
        here = "" if self._here is None else f"  ▲ {model.words(self._here)}"
        if self._indent:
            for row, found in counts.items():
                label = (row.value.ljust(_LABEL), "$foreground-muted")
                bars = _styled([(text, _STYLES[row]) for text in _drawn(row, found)], brushed)
                yield Content.assemble(label, *bars, (here, "bold")).truncate(width)
                here = ""
        else:
            cells = list(_merged(counts, room))
            if self.content_size.height == 1:
                self._put_marks(cells, model, numbers=self.has_focus)
            yield Content.assemble(*_styled(cells, brushed), (here, "bold")).truncate(width)
            if self.content_size.height == 1:
                return
        ends = f"  {model.words(self.window.start)} to {model.words(self.window.end - 1)}"
        axis = _styled(list(self._axis(model, room)), brushed)
        yield Content.assemble(" " * self._indent, *axis, (ends, "$foreground-muted")).truncate(width)

    def _brushed(self, room: int) -> range:
        if self._anchor is None or self._until is None:
            return range(0)
        ends = sorted((self._anchor, self._until))
        columns = [(end - self.window.start) * room // self.window.span for end in ends]
        return range(max(columns[0], 0), min(columns[1], room - 1) + 1)

    def _axis(self, model: TimeLane, room: int) -> Iterator[tuple[str, str]]:
        """Traces, numbers of bursts, bookmarks, the selected event."""
        cells: list[tuple[str, str]] = [("─", "$foreground-muted")] * room
        for base in model.bases[1:-1].tolist():
            self._put(cells, base, ("┼", "$foreground-muted"))
        self._put_marks(cells, model, numbers=True)
        yield from cells

    def _put_marks(self, cells: list[tuple[str, str]], model: TimeLane, *, numbers: bool) -> None:
        """Put the numbers of bursts, bookmarks and the selected event among the cells of a line."""
        for number, burst in enumerate(model.bursts(self.window) if numbers else (), 1):
            self._put(cells, burst.start, (str(number), "bold $text-accent"))
        for bookmark in self._bookmarks:
            self._put(cells, bookmark, ("◆", "bold $text-success"))
        if self._here is not None:
            self._put(cells, self._here, ("▲", "bold $background on $foreground"))

    def _put(self, cells: list[tuple[str, str]], position: int, cell: tuple[str, str]) -> None:
        column = self.window.column(position, len(cells))
        if column is not None:
            cells[column] = cell

    # --- keys ----------------------------------------------------------------------------------------------------

    @property
    def _step(self) -> int:
        return max(self.window.span // self._room, 1)

    def action_go(self, columns: int) -> None:
        """Go by columns, to the first write from there on."""
        self._anchor = self._until = None
        here = self.window.start if self._here is None else self._here
        self.post_message(self.Picked(here + columns * self._step, backward=columns < 0))

    def action_burst(self, number: int) -> None:
        """Go to the first write of a numbered burst, and leave."""
        found = [] if self.model is None else self.model.bursts(self.window)
        if number <= len(found):
            self.post_message(self.Picked(found[number - 1].start))
            self.post_message(self.Left())

    def action_extend(self, columns: int) -> None:
        """Brush by columns from the selected event on."""
        model = self.model
        if model is None:
            return
        if self._anchor is None or self._until is None:
            here = self.window.start if self._here is None else self._here
            self._anchor = self._until = here
        self._until = min(max(self._until + columns * self._step, 0), model.whole.end - 1)
        self.window = model.holding(self.window, self._until)
        self.refresh()

    def action_zoom(self, closer: bool) -> None:
        """Zoom about the selected event."""
        middle = self.window.start + self.window.span // 2
        inside = self._here is not None and self.window.start <= self._here < self.window.end
        self._zoom(self._here if inside and self._here is not None else middle, closer=closer)

    def _zoom(self, about: int, *, closer: bool) -> None:
        if self.model is not None:
            self.window = self.model.zoomed(self.window, about, _ZOOM if closer else 1 / _ZOOM)
            self.refresh()

    def action_whole(self) -> None:
        """Show the whole axis."""
        if self.model is not None:
            self.window = self.model.whole
            self.refresh()

    def action_done(self) -> None:
        """Filter by what was brushed, and leave."""
        if self._anchor is not None and self._until is not None:
            self._brush()
        self.post_message(self.Left())

    def action_leave(self) -> None:
        """Drop what was brushed, and leave."""
        self._anchor = self._until = None
        self.refresh()
        self.post_message(self.Left())

    def _brush(self) -> None:
        """Tell the range; its ends are rounded to a tenth of a column."""
        if self._anchor is not None and self._until is not None:
            start, end = sorted((self._anchor, self._until))
            self._anchor = self._until = None
            unit = 10 ** max(len(str(self._step)) - 1, 0)
            self.post_message(self.Brushed(start // unit * unit, -(-(end + self._step) // unit) * unit))
            self.refresh()

    # --- the mouse -----------------------------------------------------------------------------------------------

    def _under(self, event: events.MouseEvent) -> int:
        """Position under the pointer."""
        column = min(max(event.x - 1 - self._indent, 0), self._room - 1)
        return int(self.window.edges(self._room)[column])

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out about the pointer."""
        event.stop()
        self._zoom(self._under(event), closer=False)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in about the pointer."""
        event.stop()
        self._zoom(self._under(event), closer=True)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to brush."""
        if self.model is not None:
            self.capture_mouse()
            self._anchor = self._until = self._under(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Brush while the button is down."""
        if event.button and self.app.mouse_captured is self and self._anchor is not None:
            self._until = self._under(event)
            self.refresh()

    def on_mouse_up(self) -> None:
        """Filter by what was brushed; a click goes to what happened there."""
        self.release_mouse()
        if self._anchor is None or self._until is None:
            return
        if abs(self._until - self._anchor) >= self._step:
            self._brush()
        else:
            self.post_message(self.Picked(self._anchor))
            self._anchor = self._until = None
        self.post_message(self.Left())

    def on_click(self, event: events.Click) -> None:
        """Filter by the burst under the pointer on a double click."""
        if event.chain == 2 and self.model is not None:  # noqa: PLR2004
            here = self._under(event)
            near = [burst for burst in self.model.bursts(self.window) if burst.start - self._step <= here < burst.end]
            if near:
                self.post_message(self.Brushed(near[-1].start, near[-1].end))


def _drawn(row: Row, counts: NDArray) -> Iterator[str]:  # type: ignore[type-arg]
    """A character for each column: its height is the share of the fullest one; marks for what is rare."""
    most = int(counts.max(initial=0))
    for count in counts.tolist():
        yield (_MARKS[row] if count else " ") if row in _MARKS else _LEVELS[-(-count * 8 // most) if most else 0]


def _merged(counts: dict[Row, NDArray], room: int) -> Iterator[tuple[str, str]]:  # type: ignore[type-arg]
    """All kinds in one line: what is outside before an erase, that before a finding and a program."""
    programs = list(_drawn(Row.PROGRAMS, counts[Row.PROGRAMS]))
    for column in range(room):
        if Row.OUTSIDE in counts and counts[Row.OUTSIDE][column]:
            yield _MARKS[Row.OUTSIDE], _STYLES[Row.OUTSIDE]
        elif counts[Row.ERASES][column]:
            yield "█", _STYLES[Row.ERASES]
        elif Row.FINDINGS in counts and counts[Row.FINDINGS][column]:
            yield _MARKS[Row.FINDINGS], _STYLES[Row.FINDINGS]
        else:
            yield programs[column], _STYLES[Row.PROGRAMS]


def _styled(cells: list[tuple[str, str]], brushed: range) -> Iterator[tuple[str, str]]:
    """The cells, with those that are brushed on another ground."""
    for column, (text, style) in enumerate(cells):
        yield (text, f"{style} on $secondary") if column in brushed and " on " not in style else (text, style)
