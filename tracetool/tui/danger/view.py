"""The danger view: a ribbon of moments, the causes of losses, and the cause under the cursor in full."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import work
from textual.containers import Container, VerticalScroll
from textual.content import Content

from tracetool.errors import InputError, UsageError
from tracetool.sanitize import sanitize
from tracetool.tui.actions import bindings_of
from tracetool.tui.danger.ribbon import TOLL_STYLES, Ribbon
from tracetool.tui.device_view import DeviceView, once_shown
from tracetool.tui.drawing import Drawn, Heading, hanging
from tracetool.tui.line_grid import LineGrid
from tracetool.tui.messages import JumpTo, ShowTorn
from tracetool.uefi.boot import FIRMWARES
from tracetool.viewmodel.audit_session import Cancelled, Progress
from tracetool.viewmodel.power_cuts import LOOKS, CauseRows, CutSettings, power_cut_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.heatmap import Subject
    from tracetool.viewmodel.power_cuts import CauseDetail, PowerCutModel

__all__ = ["DangerView"]

_BESIDE = 130
"""Columns from which there is room for the details beside the causes."""
_TOLD_SECONDS = 0.2
_LABEL = 11


class Detail(Drawn):
    """A cause in full."""

    DEFAULT_CSS = "Detail { padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._detail: CauseDetail | None = None

    def show(self, detail: CauseDetail | None) -> None:
        """Show a cause; None clears the widget."""
        self._detail = detail
        self.redraw()

    def lines(self, width: int) -> Iterator[Content]:
        """Title, then labelled paragraphs."""
        detail = self._detail
        if detail is None:
            return
        sign = (LOOKS[detail.toll].sign, TOLL_STYLES[detail.toll])
        yield from Content.assemble(sign, " ", (detail.title, "bold")).wrap(width)
        for label, words in detail.parts:
            yield from hanging(Content.styled(label, "$foreground-muted"), words, width, _LABEL)


class DangerView(DeviceView):
    """Power cuts in the commits of a session, surveyed when the view is first in front."""

    BINDINGS = bindings_of("danger")
    LOW = 12
    OF_DEVICES = False

    def __init__(self) -> None:
        super().__init__()
        self.model: PowerCutModel | None = None
        self._session: AuditSession | None = None
        self._settings = CutSettings()
        self._models: dict[CutSettings, PowerCutModel] = {}
        self._progress = Progress()

    def compose(self) -> ComposeResult:
        """Heading, ribbon, causes, and one of them in full."""
        yield Heading("reading the trace…")
        yield Ribbon()
        with Container(id="causes"):
            yield LineGrid(table="causes")
            with VerticalScroll(can_focus=True):
                yield Detail()

    def on_resize(self, event: events.Resize) -> None:
        """Put the details where there is room."""
        super().on_resize(event)
        self.set_class(event.size.width < _BESIDE, "-below")

    def on_unmount(self) -> None:
        """Stop the thread."""
        self._stop()

    @property
    def grid(self) -> LineGrid:
        """The table of causes."""
        return self.query_one(LineGrid)

    @property
    def shown(self) -> bool:
        """True once a survey is shown."""
        return self.model is not None

    # --- survey --------------------------------------------------------------------------------------------------

    def show(self, session: AuditSession) -> None:
        """Show a session, as soon as the view is in front; the survey of the one before is stopped."""
        self._stop()
        super().show(session)

    def _stop(self) -> None:
        self._progress.stop.set()

    async def take(self, session: AuditSession, _found: tuple[Subject, ...]) -> None:
        """Survey a session."""
        self._session, self.model = session, None
        self._models.clear()
        await self._survey(session)

    async def _survey(self, session: AuditSession) -> None:
        """Survey in a thread, with the progress in the heading, and show the result."""
        settings, progress = self._settings, Progress()
        self._progress = progress
        timer = self.set_interval(_TOLD_SECONDS, self._tell_progress)
        self._tell_progress()
        try:
            if settings not in self._models:
                model = await asyncio.to_thread(power_cut_model, session, settings, progress.report)
                self._models[settings] = model
        except Cancelled:
            return
        except (InputError, UsageError) as error:
            self._show(None, sanitize(str(error)))
            return
        finally:
            timer.stop()
        model = self._models[settings]
        self._show(model, model.words())

    def _tell_progress(self) -> None:
        if not self.in_front:
            return
        progress, firmware = self._progress, self._settings.firmware
        done = f": commit {progress.done:,} of {progress.total:,}" if progress.total else "…"
        self.query_one(Heading).say(f"cutting the power{f' with {firmware.name}' if firmware else ''}{done}")

    def _show(self, model: PowerCutModel | None, words: str) -> None:
        """Show a model; None for none, for the reason in the words."""
        self.model = model
        self.query_one(Heading).say(words)
        self.query_one(Ribbon).show(model)
        self.query_one(Detail).show(None)
        with self.prevent(LineGrid.CursorMoved):
            self.grid.show(
                CauseRows() if model is None else model.rows, 0, "" if model is None else "no cut costs anything"
            )
        self.show_selection()
        self._explain()

    def _change(self, settings: CutSettings) -> None:
        """Survey with other settings; the survey that is shown stays until then."""
        self._stop()
        self._settings = settings
        if self._session is not None:
            self._survey_again(self._session)

    @work(group="load", exclusive=True)
    async def _survey_again(self, session: AuditSession) -> None:
        await self._survey(session)

    def action_firmware(self) -> None:
        """Boot the next firmware."""
        known = list(FIRMWARES.values())
        before = self._settings.firmware or (None if self.model is None else self.model.survey.firmware)
        at = -1 if before is None else known.index(before)
        self._change(replace(self._settings, firmware=known[(at + 1) % len(known)]))

    def action_torn(self) -> None:
        """Cut inside commits too, or between them only."""
        self._change(replace(self._settings, torn=not self._settings.torn))

    # --- moments -------------------------------------------------------------------------------------------------

    def show_selection(self) -> None:
        """Mark the selected event, and go to the cause of its commit."""
        event = self.selection.event
        self.query_one(Ribbon).mark(event)
        if self.model is None or event is None:
            return
        cause = self.model.cause_of(event, self.grid.cursor)
        if cause is not None and cause != self.grid.cursor:
            with self.prevent(LineGrid.CursorMoved):
                self.grid.go(cause)
            self._explain()

    def _go(self, event: tuple[int, int]) -> None:
        """Select an event in all views."""
        if self.model is not None:
            self.choose(self.model.selection(event))
            self.show_selection()

    @once_shown
    def action_step(self, forward: bool, of_cause: bool) -> None:
        """Go to the next or previous dangerous commit, or one of the cause under the cursor."""
        if self.model is None:
            return
        cause = self.grid.cursor if of_cause and self.model.survey.groups else None
        found = self.model.step(self.selection.event, forward=forward, cause=cause)
        if found is None:
            kind = "commit of this cause" if of_cause else "commit at which a cut costs a variable"
            self.notify(f"no {kind} {'after' if forward else 'before'} this", timeout=3)
            return
        self._go(found)

    def on_ribbon_picked(self, message: Ribbon.Picked) -> None:
        """Go to a commit that was clicked."""
        message.stop()
        self._go(message.event)

    @once_shown
    def action_axis(self) -> None:
        """Lay the ribbon out by time, or by commit."""
        if self.model is None:
            return
        if not self.model.has_times:
            self.notify("the commits have no times of one clock", timeout=3)
            return
        self.model.by_time = not self.model.by_time
        self.query_one(Heading).say(self.model.words())
        self.query_one(Ribbon).redraw()

    # --- causes --------------------------------------------------------------------------------------------------

    def on_line_grid_cursor_moved(self, message: LineGrid.CursorMoved) -> None:
        """Show the cause under the cursor, and go to its worst commit."""
        message.stop()
        target = None if self.model is None else self.model.target(message.row)
        if target is not None:
            self._go(target)
            self._explain()

    @work(exclusive=True, group="explain")
    async def _explain(self) -> None:
        """Show the cause under the cursor in full; its next boot is worked out in a thread."""
        if self.model is not None and self.model.survey.groups:
            self.query_one(Detail).show(await asyncio.to_thread(self.model.detail, self.grid.cursor))
            self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_go_to(self) -> None:
        """Show the operation of the worst cut of the cause under the cursor in the timeline."""
        target = None if self.model is None else self.model.target(self.grid.cursor)
        if target is not None:
            trace, seq = target
            self.post_message(JumpTo(seq, trace))

    @once_shown
    @work(exclusive=True, group="torn")
    async def action_torn_image(self) -> None:
        """Show the flash after the worst cut in the selected commit of the cause under the cursor, in the image."""
        model = self.model
        torn = None if model is None else await asyncio.to_thread(model.torn, self.grid.cursor, self.selection.event)
        if model is not None and torn is not None:
            self.post_message(ShowTorn(model.survey.device, torn))

    def on_line_grid_opened(self, message: LineGrid.Opened) -> None:
        """Show the operation of a cause that was double-clicked."""
        message.stop()
        self.action_go_to()
