"""`tracetool view`: the terminal app."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Annotated

import typer

from tracetool.cli import common
from tracetool.cli.devices import DeviceOptions, takes_options
from tracetool.errors import UsageError


@takes_options
def view(
    traces: common.TracePaths,
    *,
    policy: common.PolicyName = None,
    guests: Annotated[
        int, typer.Option("--guests", min=1, metavar="N", help="How many guests the saving is worked out for.")
    ] = 1,
    strict_silicon: common.StrictSilicon = False,
    wear_limit: common.WearLimit = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Neither use nor keep what is remembered of the trace."),
    ] = False,
    reading: common.Reading,
    devices: DeviceOptions,
) -> None:
    """Look at traces in the terminal: verdict, timeline, every event explained; ? shows the keys.

    Ends with exit code 0 whatever was found; 3 if a trace cannot be read at all.
    """
    options = devices.session(
        policy=policy,
    )
    _require_terminal()
    if traces.count("-") > 1:
        raise UsageError("standard input can be read only once")
    from tracetool.browse.loading import Settings, start

    settings = Settings(options, guests, strict_silicon, common.wear_limit(wear_limit))
    if "-" in traces:
        _free_keyboard()
    job = start([partial(reading.open, path) for path in traces], settings)
    from tracetool.browse.memory import state_folder
    from tracetool.tui.app import TraceApp

    app = TraceApp(job, remembers_in=None if fresh else state_folder())
    code = app.run()
    if app.failure is not None:
        raise app.failure
    if app.unkept is not None:
        common.say(app.unkept)
    raise typer.Exit(code or 0)


def _require_terminal() -> None:
    if not sys.stdout.isatty():
        raise UsageError("view needs a terminal to show itself in; `tracetool audit` writes to files and pipes")


def _free_keyboard() -> None:
    """Let the keys come in where a trace does: the trace stays `sys.stdin`, under another number."""
    stream = os.dup(sys.stdin.fileno())
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError as error:
        raise UsageError("a trace on standard input leaves no keyboard; give the name of a file") from error
    os.dup2(terminal, sys.stdin.fileno())
    sys.stdin = os.fdopen(stream)
