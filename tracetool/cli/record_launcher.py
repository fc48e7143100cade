"""`tracetool record` of a command that starts QEMU itself: a script, `make run`, `timeout 60 qemu-system-...`."""

from __future__ import annotations

import shlex
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tracetool.cli import common
from tracetool.cli.record import conclude
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tracetool.recording.guest import GuestEnd
    from tracetool.recording.launcher import Launch, Stray
    from tracetool.recording.record import Recorded

__all__ = ["record_launched"]

_FOUND, _INCONCLUSIVE = 1, 4


def record_launched(
    command: Sequence[str], folder: Path, backend: str, seconds: float | None, *, who: bool, rerunnable: bool
) -> int:
    """Run a command, record each QEMU that it starts, audit each, and return the worst exit code.

    Raises:
        UsageError: no QEMU was recorded; says why, and what to add to its options.
    """
    from tracetool.recording.launcher import launch_of

    with _claimed(folder), launch_of(command, folder, backend, seconds, who=who, rerunnable=rerunnable) as launch:
        end = _run(launch)
        recorded = [_finished(path) for path in launch.recorded()]
        if end.failed:
            common.say(f"{command[0]} {end.words}")
        if not recorded:
            if end.failed and not launch.strays and not launch.passed_over():
                return end.code
            raise UsageError(f"{command[0]}: nothing was recorded: {_why_nothing(launch)}")
    for note in (note for each in recorded for note in each.directory.run.notes):
        common.say(note)
    codes = [conclude(each) for each in recorded]
    return _worst([*codes, _INCONCLUSIVE] if launch.strays else codes)


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Make the run directory, and remove it where nothing was recorded."""
    from tracetool.recording.record import claim

    claim(folder)
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()  # which takes an empty one alone


def _run(launch: Launch) -> GuestEnd:
    """Run the command; report a QEMU that is not recorded as soon as it starts."""
    from tracetool.recording.guest import Signals, run_in_foreground

    told: set[int] = set()

    def goes_on() -> bool:
        still = launch.goes_on()
        for pid in launch.strays.keys() - told:
            told.add(pid)
            common.say(_of_stray(launch.strays[pid]))
        return still

    signals = Signals(launch.running)
    with signals.forwarded():
        return run_in_foreground(launch.command, signals, environment=launch.environment, goes_on=goes_on)


def _finished(path: str) -> Recorded:
    """The run in a directory, as its recorder left it."""
    from tracetool.recording.guest import GuestEnd as End
    from tracetool.recording.record import Recorded as Finished
    from tracetool.runs.directory import read_run_directory

    found = read_run_directory(path)
    return Finished(found, End(found.run.exit_code, found.run.signal))


def _of_stray(stray: Stray) -> str:
    from tracetool.recording.launcher import OPTIONS

    direct = shlex.join(["tracetool", "record", "--", stray.program, *stray.arguments])
    return (
        f"{stray.program} is started by its own path, so it is not recorded: start it by its name, or run {direct}, "
        f"or add to its options: {OPTIONS}"
    )


def _why_nothing(launch: Launch) -> str:
    from tracetool.recording.launcher import OPTIONS

    if launch.strays:
        program = next(iter(launch.strays.values())).program
        return f"{program} was started by its own path; start it by its name, or add to its options: {OPTIONS}"
    if passed := launch.passed_over():
        return passed[-1]
    return (
        "it started no QEMU by a name in PATH; where it has a path of its own for it, "
        f"add to that QEMU's options: {OPTIONS}, then: tracetool audit trace.log"
    )


def _worst(codes: Sequence[int]) -> int:
    """Worst exit code: findings, then errors, then inconclusive, then 0."""
    return min(codes, key=lambda code: (code != _FOUND, code in (0, _INCONCLUSIVE), code == 0))
