"""Which of its trace backends write a file, asked of the QEMU itself: it traces its own start, and what comes is seen.

No option lists the backends that a QEMU was built with. With `simple`, the file of `-trace file=` begins as that
format does; with `log` alone the same option names the log; with both, `-D` does.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from tracetool.qemu.emulator import emulator

__all__ = ["backends"]

_SIMPLE = b"\xff" * 8
"""Ref: QEMU's docs/devel/tracing; either byte order begins so."""

_EVENTS = "*qmp*"
"""Events that every QEMU logs while its control protocol is spoken."""


@cache
def backends(program: str) -> frozenset[str]:
    """Give those of `log` and `simple` that a QEMU has.

    Raises:
        EmulatorError: it did not start, ended by itself or fell silent.
        MissingDependencyError: it cannot be run.
    """
    with tempfile.TemporaryDirectory(prefix="tracetool-") as name:
        folder = Path(name)
        file, log = folder / "file", folder / "log"
        options = ["-M", "none", "-S", "-display", "none", "-nodefaults", "-D", str(log)]
        with emulator(program, [*options, "-trace", f"{_EVENTS},file={file}"], folder / "qemu.txt") as running:
            running.control.execute("query-version")
            running.quit()
        written = [path.read_bytes() for path in (file, log) if path.exists()]
    simple = any(data.startswith(_SIMPLE) for data in written)
    text = any(b"qmp" in data for data in written if not data.startswith(_SIMPLE))
    return frozenset(["simple"] * simple + ["log"] * text)
