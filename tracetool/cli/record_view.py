"""`tracetool record --view`: the app over a guest that is being recorded."""

from __future__ import annotations

import re
import signal
from itertools import pairwise
from typing import TYPE_CHECKING

from tracetool.cli import common
from tracetool.cli.view import free_keyboard, require_terminal, run_app
from tracetool.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.ingest.following import Following
    from tracetool.library.trace import Trace
    from tracetool.recording.background import BackgroundRecording
    from tracetool.recording.record import Plan, Recorded

__all__ = ["record_viewed", "require_screen"]

_LOOK_S = 0.1
_ENDED_BY_SIGNAL = 128


def require_screen(line: tuple[str, ...]) -> None:
    """Raise UsageError where the app and the guest could not share the terminal."""
    require_terminal("record --view")
    words = [re.sub(r"^--", "-", word) for word in line]
    for option, value in pairwise([*words, ""]):
        if option == "-curses" or (option == "-display" and value.startswith("curses")):
            raise UsageError(
                f"{option}: the terminal is the app's; give the guest another display, or record without --view and "
                "follow the run with `tracetool view --follow` in a second terminal"
            )


def record_viewed(plan: Plan, folder: Path, seconds: float | None) -> Recorded:
    """Record a run and show it meanwhile; returns once the guest has ended and the app was left."""
    from tracetool.ingest.following import Following
    from tracetool.recording.background import BackgroundRecording

    free_keyboard(needed=False)
    control = Following()
    recording = BackgroundRecording(plan, folder, control.stop, seconds)
    with recording.signals.forwarded():
        recording.start()
        try:
            trace = _opened(recording, control)
            if trace is not None and _show(recording, trace, control) > _ENDED_BY_SIGNAL:
                recording.signals.send(signal.SIGTERM)
        finally:
            with recording.signals.forwarded():  # which the app has taken
                if not recording.ended.is_set():
                    common.say(f"the guest goes on, its output into {recording.output}; Ctrl-C ends it")
                recording.wait()
    recorded = recording.recorded
    lines = recording.last_lines()
    if recorded.end.failed or trace is None:
        for words in lines:
            common.say(words)
    if lines:
        common.say(f"what the guest put out is in {recording.output}")
    return recorded


def _opened(recording: BackgroundRecording, control: Following) -> Trace | None:
    """The trace, once it has begun; None where the guest ended before."""
    from tracetool.library.trace import open as open_trace
    from tracetool.runs.directory import read_run_directory

    while not recording.begun.wait(_LOOK_S):
        continue
    if recording.error is not None:
        return None
    place = recording.folder / read_run_directory(str(recording.folder)).run.trace
    while not place.exists() and not control.wait(_LOOK_S):
        continue
    try:
        return open_trace(str(recording.folder), following=control)
    except InputError:
        if not control.stopped:
            raise
        return None


def _show(recording: BackgroundRecording, trace: Trace, control: Following) -> int:
    from tracetool.viewmodel.audit_session import Settings
    from tracetool.viewmodel.growing_trace import GrowingTrace

    growing = GrowingTrace(trace.readers[0], control).start()
    return run_app(growing.job(Settings(trace.options)), growing=growing, recording=recording)
