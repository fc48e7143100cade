"""The image view: the moment, a slider over the trace, the hex grid, and the byte under the cursor."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

import polars as pl

from tracetool.errors import UsageError
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset
from tracetool.tui.actions import bindings_of
from tracetool.tui.device_view import DeviceView, once_shown
from tracetool.tui.drawing import Heading
from tracetool.tui.image.grid import ImageGrid
from tracetool.tui.image.slider import Slider
from tracetool.tui.messages import MomentChanged, Pick, Selection
from tracetool.tui.prompt import Prompt, Question
from tracetool.viewmodel.hex_model import HexModel, patterns
from tracetool.viewmodel.places import PlaceKind, parse_place
from tracetool.viewmodel.playback import playback

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.timer import Timer

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.heatmap import Subject
    from tracetool.viewmodel.playback import Playback

__all__ = ["ImageView"]

_FRAME_SECONDS = 1 / 20
_LONGEST_PAUSE_NS = 1_000_000_000
_PLACES = "0x40000 offset, +64K or -64K from here, block:3, #1234 the moment after that event"


class ImageView(DeviceView):
    """Contents of a device at a moment of the trace."""

    BINDINGS = bindings_of("image")
    LOW = 8

    def __init__(self) -> None:
        super().__init__()
        self.model: HexModel | None = None
        self.clock: Playback = playback([])
        self._session: AuditSession | None = None
        self._pattern: list[bytes] = []
        self._timer: Timer | None = None
        self._drawn = 0.0
        self._wanted: Selection | None = None
        self._played = False

    def compose(self) -> ComposeResult:
        """Heading, slider over the trace, bytes, the byte under the cursor."""
        yield Heading("reading the trace…")
        yield Slider()
        yield ImageGrid()
        yield Heading(identifier="byte")

    @property
    def grid(self) -> ImageGrid:
        """The hex grid."""
        return self.query_one(ImageGrid)

    @property
    def shown(self) -> bool:
        """True once the view shows the contents of a device."""
        return self.model is not None

    # --- what is shown -------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Show the moment after the event that was selected since the view was last in front."""
        if self._pending is None:
            self._go_to_wanted()
        super().catch_up()

    def follow(self, selection: Selection) -> None:
        """Show the moment after the selected event, as soon as the view is in front."""
        self._wanted = selection
        if self.in_front and self._pending is None:
            self._go_to_wanted()
        elif self._played and not self._is_here(selection):
            self._mark_moment(played=False)

    def _is_here(self, selection: Selection) -> bool:
        """True if the moment after the event is shown."""
        if self.model is None or self.subject is None or selection.seq is None:
            return True
        position = self.model.history.position(selection.trace, selection.seq)
        return selection.device == self.subject.device and position == self.model.position

    def _go_to_wanted(self) -> None:
        if self.model is None:
            return
        wanted, self._wanted = self._wanted, None
        if wanted is not None and wanted.seq is not None:
            self.go_to_event(wanted.device, wanted.trace, wanted.seq)

    async def take(self, session: AuditSession, found: tuple[Subject, ...]) -> None:
        """Show the first device at the selected event."""
        self._session, self.subjects, self._device = session, found, 0
        await self._show_device()
        self._go_to_wanted()

    async def _show_device(self) -> None:
        subject, session = self.subject, self._session
        history = timeline = None
        if subject is not None and session is not None:
            history = await asyncio.to_thread(session.history, subject.device)
            timeline = await asyncio.to_thread(session.store_timeline, subject.device)
        if subject is None or history is None:
            self.query_one(Heading).say("no device that could be replayed: give --board or --geometry")
            return
        self._stop()
        self.model = HexModel(history, store_start=None if timeline is None else timeline.start)
        self.clock = playback(_times(self.model, subject), longest_pause_ns=_LONGEST_PAUSE_NS)
        self.grid.show(self.model, subject.extent_bytes)
        self._look(self.model.first_changed())

    def go_to_event(self, device: str | None, trace: int, seq: int) -> None:
        """Show the moment after an event, where it is of this device."""
        if self.model is None or self.subject is None or device not in (None, self.subject.device):
            return
        before = self.model.position
        self.model.go_to_event(trace, seq)
        if before != self.model.position:
            self._look(self.model.first_changed())

    def _look(self, offset: int | None = None, *, played: bool = False) -> None:
        """Draw the moment; `played`: playback reached it."""
        if self.model is None or self.subject is None:
            return
        self.grid.look(offset)
        self.query_one(Slider).show(self.model.position, len(self.model.history))
        several = self._session is not None and len(self._session.traces) > 1
        parts = [sanitize(self.subject.device, 48), self.model.where(several=several), self.model.difference()]
        self.query_one(Heading).say(" │ ".join(parts))
        self._mark_moment(played=played)

    def _mark_moment(self, *, played: bool) -> None:
        """Tell the map where this moment was made, and up to which event to count."""
        if self.model is None or self.subject is None:
            return
        commit = self.model.history.commit(self.model.position)
        start, end = (0, 0) if commit is None else (commit.offset, commit.end)
        event = (0, -1) if commit is None else (commit.trace, commit.seq)
        until = event if played and not self.clock.at_end else None
        self._played = until is not None
        self.post_message(MomentChanged(self.subject.device, start, end, until))

    def on_image_grid_moved(self, message: ImageGrid.Moved) -> None:
        """Show the byte under the cursor."""
        message.stop()
        self._say_byte(clock=self._timer is not None)

    def _say_byte(self, *, clock: bool) -> None:
        """Show the byte under the cursor; `clock`: after the speed of playback."""
        if self.model is not None:
            playing = [self.clock.words] if clock else []
            words = " │ ".join([*playing, self.model.byte_words(self.grid.cursor)])
            self.query_one("#byte", Heading).say(words)

    # --- moments -------------------------------------------------------------------------------------------------

    @once_shown
    def action_step(self, forward: bool) -> None:
        """Go to the next or previous change."""
        model = self.model
        if model is None:
            return
        if not model.step(forward=forward):
            self._tell("nothing changes after this" if forward else "nothing was changed before this")
            return
        commit = model.history.commit(model.position if forward else model.history.next(model.position) or 0)
        self._look(None if commit is None else commit.offset)
        self._select()

    @once_shown
    def action_end(self, last: bool) -> None:
        """Show the flash before or after all changes."""
        if self.model is not None:
            self._go_to_position(len(self.model.history) if last else 0)

    def on_slider_slid(self, message: Slider.Slid) -> None:
        """Show the moment that was chosen."""
        message.stop()
        self._go_to_position(message.value)

    def _go_to_position(self, position: int) -> None:
        if self.model is not None:
            self.model.go(position)
            self._look(self.model.first_changed())
            self._select()

    def _select(self) -> None:
        """Select the event that led to this moment in all views."""
        event = None if self.model is None else self.model.history.event(self.model.position)
        if event is not None and event[1] >= 0:
            device = None if self.subject is None else self.subject.device
            self.post_message(Pick(Selection(device, *event), moment=True))

    @once_shown
    def action_compare(self) -> None:
        """Compare with another moment."""
        if self.model is not None:
            self.model.next_comparison()
            self._look()

    @once_shown
    def action_mark(self) -> None:
        """Compare with this moment from now on."""
        if self.model is not None:
            self.model.set_mark()
            self._look()

    # --- places --------------------------------------------------------------------------------------------------

    @once_shown
    async def action_device(self) -> None:
        """Show the next device."""
        self._device = (self._device + 1) % len(self.subjects)
        await self._show_device()

    @once_shown
    def action_difference(self, forward: bool) -> None:
        """Go to the next or previous bytes that differ."""
        if self.model is not None:
            self._go(self.model.next_changed(self.grid.cursor, forward=forward), "nothing else differs")

    @once_shown
    def action_go_to(self) -> None:
        """Ask for an offset."""
        self._ask("Go to", self._go_to, _PLACES)

    @once_shown
    def action_find(self) -> None:
        """Ask for bytes or a text."""
        self._ask("Find", self._find, "bytes, 40 00 40 00, or a text: BootOrder   then n and N")

    def _ask(self, title: str, answer: Callable[[str], str | None], hint: str) -> None:
        self.app.query_one(Prompt).ask(Question(title, answer, hint=hint))

    def _tell(self, words: str) -> None:
        self.app.notify(words, markup=False, timeout=3)

    def _go(self, offset: int | None, otherwise: str) -> None:
        if offset is None:
            self._tell(otherwise)
        else:
            self.grid.go(offset)

    def _go_to(self, text: str) -> str | None:
        if not text.strip() or self.model is None or self.subject is None:
            return None
        try:
            place = parse_place(text)
        except UsageError as error:
            return str(error)
        if place.kind is PlaceKind.EVENT:
            event = self.model.history.event(self.model.position)
            self.go_to_event(None, 0 if event is None else event[0], place.value)
            return None
        scale = {PlaceKind.OFFSET: 1, PlaceKind.RELATIVE: 1, PlaceKind.BLOCK: self.subject.block_bytes}
        if place.kind not in scale:
            return f"this is no place in the image: {_PLACES}"
        offset = place.value * scale[place.kind] + (self.grid.cursor if place.kind is PlaceKind.RELATIVE else 0)
        if not 0 <= offset < len(self.model.snapshot):
            return f"the flash ends at {format_offset(len(self.model.snapshot))}"
        self.grid.go(offset)
        return None

    def _find(self, text: str) -> str | None:
        self._pattern = patterns(text) if text.strip() else []
        self.action_occurrence(forward=True)
        return None

    @once_shown
    def action_occurrence(self, forward: bool) -> None:
        """Go to the next or previous occurrence of the pattern, wrapping around."""
        if self.model is None or not self._pattern:
            return
        start = self.grid.cursor + (1 if forward else 0)
        found = self.model.find(self._pattern, start, forward=forward)
        if found is None:
            found = self.model.find(self._pattern, 0 if forward else len(self.model.snapshot), forward=forward)
        self._go(found, "it is nowhere in the image at this moment")

    # --- playback ------------------------------------------------------------------------------------------------

    @once_shown
    def action_play(self) -> None:
        """Play the trace from this moment, or stop."""
        if self.model is None:
            return
        if self._timer is not None:
            self._stop()
            self._look(played=True)
            self._select()
            return
        self.clock = self.clock.pause().seek(self.model.position).toggle()
        self.model.go(self.clock.step)
        self._drawn = monotonic()
        self._timer = self.set_interval(_FRAME_SECONDS, self._tick)
        self._look(played=True)

    @once_shown
    def action_speed(self, steps: int) -> None:
        """Play faster or slower."""
        if self._timer is None and self.model is not None:
            self.clock = self.clock.seek(self.model.position)
        self.clock = self.clock.faster(steps)
        self._say_byte(clock=True)

    def _tick(self) -> None:
        now = monotonic()
        self.clock = self.clock.tick(now - self._drawn)
        self._drawn = now
        if self.model is not None and self.model.position != self.clock.step:
            self.model.go(self.clock.step)
            self._look(self.model.first_changed(), played=True)
        if not self.clock.playing:
            self._stop()
            self._look()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.clock = self.clock.pause()


def _times(model: HexModel, subject: Subject) -> list[int | None]:
    """Recorded time of each change (ns): that of its operation; None where it is not known."""
    events = [model.history.event(position) or (0, 0) for position in range(1, len(model.history) + 1)]
    changes = pl.DataFrame(events, schema={"trace": pl.UInt16, "seq": pl.Int64}, orient="row").with_row_index("at")
    operations = subject.operations.select("trace", seq="first_seq", time="time_ns").sort("seq")
    joined = changes.sort("seq").join_asof(operations, on="seq", by="trace", check_sortedness=False)
    times: list[int | None] = joined.sort("at")["time"].to_list()
    return times
