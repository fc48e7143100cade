"""`--follow`: traces that are still written."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from tracetool.cli import common
from tracetool.findings import RULES
from tracetool.findings.arrivals import Arrivals, finding_line
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import polars as pl

    from tracetool.audit import Audit
    from tracetool.audit.audit import SoFar
    from tracetool.findings import Severity
    from tracetool.ingest.following import Following
    from tracetool.recording.guest import Signals

__all__ = ["INTERRUPTED", "Findings", "Operations", "fail_fast", "follow", "following", "operation_line", "watched"]

INTERRUPTED = 130
_LOOK_S = 0.1

follow = click.option(
    "--follow",
    is_flag=True,
    help="Read on while the trace grows, until Ctrl-C or the end of a pipe; one log or simple trace.",
)
fail_fast = click.option("--fail-fast", is_flag=True, help="With --follow: end at the first finding that fails.")


@contextmanager
def following() -> Iterator[Following]:
    """Follow a trace until Ctrl-C; a second one interrupts the program."""
    from tracetool.ingest.following import Following

    control = Following(common.say)
    before = signal.getsignal(signal.SIGINT)

    def stop(_number: int, _frame: object) -> None:
        control.interrupted = True
        control.stop()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield control
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def watched(folder: Path, signals: Signals, fail_on: Severity, *, follow: bool, fail_fast: bool) -> Iterator[None]:
    """Audit a run while the guest runs, in a thread; with `fail_fast` the guest is ended at the first finding."""
    if not (follow or fail_fast):
        yield
        return
    from tracetool.ingest.following import Following

    control = Following(common.say)

    def fail() -> None:
        common.say("a finding that fails: the guest is ended")
        signals.send(signal.SIGTERM)

    findings = Findings(fail_on, fail if fail_fast else lambda: None, quiet=not follow)
    thread = Thread(target=_watch, args=(folder, control, findings, follow), name="following", daemon=True)
    thread.start()
    try:
        yield
    finally:
        control.stop()
        thread.join()


def _watch(folder: Path, control: Following, findings: Findings, follow: bool) -> None:
    """Follow the trace of a run; what is wrong with it is for the audit afterwards."""
    from tracetool.errors import TracetoolError
    from tracetool.library.follow import follow_audit
    from tracetool.library.trace import open as open_trace
    from tracetool.runs.directory import read_run_directory
    from tracetool.timeline.operations import WRITING

    operations = Operations()

    def told(audit: Audit | SoFar) -> None:
        if follow:
            for row in operations.new(audit.operations).iter_rows(named=True):
                if row["kind"] in WRITING:
                    common.tell(operation_line(row))
        findings.say(audit)

    trace = folder / read_run_directory(str(folder)).run.trace
    while not trace.exists() and not control.wait(_LOOK_S):
        continue
    try:
        told(follow_audit(open_trace(str(folder), following=control), control, told, keep_operations=True))
    except TracetoolError as error:
        if not control.stopped:
            common.say(f"the run is not followed: {error}")


def operation_line(row: Mapping[str, Any]) -> str:
    """An operation (`OPERATIONS_SCHEMA`) in a line."""
    size = "" if row["length"] is None else f", {format_size(row['length'])}"
    outcome = "" if row["outcome"] == "done" else f", {row['outcome']}"
    return f"event {row['first_seq']} {row['device']}: {row['kind']} at {format_offset(row['offset'])}{size}{outcome}"


class Findings:
    """Says each finding once, when it is first known.

    Args:
        fail_on: least severity that fails.
        failed: called once, when the first finding that does is known.
        quiet: say nothing.
    """

    def __init__(self, fail_on: Severity, failed: Callable[[], None] = lambda: None, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._fail_on = fail_on
        self._failed = failed
        self._has_failed = False
        self._arrivals = Arrivals()

    def say(self, audit: Audit | SoFar) -> None:
        """Say what is new."""
        failing = False
        for finding in self._arrivals.new(audit.findings):
            if not self._quiet:
                common.tell(finding_line(finding))
            if finding.severity >= self._fail_on and not RULES[finding.rule].about_trace:
                failing = True
        if failing and not self._has_failed:
            self._has_failed = True
            self._failed()


class Operations:
    """New rows of a timeline that grows: those of each device beyond the ones seen."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def new(self, operations: pl.DataFrame) -> pl.DataFrame:
        """The rows that were not seen before, in their order."""
        import polars as pl

        parts = []
        for (device,), part in operations.group_by("device", maintain_order=True):
            name = str(device)
            parts.append(part[self._seen.get(name, 0) :])
            self._seen[name] = max(self._seen.get(name, 0), len(part))
        return pl.concat([operations[:0], *parts]).sort("trace", "first_seq")
