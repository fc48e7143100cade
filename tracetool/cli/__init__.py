"""The command line: one module for each command, all of them thin.

Heavy imports stand inside the commands, so that `tracetool --help` and completion answer at once.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from typer import TyperException

__all__ = ["main"]

_UNREADABLE = 3
_INTERRUPTED = 130
_OBJECTS = 50_000
"""Between looks for garbage; Python's own is 700."""

_BROKEN_PIPE = 128 + signal.SIGPIPE


def main() -> None:
    """Run the program and end the process: exit codes 0 to 4 as documented, 130 when interrupted."""
    _repair_streams()
    # Imports make very many objects, and they stay: looking for garbage among them is an eighth of a short run.
    gc.set_threshold(_OBJECTS)
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
    """End as an exception does: without a file left that is only half written, and with the cursor shown."""
    sys.exit(128 + number)


def _repair_streams() -> None:
    """Something to write to where a stream was closed, and escapes for what an encoding such as ASCII lacks."""
    if sys.stdout is None:  # closed by whoever started the program
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  as long as the process
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _run(arguments: list[str], *, debug: bool) -> int:
    from typer import Abort

    from tracetool.cli.app import app

    try:
        code = app(arguments, prog_name="tracetool", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, Abort):
        code = _INTERRUPTED
    except BrokenPipeError:
        code = _silenced(_BROKEN_PIPE)
    except SystemExit as ended:
        # Typer's own end where the reader of a pipe has gone; its exit code would say that there are findings.
        if not isinstance(ended.__context__, OSError):
            raise
        code = _silenced(_BROKEN_PIPE)
    except Exception as error:
        if debug:
            raise
        return _explained(error)
    if code == _INTERRUPTED:
        return _complain("interrupted", code)
    return code if isinstance(code, int) else 0


def _explained(error: Exception) -> int:
    """One line on standard error, and the exit code."""
    from typer import TyperException

    from tracetool.errors import TracetoolError
    from tracetool.plain import plain_lines

    if isinstance(error, TyperException):
        return _complain(_wrong_usage(error), error.exit_code)
    if isinstance(error, TracetoolError):
        code = _complain(str(error), error.exit_code)
        if error.picture:
            print(plain_lines(error.picture), file=sys.stderr)
        return code
    if isinstance(error, OSError):
        _silenced(_UNREADABLE)
        return _complain(f"{_place_of(error)}: {error.strerror or error}", _UNREADABLE)
    what = f"internal error: {type(error).__name__}: {error}"
    return _complain(f"{what}; please report it with the output of --debug", _UNREADABLE)


def _place_of(error: OSError) -> str:
    """The file that an error is about; without a name it is where the program writes, or the folder it is in."""
    if error.filename is not None:
        return os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
    return "the current folder" if error.errno == errno.ENOENT else "standard output"


def _silenced(code: int) -> int:
    """Nothing more can be said on standard output, not even what is still in its buffer."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _complain(message: str, code: int) -> int:
    from tracetool.cli.common import tell

    if message:
        tell(message)
    return code


def _wrong_usage(error: TyperException) -> str:
    """What is wrong and where to look; nothing where the help itself was the answer."""
    message, _, _ = error.format_message().rstrip(".").partition(", unable to parse")
    message = message.replace("Input should be", "it must be")
    context = getattr(error, "ctx", None)
    if message.startswith("Missing argument") and context is not None:
        # The last of several arguments takes a lone word, so the one that typer names is not the one forgotten.
        message = f"Missing argument; give {' '.join(context.command.collect_usage_pieces(context)[1:])}"
    command = context.command_path if context is not None else "tracetool"
    return f"{message} (see {command} --help)" if message else ""
