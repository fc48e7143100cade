"""A recording in a thread: the guest has no terminal, and its output goes into the run directory."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

from tracetool.recording.guest import Signals, run_in_background
from tracetool.recording.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tracetool.recording.guest import GuestEnd
    from tracetool.recording.record import Plan, Recorded

__all__ = ["OUTPUT", "BackgroundRecording"]

OUTPUT = "guest.out"
"""File in the run directory with what the guest and QEMU wrote to standard output and error."""

_LOOK_S = 0.1
_TOLD_LINES = 10


class BackgroundRecording:
    """A run that is recorded while this process does something else.

    Args:
        plan: what is recorded.
        folder: the run directory.
        on_end: called, in the thread, once the run directory is complete.
        seconds: time limit of the guest.

    Attributes:
        signals: forwarder of signals to the guest.
        begun: set once the guest was started, or could not be.
        ended: set once the run directory is complete, or the recording failed.
        error: why it failed.
    """

    def __init__(self, plan: Plan, folder: Path, on_end: Callable[[], None], seconds: float | None = None) -> None:
        self.signals = Signals()
        self.folder, self.output = folder, folder / OUTPUT
        self.begun, self.ended = Event(), Event()
        self.error: BaseException | None = None
        self._plan, self._on_end, self._seconds = plan, on_end, seconds
        self._recorded: Recorded | None = None
        self._thread = Thread(target=self._record, name="recording")

    def start(self) -> BackgroundRecording:
        """Start the recording."""
        self._thread.start()
        return self

    def wait(self) -> None:
        """Wait for its end; signals are handled meanwhile."""
        while not self.ended.wait(_LOOK_S):
            continue
        self._thread.join()

    @property
    def recorded(self) -> Recorded:
        """The run, once it has ended. Raises the `error`."""
        if self._recorded is None:
            raise self.error or AssertionError("the recording has not ended")
        return self._recorded

    def last_lines(self) -> list[str]:
        """The last lines of the output."""
        try:
            return self.output.read_text(errors="replace").strip().splitlines()[-_TOLD_LINES:]
        except OSError:
            return []

    def _record(self) -> None:
        try:
            self._recorded = record(self._plan, self.folder, self._run)
        except BaseException as error:  # noqa: BLE001  raised by `recorded`
            self.error = error
        finally:
            self.begun.set()
            self.ended.set()
            self._on_end()

    def _run(self, arguments: Sequence[str]) -> GuestEnd:
        with self.output.open("wb") as output:
            return run_in_background(arguments, self.signals, output, self.begun.set, seconds=self._seconds)
