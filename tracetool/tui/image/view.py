"""The image view: which moment it is, a slider over the trace, the bytes, and the one under the cursor."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

import polars as pl
from textual import work
from textual.containers import Vertical

from tracetool.errors import UsageError
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset
from tracetool.tui.drawing import Heading
from tracetool.tui.image.grid import ImageGrid
from tracetool.tui.image.slider import Slider
from tracetool.tui.messages import MomentChanged, Pick
from tracetool.tui.prompt import Prompt, Question
from tracetool.viewmodel.heatmap import subjects
from tracetool.viewmodel.hex_model import HexModel, patterns
from tracetool.viewmodel.places import PlaceKind, parse_place
from tracetool.viewmodel.playback import playback
from tracetool.viewmodel.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.heatmap import Subject
    from tracetool.viewmodel.playback import Playback

__all__ = ["ImageView"]

_FRAME = 1 / 20
_LONGEST_PAUSE_NS = 1_000_000_000
_PLACES = "0x40000 offset, +64K or -64K from here, block:3, #1234 the moment after that event"


class ImageView(Vertical):
    """Shows the contents of a device of what was loaded."""

    DEFAULT_CSS = """
    ImageView { height: 1fr; }
    ImageView ImageGrid { height: 1fr; }
    ImageView #byte { background: $panel; height: 1; }
    ImageView.-low #byte { display: none; }
    ImageView.-low Slider { display: none; }
    """
    _LOW = 8

    def __init__(self) -> None:
        super().__init__()
        self.travel: HexModel | None = None
        self.clock: Playback = playback([])
        self._loaded: AuditSession | None = None
        self._subjects: tuple[Subject, ...] = ()
        self._device = 0
        self._pattern: list[bytes] = []
        self._timer: Timer | None = None
        self._drawn = 0.0
        self._waiting: AuditSession | None = None
        self._wanted: Selection | None = None
        self._played = False
        self._early: list[ImageGrid.Asked] = []  # keys that were pressed before there is anything to be shown

    def compose(self) -> ComposeResult:
        """The parts."""
        yield Heading("reading the trace…")
        yield Slider()
        yield ImageGrid()
        words = Heading()
        words.id = "byte"
        yield words

    @property
    def grid(self) -> ImageGrid:
        """The bytes."""
        return self.query_one(ImageGrid)

    @property
    def subject(self) -> Subject | None:
        """The device that is shown."""
        return self._subjects[self._device] if self._subjects else None

    def on_resize(self, event: events.Resize) -> None:
        """Leave room for the bytes."""
        self.set_class(event.size.height < self._LOW, "-low")

    # --- what is shown -------------------------------------------------------------------------------------------

    def show_session(self, loaded: AuditSession) -> None:
        """Show another trace, as soon as the view is in front."""
        self._waiting = loaded
        if self.is_on_screen and self.display:
            self.on_show()

    def on_show(self) -> None:
        """The view is in front: show what was loaded and selected since it last was."""
        loaded, self._waiting = self._waiting, None
        if loaded is not None:
            self._take(loaded)
        elif self._wanted is not None:
            self._go_to_wanted()

    def follow(self, selection: Selection) -> None:
        """Show the moment after the selected event, as soon as the view is in front."""
        self._wanted = selection
        if self.is_on_screen and self.display and self._waiting is None:
            self._go_to_wanted()
        elif self._played and not self._is_here(selection):
            self._mark_moment(played=False)

    def _is_here(self, selection: Selection) -> bool:
        """Whether the moment after an event is the one that is shown."""
        if self.travel is None or self.subject is None or selection.seq is None:
            return True
        position = self.travel.moments.position(selection.trace, selection.seq)
        return selection.device == self.subject.device and position == self.travel.position

    def _go_to_wanted(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None and wanted.seq is not None:
            self.go_to_event(wanted.device, wanted.trace, wanted.seq)

    @work(exclusive=True, group="image-load")
    async def _take(self, loaded: AuditSession) -> None:
        self._subjects = await asyncio.to_thread(subjects, loaded)
        self._loaded, self._device = loaded, 0
        await self._show_device()
        self._go_to_wanted()
        early, self._early = self._early, []
        if self.travel is not None:
            for message in early:
                await self._answer(message)

    async def _show_device(self) -> None:
        subject, loaded = self.subject, self._loaded
        moments = None if subject is None or loaded is None else await asyncio.to_thread(loaded.moments, subject.device)
        if moments is None or subject is None:
            self.query_one(Heading).say("no device that could be replayed: give --board or --geometry")
            return
        self._stop()
        self.travel = HexModel(moments)
        self.clock = playback(_times(self.travel, subject), longest_pause_ns=_LONGEST_PAUSE_NS)
        self.grid.show(self.travel, subject.extent_bytes)
        self._look(self.travel.first_changed())

    def go_to_event(self, device: str | None, trace: int, seq: int) -> None:
        """Show the moment after an event, where it is of this device."""
        if self.travel is None or self.subject is None or device not in (None, self.subject.device):
            return
        before = self.travel.position
        self.travel.go_to_event(trace, seq)
        if before != self.travel.position:
            self._look(self.travel.first_changed())

    def _look(self, offset: int | None = None, *, played: bool = False) -> None:
        """The moment is another; `played` says whether it came by itself."""
        if self.travel is None or self.subject is None:
            return
        self.grid.look(offset)
        self.query_one(Slider).show(self.travel.position, len(self.travel.moments))
        several = self._loaded is not None and len(self._loaded.traces) > 1
        parts = [sanitize(self.subject.device, 48), self.travel.where(several=several), self.travel.difference()]
        self.query_one(Heading).say(" │ ".join(parts))
        self._mark_moment(played=played)

    def _mark_moment(self, *, played: bool) -> None:
        """Tell the map where this moment was made, and what is to be counted."""
        if self.travel is None or self.subject is None:
            return
        commit = self.travel.moments.commit(self.travel.position)
        start, end = (0, 0) if commit is None else (commit.offset, commit.end)
        event = (0, -1) if commit is None else (commit.trace, commit.seq)
        until = event if played and not self.clock.at_end else None
        self._played = until is not None
        self.post_message(MomentChanged(self.subject.device, start, end, until))

    def on_image_grid_moved(self, message: ImageGrid.Moved) -> None:
        """Say what is under the cursor."""
        message.stop()
        self._say_byte(clock=self._timer is not None)

    def _say_byte(self, *, clock: bool) -> None:
        """What is under the cursor, after how fast it is played where that is of interest."""
        if self.travel is not None:
            playing = [self.clock.words] if clock else []
            words = " │ ".join([*playing, self.travel.byte_words(self.grid.cursor)])
            self.query_one("#byte", Heading).say(words)

    def on_slider_slid(self, message: Slider.Slid) -> None:
        """Show the moment that was chosen."""
        message.stop()
        if self.travel is not None:
            self.travel.go(message.value)
            self._look(self.travel.first_changed())
            self._select(self.travel)

    # --- actions -------------------------------------------------------------------------------------------------

    async def on_part_styles_asked(self, message: ImageGrid.Asked) -> None:
        """Do what was asked for."""
        message.stop()
        await self._answer(message)

    async def _answer(self, message: ImageGrid.Asked) -> None:
        travel = self.travel
        if travel is None:
            self._early.append(message)
        elif message.what == "step":
            self._step(travel, forward=message.steps > 0)
        elif message.what == "ends":
            travel.go(len(travel.moments) if message.steps > 0 else 0)
            self._look(travel.first_changed())
            self._select(travel)
        elif message.what == "device":
            self._device = (self._device + 1) % len(self._subjects)
            await self._show_device()
        else:
            self._do(travel, message.what, message.steps)

    def _step(self, travel: HexModel, *, forward: bool) -> None:
        if not travel.step(forward=forward):
            self._tell("nothing changes after this" if forward else "nothing was changed before this")
            return
        commit = travel.moments.commit(travel.position if forward else travel.moments.next(travel.position) or 0)
        self._look(None if commit is None else commit.offset)
        self._select(travel)

    def _select(self, travel: HexModel) -> None:
        """The event that led to this moment is selected in all views."""
        event = travel.moments.event(travel.position)
        if event is not None and event[1] >= 0:
            device = None if self.subject is None else self.subject.device
            self.post_message(Pick(Selection(device, *event), moment=True))

    def _do(self, travel: HexModel, what: str, steps: int) -> None:
        if what in ("compare", "mark"):
            travel.next_comparison() if what == "compare" else travel.set_mark()
            self._look()
        elif what in ("play", "speed"):
            self._play(travel) if what == "play" else self._speed(steps)
        elif what == "found":
            self._found(forward=steps > 0)
        elif what == "changed":
            found = travel.next_changed(self.grid.cursor, forward=steps > 0)
            self._go(found, "nothing else differs")
        elif what == "go_to":
            self._ask("Go to", self._go_to, _PLACES)
        else:
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
        if not text.strip() or self.travel is None or self.subject is None:
            return None
        try:
            place = parse_place(text)
        except UsageError as error:
            return str(error)
        if place.kind is PlaceKind.EVENT:
            event = self.travel.moments.event(self.travel.position)
            self.go_to_event(None, 0 if event is None else event[0], place.value)
            return None
        scale = {PlaceKind.OFFSET: 1, PlaceKind.RELATIVE: 1, PlaceKind.BLOCK: self.subject.block_bytes}
        if place.kind not in scale:
            return f"this is no place in the image: {_PLACES}"
        offset = place.value * scale[place.kind] + (self.grid.cursor if place.kind is PlaceKind.RELATIVE else 0)
        if not 0 <= offset < len(self.travel.picture):
            return f"the flash ends at {format_offset(len(self.travel.picture))}"
        self.grid.go(offset)
        return None

    def _find(self, text: str) -> str | None:
        self._pattern = patterns(text) if text.strip() else []
        return self._found(forward=True)

    def _found(self, *, forward: bool) -> str | None:
        if self.travel is None or not self._pattern:
            return None
        start = self.grid.cursor + (1 if forward else 0)
        found = self.travel.find(self._pattern, start, forward=forward)
        if found is None:  # round the end
            found = self.travel.find(self._pattern, 0 if forward else len(self.travel.picture), forward=forward)
        self._go(found, "it is nowhere in the image at this moment")
        return None

    # --- playback ------------------------------------------------------------------------------------------------

    def _play(self, travel: HexModel) -> None:
        if self._timer is not None:
            self._stop()
            self._look(played=True)
            self._select(travel)
            return
        self.clock = self.clock.pause().seek(travel.position).toggle()
        travel.go(self.clock.step)
        self._drawn = monotonic()
        self._timer = self.set_interval(_FRAME, self._tick)
        self._look(played=True)

    def _speed(self, steps: int) -> None:
        if self._timer is None and self.travel is not None:
            self.clock = self.clock.seek(self.travel.position)
        self.clock = self.clock.faster(steps)
        self._say_byte(clock=True)

    def _tick(self) -> None:
        now = monotonic()
        self.clock = self.clock.tick(now - self._drawn)
        self._drawn = now
        if self.travel is not None and self.travel.position != self.clock.step:
            self.travel.go(self.clock.step)
            self._look(self.travel.first_changed(), played=True)
        if not self.clock.playing:
            self._stop()
            self._look()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.clock = self.clock.pause()


def _times(travel: HexModel, subject: Subject) -> list[int | None]:
    """When each change was made: the recorded time of its operation."""
    events = [travel.moments.event(position) or (0, 0) for position in range(1, len(travel.moments) + 1)]
    changes = pl.DataFrame(events, schema={"trace": pl.UInt16, "seq": pl.Int64}, orient="row").with_row_index("at")
    operations = subject.operations.select("trace", seq="first_seq", time="time_ns").sort("seq")
    joined = changes.sort("seq").join_asof(operations, on="seq", by="trace", check_sortedness=False)
    times: list[int | None] = joined.sort("at")["time"].to_list()
    return times
