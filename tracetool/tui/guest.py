"""A guest that is recorded while it is shown: its end is said, and who leaves the app says what becomes of it."""

from __future__ import annotations

from signal import SIGHUP, SIGTERM
from typing import TYPE_CHECKING, ClassVar

from textual.widgets import OptionList

from tracetool.tui.controller import Controller
from tracetool.tui.over_screen import OverScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from tracetool.recording.background import BackgroundRecording
    from tracetool.tui.app import TraceApp

__all__ = ["GuestWatch", "LeaveScreen"]

_LOOK_S = 0.2


class GuestWatch(Controller):
    """Watches the guest of a recording."""

    def __init__(self, app: TraceApp, recording: BackgroundRecording) -> None:
        super().__init__(app)
        self._recording = recording
        self._told = False

    def begin(self) -> None:
        """Say where the guest's output goes, and look for its end."""
        self.app.tell(f"the guest's output goes into {self._recording.output}")
        self.app.set_interval(_LOOK_S, self._look)

    def _look(self) -> None:
        if self._told or not self._recording.ended.is_set():
            return
        self._told = True
        if self._recording.error is not None:
            self.app.tell(str(self._recording.error), wrong=True)
        else:
            self.app.tell(f"the guest {self._recording.recorded.end.words}; {self._recording.folder} is complete")

    def asks(self) -> bool:
        """Ask what becomes of a guest that still runs; False if it has ended."""
        if self._recording.ended.is_set():
            return False
        self.app.push_screen(LeaveScreen(), self._left)
        return True

    def _left(self, ends: bool | None) -> None:
        if ends is None:
            return
        if ends:
            self._recording.signals.send(SIGTERM)
        self.app.leave()

    def hang_up(self) -> None:
        """End the guest as the terminal that is gone would, and wait until the run directory is complete."""
        self._recording.signals.send(SIGHUP)
        self._recording.wait()


class LeaveScreen(OverScreen[bool]):
    """What becomes of the guest: True to end it, False to let it run on, None to stay in the app."""

    BINDINGS: ClassVar = [
        ("escape,q,s", "close", "Stay"),
        ("e", "choose(True)", "End"),
        ("r", "choose(False)", "Run on"),
    ]
    _CHOICES = (
        (True, "e  end the guest, and leave"),
        (False, "r  leave; the guest runs on until Ctrl-C in the terminal, or its own end"),
        (None, "s  stay"),
    )

    def compose(self) -> ComposeResult:
        """A line for each choice."""
        listed = OptionList(*(words for _, words in self._CHOICES), markup=False)
        listed.border_title = "The guest is still running"
        yield listed

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the choice."""
        event.stop()
        self.close(self._CHOICES[event.option_index][0])

    def action_choose(self, ends: bool) -> None:
        """Return the choice of a key."""
        self.close(ends)
