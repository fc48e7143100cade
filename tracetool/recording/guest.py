"""A guest in the foreground: its terminal is its own, signals to this process are for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import termios
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from tracetool.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

__all__ = ["DiskWatch", "GuestEnd", "Signals", "run_in_foreground"]

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LOW_BYTES = 1 << 16
"""Room on the disk below which events may already be lost."""

_LOOK_S = 0.1
PATIENCE_S = 10
"""Between the signals that ask a guest to end whose time is over."""

_LOOKS_AFTER_END = 10
"""How often it is asked after a command's end whether it has started something: a shell does so a moment later."""

_STEPS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_STDIN = 0


@dataclass(frozen=True)
class GuestEnd:
    """How a guest ended: QEMU's exit code, or the signal that ended it.

    Attributes:
        exit_code: None where a signal ended it.
        signal: that.
        cut: why it was too early.
        relayed: signals that this process was sent and passed on.
        stopped_after: seconds after which it was told to end, because its time was over.
    """

    exit_code: int | None
    signal: int | None = None
    cut: str | None = None
    relayed: tuple[int, ...] = ()
    stopped_after: float | None = None

    @property
    def code(self) -> int:
        """The exit code as a shell gives it."""
        return 128 + self.signal if self.signal is not None else self.exit_code or 0

    @property
    def words(self) -> str:
        """How it ended, after the name of what did."""
        return f"was ended by signal {self.signal}" if self.signal else f"ended with exit code {self.code}"

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than with 0."""
        return self.code != 0


class Signals:
    """Passes signals on to a process from its start to its end, and keeps them off this one until the work is done.

    Attributes:
        relayed: those that came.
        more: gives further processes that they are for.
    """

    def __init__(self, more: Callable[[], Iterable[int]] = tuple) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._more = more
        self.relayed: list[int] = []

    @contextlib.contextmanager
    def forwarded(self) -> Iterator[Signals]:
        """Take the signals over while the block runs; a hang-up that is ignored (`nohup`) stays so."""
        taken = [n for n in FORWARDED if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._take) for number in taken}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def pass_to(self, process: subprocess.Popen[bytes]) -> None:
        """Pass them to this process, those that came before it started too."""
        self._process = process
        for number in self.relayed:
            self.send(number)

    def send(self, number: int) -> None:
        """Send a signal to the process and those that go with it; one that has ended is left alone."""
        if self._process is not None:
            self._process.send_signal(number)
        for pid in self._more():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def _take(self, number: int, _: FrameType | None) -> None:
        self.relayed.append(number)
        self.send(number)


def run_in_foreground(
    command: Sequence[str],
    signals: Signals,
    *,
    seconds: float | None = None,
    environment: Mapping[str, str] | None = None,
    goes_on: Callable[[], bool] | None = None,
) -> GuestEnd:
    """Run a command with this process's terminal until it ends.

    It stays in the process group, so that the terminal's own keys reach it as they would without a recorder, and has
    the descriptors that this process was given. It is not ended with this process: its images are the user's.

    Args:
        command: what to run.
        signals: what passes signals on to it.
        seconds: how long it may run; then it is asked to end as a user would, and at last killed.
        environment: its environment; None: that of this process.
        goes_on: whether something that it started still runs, which is waited for too; asked every tenth of a second.

    Raises:
        MissingDependencyError: it cannot be run.
    """
    with _terminal_as_it_was():
        try:
            process = subprocess.Popen(command, close_fds=False, env=environment)  # noqa: S603  the user's command
        except OSError as error:
            raise MissingDependencyError(f"{command[0]}: cannot be run: {error.strerror or error}") from error
        signals.pass_to(process)
        stopped = _wait(process, signals, seconds, goes_on)
    code = process.returncode
    end = GuestEnd(code) if code >= 0 else GuestEnd(None, -code)
    return replace(end, relayed=tuple(signals.relayed), stopped_after=seconds if stopped else None)


def _wait(
    process: subprocess.Popen[bytes], signals: Signals, seconds: float | None, goes_on: Callable[[], bool] | None
) -> bool:
    """Wait for the end of a process and of what it started; whether that had to be asked for.

    Not in one blocking call: a signal that another thread is given, or that comes just before the call, would not
    interrupt it, and would reach the guest only after its end.
    """
    steps = iter(_STEPS)
    deadline = None if seconds is None else time.monotonic() + seconds
    stopped = False
    needed = 1 if goes_on is None else _LOOKS_AFTER_END
    looks = 0
    while looks < needed:
        still = goes_on is not None and goes_on()
        looks = looks + 1 if _ended(process) and not still else 0
        if not looks and deadline is not None and time.monotonic() >= deadline:
            stopped = True
            signals.send(next(steps, signal.SIGKILL))
            deadline = time.monotonic() + PATIENCE_S
    return stopped


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has ended, or does so within `_LOOK_S`."""
    if process.poll() is not None:
        time.sleep(_LOOK_S)
    else:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_S)
    return process.returncode is not None


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
