"""The command line: one module for each command, all of them thin.

Heavy imports stand inside the commands, so that `tracetool --help` and completion answer at once.
"""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]

_INTERRUPTED = 130
_BROKEN_PIPE = 128 + signal.SIGPIPE


def main() -> None:
    """Run the program and end the process: exit codes 0 to 4 as documented, 130 when interrupted."""
    debug = "--debug" in sys.argv[1:] or bool(os.environ.get("TRACETOOL_DEBUG"))
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    sys.exit(_run(arguments, debug=debug))


def _run(arguments: list[str], *, debug: bool) -> int:
    from typer import Abort, TyperException

    from tracetool.cli.app import app
    from tracetool.errors import TracetoolError

    try:
        code = app(arguments, prog_name="tracetool", standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        if debug:
            raise
        return _complain(f"{error.format_message()} (see {_path_of(error)} --help)", error.exit_code)
    except TracetoolError as error:
        if debug:
            raise
        return _complain(str(error), error.exit_code)
    except (KeyboardInterrupt, Abort):
        return _complain("interrupted", _INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe has gone; nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except Exception as error:
        if debug:
            raise
        name = type(error).__name__
        return _complain(f"internal error: {name}: {error}; please report it with the output of --debug", 3)
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    print(f"tracetool: {' '.join(message.split())}", file=sys.stderr)
    return code


def _path_of(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context is not None else "tracetool"
