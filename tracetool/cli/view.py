"""`tracetool view`: the terminal app."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import command
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from replay.backing import Policy


@command()
@options.traces
@options.policy
@options.guests
@options.strict_silicon
@options.wear_limit
@click.option("--fresh", is_flag=True, help="Neither use nor keep what is remembered of the trace.")
@options.reading_options
@options.device_options
def view(
    *,
    traces: list[str],
    policy: Policy | None,
    guests: int,
    strict_silicon: bool,
    wear_limit: int,
    fresh: bool,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> int:
    """Look at traces in the terminal: verdict, timeline, every event explained; ? shows the keys.

    Ends with exit code 0 whatever was found; 3 if a trace cannot be read at all, or if the app itself fails.
    """
    from tracetool.cli.log import say_what_is_logged
    from tracetool.findings.registry import RuleOptions
    from tracetool.library.inputs import STANDARD_INPUT
    from tracetool.library.trace import open as open_traces
    from tracetool.viewmodel.audit_session import Progress, Settings, start

    _require_terminal()
    say_what_is_logged()
    _free_keyboard(needed=STANDARD_INPUT in traces)
    progress = Progress()
    trace = open_traces(*traces, **devices.given(), **reading._asdict(), progress=lambda _path: progress.report)
    rules = RuleOptions(strict_silicon, wear_limit)
    settings = Settings(replace(trace.options, policy=policy), rules, guests)
    job = start(trace.readers, settings, progress)
    from tracetool.tui.app import TraceApp
    from tracetool.viewmodel.state_file import state_folder

    state = state_folder()
    app = TraceApp(job, remembers_in=None if fresh else state)
    code = app.run_to_end(None if state is None else state / "crashes")
    if app.persistence.unsaved is not None:
        common.say(app.persistence.unsaved)
    return code


def _require_terminal() -> None:
    """Refuse where nothing could be seen; a driver of the user's own (TEXTUAL_DRIVER) draws elsewhere."""
    if not os.environ.get("TEXTUAL_DRIVER"):
        os.environ.pop("TEXTUAL_DRIVER", None)  # textual takes an empty one for a driver
        if not (sys.stdout.isatty() and sys.stderr.isatty()):
            raise UsageError("view needs a terminal to show itself in; `tracetool audit` writes to files and pipes")
        if os.environ.get("TERM") == "dumb":
            raise UsageError("view needs a terminal that can move its cursor, which TERM=dumb cannot; use `audit`")


def _free_keyboard(*, needed: bool) -> None:
    """Let the keys come in where standard input is no terminal: that stays `sys.stdin`, under another number."""
    if sys.stdin is None:
        raise UsageError("view takes its keys from standard input, which is closed")
    if not needed and (sys.stdin.isatty() or os.environ.get("TEXTUAL_DRIVER")):
        return
    stream = os.dup(sys.stdin.fileno())
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError as error:
        raise UsageError("standard input is no keyboard, and there is no terminal beside it; run it in one") from error
    os.dup2(terminal, sys.stdin.fileno())
    sys.stdin = os.fdopen(stream)
