"""A guest in the foreground: its terminal is its own, signals to this process are for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import termios
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tracetool.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import FrameType

__all__ = ["DiskWatch", "GuestEnd", "Signals", "run_in_foreground"]

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LOW_BYTES = 1 << 16
"""Room on the disk below which events may already be lost."""

_LOOK_S = 0.1
_STDIN = 0


@dataclass(frozen=True)
class GuestEnd:
    """How a guest ended: QEMU's exit code, or the signal that ended it. `cut` says why it was too early."""

    exit_code: int | None
    signal: int | None = None
    cut: str | None = None

    @property
    def code(self) -> int:
        """The exit code as a shell gives it."""
        return 128 + self.signal if self.signal is not None else self.exit_code or 0

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than with 0."""
        return self.code != 0


class Signals:
    """Passes signals on to a process from its start to its end, and keeps them off this one until the work is done."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: list[int] = []

    @contextlib.contextmanager
    def forwarded(self) -> Iterator[Signals]:
        """Take the signals over while the block runs."""
        before = {number: signal.signal(number, self._take) for number in FORWARDED}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def pass_to(self, process: subprocess.Popen[bytes]) -> None:
        """Pass them to this process, those that came before it started too."""
        self._process = process
        for number in self._waiting:
            process.send_signal(number)

    def _take(self, number: int, _: FrameType | None) -> None:
        if self._process is None:
            self._waiting.append(number)
        else:
            self._process.send_signal(number)  # one that has ended is left alone


def run_in_foreground(command: Sequence[str], signals: Signals) -> GuestEnd:
    """Run a command with this process's terminal until it ends.

    It stays in the process group, so that the terminal's own keys reach it as they would without a recorder. It is
    not ended with this process: its images are the user's.

    Raises:
        MissingDependencyError: it cannot be run.
    """
    with _terminal_as_it_was():
        try:
            process = subprocess.Popen(command)  # noqa: S603  the user's own command line
        except OSError as error:
            raise MissingDependencyError(f"{command[0]}: cannot be run: {error.strerror or error}") from error
        signals.pass_to(process)
        code = _waited_for(process)
    return GuestEnd(code) if code >= 0 else GuestEnd(None, -code)


def _waited_for(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process's end and give its code.

    Not in one blocking call: a signal that another thread is given, or that comes just before the call, would not
    interrupt it, and would reach the guest only after its end.
    """
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_LOOK_S)


@contextlib.contextmanager
def _terminal_as_it_was() -> Iterator[None]:
    """Give the terminal back as it was found: a QEMU that is killed leaves it raw."""
    settings = termios.tcgetattr(_STDIN) if os.isatty(_STDIN) else None
    try:
        yield
    finally:
        if settings is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(_STDIN, termios.TCSADRAIN, settings)


class DiskWatch:
    """Looks whether the disk of a folder runs full while the block runs: QEMU loses events then, and says nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.ran_full = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._look_once()

    def _look(self) -> None:
        while not self._end.wait(_LOOK_S):
            self._look_once()

    def _look_once(self) -> None:
        with contextlib.suppress(OSError):
            room = os.statvfs(self._folder)
            self.ran_full |= room.f_bavail * room.f_frsize < LOW_BYTES
