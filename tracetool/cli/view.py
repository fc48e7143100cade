"""`tracetool view`: the terminal app."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from threading import Timer
from typing import TYPE_CHECKING, Any

import click

from tracetool.cli import common, following, options
from tracetool.cli.command import command
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from replay.backing import Policy
    from tracetool.ingest.following import Following
    from tracetool.library.trace import Trace
    from tracetool.recording.background import BackgroundRecording
    from tracetool.viewmodel.audit_session import Job
    from tracetool.viewmodel.growing_trace import GrowingTrace

__all__ = ["free_keyboard", "require_terminal", "run_app", "view"]

_PATIENCE_S = 1.0


@command(resident=True)
@options.traces
@options.policy
@options.guests
@options.strict_silicon
@options.wear_limit
@click.option("--web", is_flag=True, help="Show it in a browser on this machine, at the address that is printed.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="Port of --web; by default any that is free.",
)
@following.follow
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
    web: bool,
    port: int,
    follow: bool,
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
    from tracetool.viewmodel.audit_session import Progress, Settings, start
    from tracetool.viewmodel.growing_trace import GrowingTrace

    in_page = os.environ.get("TRACETOOL_IN_BROWSER") == "1" and bool(os.environ.get("TEXTUAL_DRIVER"))
    if follow and (web or in_page):
        raise UsageError("--web reads traces anew for each page: leave out --follow")
    if web and not in_page:
        return _serve(traces, port)
    if port and not web:
        raise UsageError("--port is the port of --web")
    require_terminal()
    say_what_is_logged()
    free_keyboard(needed=STANDARD_INPUT in traces)
    progress = Progress()
    how = {**devices.given(), **reading._asdict(), "progress": lambda _path: progress.report}
    trace, control = _opened(traces, how, follow=follow)
    rules = RuleOptions(strict_silicon, wear_limit)
    settings = Settings(replace(trace.options, policy=policy), rules, guests)
    growing = None if control is None else GrowingTrace(trace.readers[0], control).start()
    job = start(trace.readers, settings, progress) if growing is None else growing.job(settings)
    return run_app(job, growing=growing, fresh=fresh, exports=not in_page)


def run_app(
    job: Job,
    *,
    growing: GrowingTrace | None = None,
    recording: BackgroundRecording | None = None,
    begins_at: tuple[int, int] | None = None,
    fresh: bool = False,
    exports: bool = True,
) -> int:
    """Run the app until it is left; its exit code.

    Args:
        job: loads the first session.
        growing: the trace, where it is followed.
        recording: the recording that writes it.
        begins_at: trace and seq of the event that is shown first.
        fresh: neither use nor keep what is remembered of the trace.
        exports: files may be written.

    Raises:
        CrashError: the app failed.
        TracetoolError, OSError: the trace cannot be read.
    """
    from tracetool.tui.app import TraceApp
    from tracetool.viewmodel.state_file import state_folder

    state = state_folder()
    app = TraceApp(
        job,
        remembers_in=None if fresh else state,
        exports=exports,
        growing=growing,
        recording=recording,
        begins_at=begins_at,
    )
    code = app.run_to_end(None if state is None else state / "crashes")
    if app.persistence.unsaved is not None:
        common.say(app.persistence.unsaved)
    return code


def _opened(traces: list[str], how: dict[str, Any], *, follow: bool) -> tuple[Trace, Following | None]:
    """Open the traces; a pipe is followed also without `--follow`, where the options allow it."""
    from tracetool.ingest.following import Following
    from tracetool.library.trace import open as open_traces

    if follow or ([*traces] == ["-"] and not stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode)):
        control = Following(required=follow)
        waiting = Timer(_PATIENCE_S, common.say, ["waiting for the first event; Ctrl-C ends"])
        waiting.start()
        try:
            return open_traces(*traces, **how, following=control), control
        except UsageError:  # before anything is read
            if follow:
                raise
        finally:
            waiting.cancel()
    return open_traces(*traces, **how), None


def _serve(traces: list[str], port: int) -> int:
    """Serve the app to a browser: each page runs this command again, in a process of its own."""
    from tracetool.errors import InputError, MissingDependencyError
    from tracetool.library.inputs import STANDARD_INPUT, open_readers

    if STANDARD_INPUT in traces:
        raise UsageError("--web reads traces once for each page, so not from standard input; give files")
    try:
        from tracetool.web.server import serve
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"--web needs the library {error.name}: pip install 'pflash-tracetool[web]'"
        ) from error
    open_readers(traces)  # what cannot be read is said here, and not in the page
    try:
        serve(sys.orig_argv, port, lambda address: common.say(f"open {address}  (Ctrl+C ends)"))
    except OSError as error:
        raise InputError(f"port {port}: {error.strerror or error}; name another one with --port") from error
    return 0


def require_terminal(what: str = "view") -> None:
    """Refuse where nothing could be seen; a driver of the user's own (TEXTUAL_DRIVER) draws elsewhere."""
    if not os.environ.get("TEXTUAL_DRIVER"):
        os.environ.pop("TEXTUAL_DRIVER", None)  # textual takes an empty one for a driver
        if not (sys.stdout.isatty() and sys.stderr.isatty()):
            raise UsageError(f"{what} needs a terminal to show itself in; `tracetool audit` writes to files and pipes")
        if os.environ.get("TERM") == "dumb":
            raise UsageError(f"{what} needs a terminal that can move its cursor, which TERM=dumb cannot; use `audit`")


def free_keyboard(*, needed: bool) -> None:
    """Let the keys come in where standard input is no terminal: that stays `sys.stdin`, under another number."""
    if sys.stdin is None:
        raise UsageError("view takes its keys from standard input, which is closed")
    if needed and sys.stdin.isatty():
        raise UsageError("standard input is the keyboard, not a trace; pipe one into view, or name it")
    if not needed and (sys.stdin.isatty() or os.environ.get("TEXTUAL_DRIVER")):
        return
    stream = os.dup(sys.stdin.fileno())
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError as error:
        raise UsageError("standard input is no keyboard, and there is no terminal beside it; run it in one") from error
    os.dup2(terminal, sys.stdin.fileno())
    sys.stdin = os.fdopen(stream)
