"""Ctrl-C while the program waits: for standard input, a pipe, or a file that never opens."""

from __future__ import annotations

import importlib
import signal

__all__ = ["break_waiting"]


def break_waiting() -> None:
    """Have SIGINT break off system calls that wait, as Python does.

    polars takes the signal over when it is imported, with SA_RESTART: a read would go on as if nothing had come. So it
    is imported first.
    """
    importlib.import_module("polars")
    signal.siginterrupt(signal.SIGINT, True)  # noqa: FBT003  the standard library's
