"""The command line: one module for each command, all of them thin.

Heavy imports are inside the commands, so that `tracetool --help` and completion answer at once.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from click import UsageError

__all__ = ["main"]

_UNREADABLE = 3
_INTERRUPTED = 130
_OBJECTS = 50_000
"""Between looks for garbage; Python's own is 700."""

_BROKEN_PIPE = 128 + signal.SIGPIPE


def main() -> None:
    """Run the program and end the process: exit codes 0 to 4 as documented, 130 when interrupted."""
    _repair_streams()
    # Imports make very many objects, and they stay: looking for garbage among them is an eighth of a short run, and
    # again as much when the interpreter ends.
    gc.set_threshold(_OBJECTS)
    atexit.register(gc.freeze)
    debug = "--debug" in sys.argv[1:] or bool(os.environ.get("TRACETOOL_DEBUG"))
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup leaves it
        signal.signal(signal.SIGHUP, _terminated)
    try:
        code = _run(arguments, debug=debug)
    except KeyboardInterrupt:  # before the program proper was loaded
        code = _complain("interrupted", _INTERRUPTED)
    sys.exit(code)


def _terminated(number: int, _: object) -> NoReturn:
    """Exit by an exception, so that half-written files are removed and the cursor is shown again."""
    sys.exit(128 + number)


def _repair_streams() -> None:
    """Open closed standard streams on /dev/null; escape characters that their encoding lacks."""
    if sys.stdout is None:  # closed by whoever started the program
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  as long as the process
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _run(arguments: list[str], *, debug: bool) -> int:
    from click.exceptions import Exit

    from tracetool.cli.app import program
    from tracetool.cli.completion import VARIABLE

    try:
        if instruction := os.environ.get(VARIABLE):
            from click.shell_completion import shell_complete

            return shell_complete(program, {}, "tracetool", VARIABLE, instruction)
        # Not click's own `main`, which ends with 1 where the reader of a pipe has gone: that would mean findings.
        with program.make_context("tracetool", arguments) as context:
            code = program.invoke(context)
        sys.stdout.flush()
    except Exit as ended:
        code = ended.exit_code
    except KeyboardInterrupt:
        return _complain("interrupted", _INTERRUPTED)
    except BrokenPipeError:
        return _silenced(_BROKEN_PIPE)
    except Exception as error:  # a fault of ours, too, is one line that says so; --debug has the traceback
        if debug:
            raise
        return _explained(error)
    return code if isinstance(code, int) else 0


def _explained(error: Exception) -> int:
    """Print one line on standard error and return the exit code."""
    from click import UsageError
    from click.exceptions import NoArgsIsHelpError

    from tracetool.errors import TracetoolError
    from tracetool.sanitize import sanitize_lines

    if isinstance(error, NoArgsIsHelpError):
        print(error.format_message())
        return error.exit_code
    if isinstance(error, UsageError):
        return _complain(_wrong_usage(error), error.exit_code)
    if isinstance(error, TracetoolError):
        code = _complain(str(error), error.exit_code)
        if error.picture:
            print(sanitize_lines(error.picture), file=sys.stderr)
        return code
    if isinstance(error, OSError):
        _silenced(_UNREADABLE)
        return _complain(f"{_place_of(error)}: {error.strerror or error}", _UNREADABLE)
    what = f"internal error: {type(error).__name__}: {error}"
    return _complain(f"{what}; please report it with the output of --debug", _UNREADABLE)


def _place_of(error: OSError) -> str:
    """File of an error; without one, standard output or the current folder."""
    if error.filename is not None:
        return os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
    return "the current folder" if error.errno == errno.ENOENT else "standard output"


def _silenced(code: int) -> int:
    """Discard standard output from here on, buffered text included, and return `code`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _complain(message: str, code: int) -> int:
    from tracetool.cli.common import tell

    tell(message)
    return code


def _wrong_usage(error: UsageError) -> str:
    """Message on wrong usage, with the command whose help explains it."""
    from click import BadParameter, MissingParameter

    context = error.ctx
    if isinstance(error, MissingParameter) and context and error.param and error.param.param_type_name == "argument":
        # The last of several arguments takes a lone word, so the one that is named is not the one forgotten.
        message = f"Missing argument; give {' '.join(context.command.collect_usage_pieces(context)[1:])}"
    elif isinstance(error, BadParameter) and error.param and error.message:
        # click says "is not a valid integer range" where the number has limits.
        message = f"{error.param.opts[-1]} {error.message.removesuffix('.').removesuffix(' range')}"
    else:
        message = error.format_message().removesuffix(".")
    return f"{message} (see {context.command_path if context else 'tracetool'} --help)"
