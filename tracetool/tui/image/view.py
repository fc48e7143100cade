"""The image view: the moment, a slider over the trace, the hex grid, and the byte under the cursor."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from textual import work
from textual.content import Content

from tracetool.errors import TracetoolError, UsageError
from tracetool.images import write_image
from tracetool.ingest.inputs import keep_inputs
from tracetool.paths import user_path
from tracetool.report.frames import seconds
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset, format_size
from tracetool.tui.actions import bindings_of
from tracetool.tui.device_view import DeviceView, once_shown
from tracetool.tui.drawing import Heading, Page
from tracetool.tui.front import WAITING
from tracetool.tui.image.blame import BlameScreen
from tracetool.tui.image.grid import ImageGrid
from tracetool.tui.image.slider import Slider
from tracetool.tui.messages import JumpTo, MomentChanged
from tracetool.tui.prompt import Prompt, Question
from tracetool.viewmodel.audit_session import NO_CODE
from tracetool.viewmodel.blamed import blame_of, blamed
from tracetool.viewmodel.hex_model import HexModel, known_contents, patterns
from tracetool.viewmodel.playback import playback
from tracetool.viewmodel.selection import Selection, selection_of_moment, settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult
    from textual.timer import Timer

    from tracetool.analysis.blame import Blame
    from tracetool.analysis.history import History
    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.heatmap import Subject
    from tracetool.viewmodel.hex_model import TornFlash
    from tracetool.viewmodel.places import Place
    from tracetool.viewmodel.playback import Playback

__all__ = ["ImageView"]

_FRAME_SECONDS = 1 / 20
_LONGEST_PAUSE_NS = 1_000_000_000


class ImageView(DeviceView):
    """Contents of a device at a moment of the trace."""

    BINDINGS = bindings_of("image")
    LOW = 8

    def __init__(self) -> None:
        super().__init__()
        self.model: HexModel | None = None
        self.clock: Playback = playback([])
        self._session: AuditSession | None = None
        self._timer: Timer | None = None
        self._drawn = 0.0
        self._played = False
        self._times: list[int | None] = []
        self._overwrites: str | None = None
        self._blame: Blame | None = None

    def compose(self) -> ComposeResult:
        """Heading, slider over the trace, titles of the columns, bytes, the byte under the cursor."""
        yield Heading("reading the trace…")
        yield Slider()
        yield Page(self._titles)
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

    def follow(self, selection: Selection) -> None:
        """Show the moment after the selected event, as soon as the view is in front."""
        super().follow(selection)
        if self._behind and self._played and not self._is_here(selection):
            self._mark_moment(played=False)

    def _is_here(self, selection: Selection) -> bool:
        """True if the moment after the event is shown."""
        if self.model is None or self.subject is None or selection.event is None:
            return True
        position = self.model.history.position(*selection.event)
        return selection.device == self.subject.device and position == self.model.position

    def show_selection(self) -> None:
        """Show the moment after the selected event, with the cursor in the selected bytes."""
        number = self.device_number(self.selection.device)
        if number is not None and number != self._device:
            self._device, self.model = number, None  # keys wait for the device
            self._switch_device()
        else:
            self._go_to_selection()

    @work(group="device", exclusive=True)
    async def _switch_device(self) -> None:
        await self._show_device()
        if self.shown:
            await self.run_held()

    def _go_to_selection(self) -> None:
        model, selection, subject = self.model, self.selection, self.subject
        if model is None or subject is None:
            return
        before = model.position, model.torn
        cut = None if model.torn is None else (model.torn.trace, model.torn.seq)
        if selection.event is not None and selection.event != cut:
            model.go_to_event(*selection.event)
        moved = (model.position, model.torn) != before
        mine = selection.bytes if selection.device == subject.device else None
        offset = model.offset_in(mine, self.grid.cursor, moved=moved)
        if moved:
            self._stop()
            self._look(offset)
        elif offset != self.grid.cursor:
            self.grid.go(offset)

    def catch_up(self) -> None:
        """As of `DeviceView`; a trace that grew while it is played is shown afterwards."""
        if self._timer is None:
            super().catch_up()

    async def take(self, session: AuditSession, found: tuple[Subject, ...]) -> None:
        """Show the selected device, or the first; of a trace that has grown, the same as before."""
        before = (
            self.subject if self.model is not None and self._session is not None and self._session.growing else None
        )
        chosen = self.selection.device if before is None or self._behind else before.device
        self._session, self.subjects = session, found
        self._device = self.device_number(chosen) or 0
        old = self.model if before is not None and before.device == chosen else None
        await self._show_device(old)

    async def _show_device(self, old: HexModel | None = None) -> None:
        """Show the device; `old`: as far as the trace went when it was shown before."""
        subject, session = self.subject, self._session
        found = None
        if subject is not None and session is not None:
            found = await asyncio.to_thread(_opened, session, subject)
        if subject is not self.subject or session is not self._session:  # another one was chosen meanwhile
            return
        if subject is None or found is None:
            self.query_one(Heading).say("no device that could be replayed: give --board or --geometry")
            return
        self._stop()
        self._blame = None
        self.model, self._times = found
        if old is not None:
            self.model.continue_from(old)
        self.clock = playback(self._times, longest_pause_ns=_LONGEST_PAUSE_NS)
        if old is None:
            self.grid.show(self.model, subject.extent_bytes)
            self._look(self.model.first_changed())
            self._go_to_selection()
            return
        self.grid.model, self.grid.extent = self.model, subject.extent_bytes
        newer = old.at_end and len(old.history) < len(self.model.history)
        if old.at_end and not self._behind:  # the newest moment, until another is chosen
            self.selection = replace(self.selection, seq=None)
        self._look(self.model.first_changed() if newer else None)

    async def show_torn(self, device: str, torn: TornFlash) -> None:
        """Show what a power cut leaves of a device, until another moment is chosen."""
        if not self.shown:
            self._held.append(partial(self.show_torn, device, torn))
            return
        number = self.device_number(device)
        if number is None:
            return
        self._behind = False
        if number != self._device:
            self._device = number
            await self._show_device()
        if self.model is not None:
            self._stop()
            self.model.show_torn(torn)
            self._look(self.model.first_changed())

    def _look(self, offset: int | None = None, *, played: bool = False) -> None:
        """Draw the moment; `played`: playback reached it."""
        if self.model is None or self.subject is None:
            return
        self.grid.look(offset)
        self.query_one(Slider).show(self.model.position, len(self.model.history))
        several = self._session is not None and len(self._session.traces) > 1
        where = self.model.where(several=several) + self._time_words()
        parts = [sanitize(self.subject.device, 48), where, self.model.difference(), *self._policy_words()]
        self.set_class(self.model.torn is not None, "-torn")
        parts = [*(["✖ POWER CUT"] if self.model.torn else []), *parts]
        self.query_one(Heading).say(" │ ".join(parts))
        self.query_one(Page).redraw()
        self._mark_moment(played=played)
        if not self.model.decoded and not played:
            self._decode(self.model)

    def _time_words(self) -> str:
        """Time of the moment since the first event of its trace."""
        model, session = self.model, self._session
        if model is None or session is None or model.torn is not None or not 0 < model.position <= len(self._times):
            return ""
        event, time = model.history.event(model.position), self._times[model.position - 1]
        start = None if event is None else session.starts[event[0]]
        return "" if time is None or start is None else f" at {seconds(time - start)} s"

    def _policy_words(self) -> list[str]:
        session, subject = self._session, self.subject
        if session is None or subject is None or session.settings.options.policy is None:
            return []
        label = session.settings.options.policy.label
        return [f"under {label}" if session.policy_history(subject.device) else f"as recorded: {label} changes nothing"]

    @work(exclusive=True, group="decode")
    async def _decode(self, model: HexModel) -> None:
        """Read the store of the moment in a thread, and name its structures beside the bytes."""
        snapshot = model.snapshot
        store = await asyncio.to_thread(model.decode)
        if model is self.model and model.snapshot is snapshot:
            model.take_store(store)
            self.grid.refresh()
            self._say_byte(clock=self._timer is not None)

    def _titles(self, width: int) -> Iterator[Content]:
        """Titles of the columns, where both moments are shown."""
        model, columns = self.model, self.grid.columns
        if model is None or columns.before is None:
            return
        then = Content(f"{model.against.value}").truncate(columns.now - columns.before - 2, ellipsis=True)
        now = "after the cut" if model.torn is not None else "this moment"
        line = Content.assemble(" " * columns.before, then).pad_right(columns.now - columns.before - then.cell_length)
        line = Content.assemble(line, Content(now))
        if columns.structure is not None:
            line = Content.assemble(line.pad_right(columns.structure - line.cell_length), "structure of the store")
        yield Content.styled(line.plain, "$foreground-muted bold").truncate(width)

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
        """Show the byte under the cursor, and select it in all views if the user went there."""
        message.stop()
        self._say_byte(clock=self._timer is not None)
        if message.chosen and self.subject is not None:
            start, end = self.grid.range
            self.choose(Selection(self.subject.device, start=start, end=end))

    def _say_byte(self, *, clock: bool) -> None:
        """Show the byte under the cursor; `clock`: after the speed of playback."""
        if self.model is not None:
            playing = [self.clock.words] if clock else []
            start, end = self.grid.range
            chosen = [f"{end - start:,} bytes from {format_offset(start)}"] if end - start > 1 else []
            words = " │ ".join([*playing, *chosen, self.model.byte_words(self.grid.cursor)])
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
    def action_step_here(self, forward: bool) -> None:
        """Go to the next or previous change of the byte under the cursor, or of the selected range."""
        if self.model is None:
            return
        start, end = self.grid.range
        if not self.model.step_of(start, end, forward=forward):
            what = "this byte" if end - start == 1 else "this range"
            self._tell(f"{what} does not change {'after' if forward else 'before'} this moment")
            return
        self._look()
        self._select()

    @once_shown
    def action_write(self) -> None:
        """Ask for a file to write the flash at this moment to."""
        if self.model is None or self.subject is None:
            return
        if not getattr(self.app, "exports", True):  # of an app of its own, in tests
            self._tell("files are not written from a browser")
            return
        event = self.model.history.event(self.model.position)
        torn = self.model.torn is not None
        name = f"{self.subject.device}-{'begin' if event is None else event[1]}{'-cut' * torn}.fd"
        contents = "as the power cut leaves it" if torn else "as the guest reads it at this moment"
        hint = f"{format_size(len(self.model.snapshot))}, {contents}"
        self._overwrites = None
        self.app.query_one(Prompt).ask(Question("Write the flash to", self._write, initial=name, hint=hint))

    def _write(self, text: str) -> str | None:
        """Write the flash at this moment; return an error in one line or None."""
        path, model, session = text.strip(), self.model, self._session
        if not path or model is None or session is None:
            return None
        try:
            images = session.settings.options.images.values()
            keep_inputs([path], [*(trace.meta.path for trace in session.traces), *images])
            if user_path(path).exists() and path != self._overwrites:
                self._overwrites = path
                return f"{path} is there already: Enter once more writes over it"
            write_image(user_path(path), known_contents(model.snapshot))
        except TracetoolError as error:
            return str(error).removeprefix(f"{path}: ")
        self._overwrites = None
        self._tell(f"wrote {format_size(len(model.snapshot))} to {path}")
        return None

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
            self.model.go(settled(self.model.history, position))
            self._look(self.model.first_changed())
            self._select()

    def _select(self) -> None:
        """Select the event that led to this moment in all views."""
        if self.model is None or self.subject is None:
            return
        found = selection_of_moment(self.model.history, self.model.position, self.subject.device)
        cursor = self.grid.cursor
        if found.bytes is None or not found.bytes[0] <= cursor < found.bytes[1]:
            found = replace(found, start=cursor, end=cursor + 1)
        self.choose(found)

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
    async def action_blame(self) -> None:
        """Show who put the byte under the cursor there, or the selected bytes."""
        model, session, subject = self.model, self._session, self.subject
        if model is None or session is None or subject is None:
            return
        if model.torn is not None:
            self._tell("who put a byte there is known of the trace's moments, not of what a power cut leaves")
            return
        self._stop()
        start, end = self.grid.range
        blame = self._blame
        if blame is None:
            blame = await asyncio.to_thread(blame_of, session, subject.device, model.history)
        found = await asyncio.to_thread(blamed, session, blame, start, end, model.position)
        if model is self.model:
            self._blame = blame
            note = "" if session.has_code else NO_CODE
            self.app.push_screen(BlameScreen(found, note), self._go_to_writer)

    def _go_to_writer(self, event: tuple[int, int] | None) -> None:
        """Go to an event in the timeline."""
        if event is not None:
            trace, seq = event
            self.post_message(JumpTo(seq, trace))

    @once_shown
    async def action_device(self) -> None:
        """Show the next device."""
        self._device = (self._device + 1) % len(self.subjects)
        self.choose(Selection(self.subjects[self._device].device))
        self.model = None
        await self._show_device()
        await self.run_held()

    @once_shown
    def action_difference(self, forward: bool) -> None:
        """Go to the next or previous bytes that differ."""
        if self.model is not None:
            self._go(self.model.next_changed(self.grid.cursor, forward=forward), "nothing else differs")

    def _tell(self, words: str) -> None:
        self.app.notify(words, markup=False, timeout=3)

    def _go(self, offset: int | None, otherwise: str) -> None:
        if offset is None:
            self._tell(otherwise)
        else:
            self.grid.go(offset, chosen=True)

    def go_to_place(self, place: Place) -> str | None:
        """Go to an offset; return an error in one line or None."""
        if self.model is None or self.subject is None:
            return WAITING
        try:
            offset = place.offset(self.grid.cursor, self.subject.block_bytes, len(self.model.snapshot))
        except UsageError as error:
            return str(error)
        self.grid.go(offset, chosen=True)
        return None

    search_hint = "bytes, 40 00 40 00, or a text: BootOrder   then n and N"

    def search(self, text: str, *, forward: bool) -> str | None:
        """Go to the next or previous occurrence of bytes or a text, wrapping around; return an error or None."""
        if self.model is None:
            return WAITING
        pattern = patterns(text)
        start = self.grid.cursor + (1 if forward else 0)
        found = self.model.find(pattern, start, forward=forward)
        if found is None:
            found = self.model.find(pattern, 0 if forward else len(self.model.snapshot), forward=forward)
        if found is None:
            return "it is nowhere in the image at this moment"
        self.grid.go(found, chosen=True)
        return None

    # --- playback ------------------------------------------------------------------------------------------------

    @once_shown
    def action_play(self) -> None:
        """Play the trace from this moment, or stop."""
        if self.model is None:
            return
        if self._timer is not None:
            self._stop()
            self.model.go(settled(self.model.history, self.model.position))
            self._look(played=True)
            self._select()
            self.catch_up()
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
            self._select()
            self.catch_up()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.clock = self.clock.pause()


def _opened(session: AuditSession, subject: Subject) -> tuple[HexModel, list[int | None]] | None:
    """The contents of a device under the policy that was asked for, or as recorded, and the times of its changes."""
    history = session.policy_history(subject.device) or session.history(subject.device)
    if history is None:
        return None
    timeline = session.store_timeline(subject.device)
    return HexModel(history, store_start=None if timeline is None else timeline.start), _times(history, subject)


def _times(history: History, subject: Subject) -> list[int | None]:
    """Recorded time of each change (ns): that of its operation; None where it is not known."""
    traces, seqs = history.events(np.arange(len(history)))
    changes = pl.DataFrame({"trace": traces.astype(np.uint16), "seq": seqs}).with_row_index("at")
    operations = subject.operations.select("trace", seq="first_seq", time="time_ns").sort("seq")
    joined = changes.sort("seq").join_asof(operations, on="seq", by="trace", check_sortedness=False)
    times: list[int | None] = joined.sort("at")["time"].to_list()
    return times
