"""`tracetool record`: from a QEMU command line to the verdict."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import Choice, command
from tracetool.errors import UsageError
from tracetool.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.recording.guest import GuestEnd
    from tracetool.recording.record import Recorded


@command(context_settings={"allow_interspersed_args": False})
@click.argument("line", nargs=-1, required=True, metavar="QEMU ARGS...", help="The guest's own command line.")
@options.run_folder(help="The run directory (flash-run-N).")
@click.option(
    "--backend",
    type=Choice(["log", "simple"]),
    default="log",
    help="How QEMU writes the trace; simple is smaller, where QEMU was built with it.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="End the guest after so long, as Ctrl-C would.",
)
@options.who
@options.quiet
def record(*, line: tuple[str, ...], output: str | None, backend: str, seconds: float | None, who: bool) -> int:
    """Run a guest under trace, keep its flash images before and after, and say what it did to them.

    As in: tracetool record -o run -- qemu-system-aarch64 -M virt ...

    Leaves a run directory, which every command takes as a TRACE.
    The terminal is the guest's, and signals are passed on to it;
    the images are only ever read. A script or another command that
    starts QEMU by its name is taken too: ... -- ./launch.sh

    Exit code as of audit; QEMU's own where it did not start.
    """
    from tracetool.recording.guest import Signals, run_in_foreground
    from tracetool.recording.record import launches_qemu, plan_recording
    from tracetool.recording.record import record as record_run

    if launches_qemu(line):
        from tracetool.cli.record_launcher import record_launched

        return record_launched(line, _folder(output), backend, seconds, who=who)
    plan = plan_recording(line, backend, who=who)
    for note in plan.line.notes:
        common.say(note)
    signals = Signals()

    def run(arguments: Sequence[str]) -> GuestEnd:
        return run_in_foreground(arguments, signals, seconds=seconds)

    return conclude(record_run(plan, _folder(output), run, signals))


def _folder(output: str | None) -> Path:
    return user_path(output) if output is not None else free_directory()


def free_directory() -> Path:
    """The first run directory that is not there yet, or holds nothing."""
    from tracetool.runs.directory import read_run_directory
    from tracetool.runs.place import is_run_directory
    from tracetool.runs.run import NOT_STARTED

    for number in range(1, 10_000):
        path = Path(f"flash-run-{number}")
        unused = is_run_directory(path) and read_run_directory(str(path)).run.state == NOT_STARTED
        if unused or not path.exists():
            return path
    raise UsageError("flash-run-1 to flash-run-9999 exist; name a directory with -o")


def conclude(recorded: Recorded) -> int:
    """Report how a run ended, audit it, and return the exit code."""
    from tracetool.cli.audit import run_audit
    from tracetool.runs.run import NOT_STARTED

    path, run, end = recorded.directory.path, recorded.directory.run, recorded.end
    if run.state == NOT_STARTED:
        common.say(f"QEMU did not start (exit code {end.code}): nothing was recorded, {path} can be used again")
        return end.code
    for missing in run.missing:
        common.say(missing)
    if end.failed:
        common.say(f"QEMU {end.words}")
    common.say(f"recorded in {path}; the same as: tracetool audit {shlex.quote(str(path))}")
    # A line of its own below what the guest wrote, which seldom ends one.
    print("\x1b[0m" if sys.stdout.isatty() else "", flush=True)
    return run_audit([path])
