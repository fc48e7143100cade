"""Properties of a QEMU program, queried from the program itself: release, architecture, machines, trace backends."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from replay.behaviour import Behaviour, behaviour_of_qemu
from tracetool.errors import EmulatorError
from tracetool.qemu.emulator import emulator
from tracetool.qemu.program import PREFIX, program_path

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["About", "about"]

_NAMES_SINCE = 6
_EVENTS = "*qmp*"
"""Events that every QEMU logs while its control protocol is in use."""

_SIMPLE = b"\xff" * 8
"""Start of a trace in `simple` format, in either byte order. Ref: QEMU's docs/devel/tracing."""


@dataclass(frozen=True)
class About:
    """A QEMU program: absolute path, release, architecture (`aarch64`), machines.

    `behaviour` is that of the release; distributions backport, so evidence in a trace takes precedence. `executable` is
    the process image, which differs where the program is a script; None: unknown. `backends` are those of `log` and
    `simple` that it can trace with.
    """

    path: str
    version: str
    architecture: str
    machines: frozenset[str]
    behaviour: Behaviour
    default_machine: str | None = None
    executable: str | None = None
    backends: frozenset[str] = frozenset()

    @property
    def names_devices(self) -> bool:
        """True if its pflash events name their device, which they do since 6.0."""
        return int(self.version.partition(".")[0]) >= _NAMES_SINCE

    @property
    def name(self) -> str:
        """The program's file name and release."""
        return f"{Path(self.path).name} {self.version}"


def about(program: str) -> About:
    """Query a QEMU, the file that `program_path` resolves.

    Raises:
        MissingDependencyError: no such program, or not executable; names the package to install.
        EmulatorError: it does not respond as a QEMU.
    """
    return query(program_path(program))


@cache
def query(path: str) -> About:
    """Query the QEMU at a path, once per process. Raises EmulatorError if it does not respond as a QEMU."""
    with tempfile.TemporaryDirectory(prefix="tracetool-") as folder:
        file, log = Path(folder, "file"), Path(folder, "log")
        options = ["-M", "none", "-S", "-display", "none", "-nodefaults"]
        options += ["-D", str(log), "-trace", f"{_EVENTS},file={file}"]
        try:
            with emulator(path, options, Path(folder, "qemu.txt")) as running:
                release = running.control.execute("query-version")["qemu"]
                architecture = running.control.execute("query-target")["arch"]
                machines = running.control.execute("query-machines")
                executable = running.executable()
                running.quit()
        except EmulatorError as error:
            words = f"does not answer as a QEMU does: {error}; name a {PREFIX}... program"
            raise EmulatorError(f"{path}: {words}") from error
        backends = _backends([path.read_bytes() for path in (file, log) if path.exists()])
    version = ".".join(str(release[part]) for part in ("major", "minor", "micro"))
    names = {machine.get(key) for machine in machines for key in ("name", "alias")} - {None}
    behaviour = behaviour_of_qemu(version) or Behaviour.UNDETERMINED
    default = next((machine["name"] for machine in machines if machine.get("is-default")), None)
    return About(path, version, architecture, frozenset(names), behaviour, default, executable, backends)


def _backends(written: Sequence[bytes]) -> frozenset[str]:
    """Tell the trace backends by the files that QEMU wrote, since no option lists them.

    With `simple`, the file of `-trace file=` is in that format; with `log` alone it is the log; with both, `-D` is.
    """
    simple = any(data.startswith(_SIMPLE) for data in written)
    text = any(b"qmp" in data for data in written if not data.startswith(_SIMPLE))
    return frozenset(["simple"] * simple + ["log"] * text)
