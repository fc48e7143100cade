"""Crashes of the app: the terminal is restored, the traceback kept in a file, and the exit code is never 0."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
import tempfile
import traceback
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from textual import constants
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.worker import WorkerFailed

from tracetool.errors import TracetoolError, UsageError
from tracetool.sanitize import sanitize
from tracetool.tui.terminal_driver import TerminalDriver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import RenderableType
    from textual.driver import Driver

__all__ = ["CrashError", "Crashing", "keep_traceback"]


class CrashError(TracetoolError):
    """The app has a fault; the message names the file with the traceback."""


class PanicError(Exception):
    """Textual's input thread failed, for the reason in the message."""


class Crashing(App[int]):
    """Base of the app: the first unexpected exception, wherever it is raised, ends the app and is kept in `crash`."""

    crash: Exception | None = None
    failure: Exception | None = None
    """Why the first session could not be loaded."""
    _shuts_down = False
    _terminated_before: Any = None
    """The handler of SIGTERM before the app's."""
    _terminated_early = False
    """True if SIGTERM came before the app could handle it."""

    @property
    def ended(self) -> bool:
        """True once the app is told to end, or its widgets go."""
        return self._exit or self._shuts_down

    def get_driver_class(self) -> type[Driver]:
        """The driver of this platform, with our input from terminals, or that of the variable TEXTUAL_DRIVER.

        Raises:
            UsageError: there is no such driver.
        """
        try:
            kind = super().get_driver_class()
        except (ImportError, AttributeError, ValueError, RuntimeError) as error:
            raise UsageError(f"TEXTUAL_DRIVER={constants.DRIVER}: no driver of textual ({error}); unset it") from error
        return TerminalDriver if kind is LinuxDriver else kind

    def _handle_exception(self, error: Exception) -> None:
        """End the app; textual calls this for exceptions in handlers, timers, workers and rendering."""
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        if self.crash is None:
            self.crash = self._exception = error
            self._exception_event.set()
        self._return_code = CrashError.exit_code
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        """End the app; textual calls this when its input thread fails."""
        words = [segment.text for renderable in renderables for segment in self.console.render(renderable)]
        self._handle_exception(PanicError("".join(words)))

    async def _shutdown(self) -> None:
        """Shut down; an exception meanwhile must not keep the driver from restoring the terminal."""
        self._shuts_down = True
        # Textual cancels the work of a widget after its children have gone, which the work may look for.
        self.workers.cancel_all()
        try:
            await super()._shutdown()
            if self._terminated_before is not None:
                signal.signal(signal.SIGTERM, self._terminated_before)
        except Exception as error:  # noqa: BLE001  reported as a crash
            self._handle_exception(error)
            if self._driver is not None:
                self._driver.close()

    def watch_loop(self) -> None:
        """Handle exceptions in tasks and callbacks of the event loop, too."""
        asyncio.get_running_loop().set_exception_handler(self._loop_failed)

    def watch_termination(self, end: Callable[[int], None]) -> None:
        """Call `end` with the exit code at SIGTERM; a second one ends the process at once.

        The loop cannot handle that one: it stands still where the terminal takes no output.
        """
        loop = asyncio.get_running_loop()

        def terminated(*_: object) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            loop.call_soon_threadsafe(end, 128 + signal.SIGTERM)

        if self._terminated_early:
            loop.call_soon(end, 128 + signal.SIGTERM)
        else:
            self._terminated_before = signal.signal(signal.SIGTERM, terminated)

    def _note_termination(self, *_: object) -> None:
        """Keep SIGTERM until the app is mounted: an exception in the task of a widget would leave the terminal raw."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._terminated_early = True

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            self._handle_exception(error)
        else:
            loop.default_exception_handler(context)

    def run_to_end(self, reports: Path | None, *, headless: bool = False) -> int:
        """Run until the app ends, and return the exit code.

        Raises:
            CrashError: the app crashed; the traceback is in a file in `reports`, or in the temporary directory.
            TracetoolError, OSError: `failure`, where its cause is the input.
        """
        before = signal.signal(signal.SIGTERM, self._note_termination)
        try:
            code = self.run(headless=headless)
        except Exception as error:  # noqa: BLE001  reported as a crash
            self.crash = self.crash or error
        finally:
            signal.signal(signal.SIGTERM, before)
        if self.crash is None and isinstance(self.failure, (TracetoolError, OSError)):
            raise self.failure
        fault = self.crash or self.failure
        if fault is not None:
            raise keep_traceback(fault, reports) from fault
        return code or 0


def keep_traceback(error: Exception, folder: Path | None) -> CrashError:
    """Write the traceback to a new file in `folder`, else in the temporary folder; return an error that names it."""
    words = f"internal error: {type(error).__name__}: {sanitize(str(error), 200)}"
    for place in (folder, None):
        try:
            if place is not None:
                place.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix="tracetool-crash-", suffix=".txt", dir=place)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(_report(error))
        except OSError:
            continue
        return CrashError(f"{name}: {words}; please report it with this file")
    return CrashError(f"{words}; please report it with the output of --debug")


def _report(error: Exception) -> str:
    facts = {
        "tracetool": version("pflash-tracetool"),
        "textual": version("textual"),
        "python": sys.version,
        "platform": platform.platform(),
        "command": sys.argv,
        "TERM": os.environ.get("TERM"),
    }
    lines = [f"{name}: {fact}\n" for name, fact in facts.items()]
    return "".join([*lines, "\n", *traceback.format_exception(error)])
