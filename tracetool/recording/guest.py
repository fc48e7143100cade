"""Guest in the foreground: it owns the terminal, and signals to this process are forwarded to it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import termios
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from tracetool.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

__all__ = ["DiskWatch", "GuestEnd", "Signals", "run_in_background", "run_in_foreground"]

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LOW_BYTES = 1 << 16
"""Free disk space below which events may already be lost."""

_LOOK_S = 0.1
PATIENCE_S = 10
"""Interval between the signals to a guest that exceeds its time limit."""

_LOOKS_AFTER_END = 10
"""Polls after a command's end for processes it started, which a shell does with a delay."""

_STEPS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_STDIN = 0


@dataclass(frozen=True)
class GuestEnd:
    """End of a guest.

    Attributes:
        exit_code: QEMU's exit code, None if a signal terminated it.
        signal: that signal.
        cut: why the guest ended too early.
        relayed: forwarded signals.
        stopped_after: time limit in seconds that stopped it.
    """

    exit_code: int | None
    signal: int | None = None
    cut: str | None = None
    relayed: tuple[int, ...] = ()
    stopped_after: float | None = None

    @property
    def code(self) -> int:
        """Exit code as a shell reports it."""
        return 128 + self.signal if self.signal is not None else self.exit_code or 0

    @property
    def words(self) -> str:
        """Description of the end, to follow the program's name."""
        return f"was ended by signal {self.signal}" if self.signal else f"ended with exit code {self.code}"

    @property
    def failed(self) -> bool:
        """True unless it ended with 0."""
        return self.code != 0


class Signals:
    """Forwarder of signals to a process while it runs, which protects this one until the work is done.

    Args:
        more: returns further processes to forward to.

    Attributes:
        relayed: forwarded signals.
    """

    def __init__(self, more: Callable[[], Iterable[int]] = tuple) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._more = more
        self.relayed: list[int] = []

    @contextlib.contextmanager
    def forwarded(self) -> Iterator[Signals]:
        """Forward signals while the block runs; an ignored hang-up (`nohup`) stays ignored."""
        taken = [n for n in FORWARDED if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._take) for number in taken}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def pass_to(self, process: subprocess.Popen[bytes]) -> None:
        """Set the process, and send it the signals that came before it started."""
        self._process = process
        for number in self.relayed:
            self.send(number)

    def send(self, number: int) -> None:
        """Send a signal to the process and the further ones, unless they have ended."""
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
    """Run a command on this process's terminal until it ends.

    It stays in the process group, so that keys of the terminal reach it as without a recorder, and inherits the file
    descriptors. It survives this process, because it writes to the user's images.

    Args:
        command: command line.
        signals: forwarder of signals.
        seconds: time limit, after which it is interrupted, terminated and at last killed.
        environment: environment; None: that of this process.
        goes_on: returns True while processes that it started run, which are waited for too; polled every 0.1 s.

    Raises:
        MissingDependencyError: it cannot be run.
    """
    with _terminal_as_it_was():
        process = _started(command, env=environment)
        return _waited_for(process, signals, seconds, goes_on)


def run_in_background(
    command: Sequence[str],
    signals: Signals,
    output: BinaryIO,
    started: Callable[[], None] = lambda: None,
    *,
    seconds: float | None = None,
) -> GuestEnd:
    """Run a command without a terminal until it ends, in a session of its own; for the rest as `run_in_foreground`.

    Args:
        command: command line.
        signals: forwarder of signals.
        output: file for its standard output and error.
        started: called once it runs.
        seconds: time limit.

    Raises:
        MissingDependencyError: it cannot be run.
    """
    streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
    process = _started(command, **streams, start_new_session=True)
    started()
    return _waited_for(process, signals, seconds, None)


def _started(command: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401  those of Popen
    try:
        return subprocess.Popen(command, close_fds=False, **how)  # noqa: S603  the user's command
    except OSError as error:
        raise MissingDependencyError(f"{command[0]}: cannot be run: {error.strerror or error}") from error


def _waited_for(
    process: subprocess.Popen[bytes], signals: Signals, seconds: float | None, goes_on: Callable[[], bool] | None
) -> GuestEnd:
    signals.pass_to(process)
    stopped = _wait(process, signals, seconds, goes_on)
    code = process.returncode
    end = GuestEnd(code) if code >= 0 else GuestEnd(None, -code)
    return replace(end, relayed=tuple(signals.relayed), stopped_after=seconds if stopped else None)


def _wait(
    process: subprocess.Popen[bytes], signals: Signals, seconds: float | None, goes_on: Callable[[], bool] | None
) -> bool:
    """Wait for the end of a process and of those it started; return True if the time limit stopped it.

    Polls, because a signal delivered to another thread, or just before a blocking wait, would not interrupt that, and
    would be forwarded only after the end.
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
    """True if a process has ended, or ends within `_LOOK_S`."""
    if process.poll() is not None:
        time.sleep(_LOOK_S)
    else:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_S)
    return process.returncode is not None


@contextlib.contextmanager
def _terminal_as_it_was() -> Iterator[None]:
    """Restore the terminal's mode: a killed QEMU leaves it raw."""
    settings = termios.tcgetattr(_STDIN) if os.isatty(_STDIN) else None
    try:
        yield
    finally:
        if settings is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(_STDIN, termios.TCSADRAIN, settings)


class DiskWatch:
    """Watch on the disk of a folder while the block runs: QEMU silently loses events when it is full."""

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
