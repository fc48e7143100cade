"""`tracetool record`: from a QEMU command line to the verdict."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import Choice, command
from tracetool.cli.following import watched
from tracetool.cli.record_view import record_viewed, require_screen
from tracetool.errors import UsageError
from tracetool.findings import Severity
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
@click.option(
    "--rr",
    "rerunnable",
    is_flag=True,
    help="Have QEMU record what it needs to replay the run, so that who can be asked later; no network and no disks.",
)
@click.option("--view", is_flag=True, help="Show the guest's flash in the app while it runs, as view does.")
@click.option("--follow", is_flag=True, help="Say on standard error, as they come, what is written and found.")
@click.option("--fail-fast", is_flag=True, help="End the guest at the first finding that --fail-on names.")
@click.option(
    "--fail-on",
    type=Choice(sorted(Severity, reverse=True)),
    default=Severity.ERROR.label,
    help="Least severity that ends the guest, and gives exit code 1.",
)
@options.quiet
def record(
    *,
    line: tuple[str, ...],
    output: str | None,
    backend: str,
    seconds: float | None,
    who: bool,
    rerunnable: bool,
    view: bool,
    follow: bool,
    fail_fast: bool,
    fail_on: Severity,
) -> int:
    """Run a guest under trace, keep its flash images before and after, and say what it did to them.

    As in: tracetool record -o run -- qemu-system-aarch64 -M virt ...

    Leaves a run directory, which every command takes as a TRACE.
    The terminal is the guest's, and signals are passed on to it;
    with --view it is the app's, and the guest's output goes into
    the file guest.out. The images are only ever read. A script or another command that
    starts QEMU by its name is taken too: ... -- ./launch.sh

    Exit code as of audit; QEMU's own where it did not start.
    """
    from tracetool.recording.guest import Signals, run_in_foreground
    from tracetool.recording.record import launches_qemu, plan_recording
    from tracetool.recording.record import record as record_run

    if launches_qemu(line):
        if view or follow or fail_fast:
            raise UsageError("--view, --follow and --fail-fast are about one QEMU: give its own command line")
        from tracetool.cli.record_launcher import record_launched

        return record_launched(line, _folder(output), backend, seconds, who=who, rerunnable=rerunnable)
    if view:
        if follow or fail_fast:
            raise UsageError("--view shows what --follow and --fail-fast would say: leave them out")
        require_screen(line)
    plan = plan_recording(line, backend, who=who, rerunnable=rerunnable)
    for note in plan.line.notes:
        common.say(note)
    signals = Signals()
    folder = _folder(output)
    if view:
        return conclude(record_viewed(plan, folder, seconds), fail_on)

    def run(arguments: Sequence[str]) -> GuestEnd:
        with watched(folder, signals, fail_on, follow=follow, fail_fast=fail_fast):
            return run_in_foreground(arguments, signals, seconds=seconds)

    return conclude(record_run(plan, folder, run, signals), fail_on)


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


def conclude(recorded: Recorded, fail_on: Severity = Severity.ERROR) -> int:
    """Report how a run ended, audit it, and return the exit code."""
    from tracetool.cli.audit import run_audit
    from tracetool.runs.run import NOT_STARTED

    path, run, end = recorded.directory.path, recorded.directory.run, recorded.end
    if run.state == NOT_STARTED:
        why = f"exit code {end.code}" if end.stopped_after is None else f"ended after {end.stopped_after:g} s"
        common.say(f"QEMU did not start ({why}): nothing was recorded, {path} can be used again")
        return end.code
    for missing in run.missing:
        common.say(missing)
    if end.failed:
        common.say(f"QEMU {end.words}")
    common.say(f"recorded in {path}; the same as: tracetool audit {shlex.quote(str(path))}")
    # A line of its own below what the guest wrote, which seldom ends one.
    print("\x1b[0m" if sys.stdout.isatty() else "", flush=True)
    return run_audit([path], fail_on=fail_on)
