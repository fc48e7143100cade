"""What a QEMU program is, by its own word: its release, its processors, its machines."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from replay.behaviour import Behaviour, behaviour_of_qemu
from tracetool.errors import EmulatorError
from tracetool.qemu.emulator import emulator
from tracetool.qemu.program import PREFIX, program_path

__all__ = ["About", "about"]

_NAMES_SINCE = 6


@dataclass(frozen=True)
class About:
    """A program: its absolute path, release, architecture (`aarch64`), machines, and what its flash does.

    `executable` is the file that runs, where the program is a script that starts it; None: it cannot be told.
    `behaviour` is that of the release; distributions backport, so what a trace of it shows comes first.
    """

    path: str
    version: str
    architecture: str
    machines: frozenset[str]
    behaviour: Behaviour
    default_machine: str | None = None
    executable: str | None = None

    @property
    def names_devices(self) -> bool:
        """Whether its pflash events say which device they are of: since 6.0."""
        return int(self.version.partition(".")[0]) >= _NAMES_SINCE

    @property
    def name(self) -> str:
        """The program's file name and release."""
        return f"{Path(self.path).name} {self.version}"


def about(program: str) -> About:
    """Ask a QEMU what it is: the very file that `program_path` gives.

    Raises:
        MissingDependencyError: there is no such program, or it is not one that can be run; says what to install.
        EmulatorError: it does not answer as QEMU does.
    """
    return _about(program_path(program))


@cache
def _about(path: str) -> About:
    with tempfile.TemporaryDirectory(prefix="tracetool-") as folder:
        options = ["-M", "none", "-S", "-display", "none", "-nodefaults"]
        try:
            with emulator(path, options, Path(folder) / "qemu.txt") as running:
                release = running.control.execute("query-version")["qemu"]
                architecture = running.control.execute("query-target")["arch"]
                machines = running.control.execute("query-machines")
                executable = running.executable()
                running.quit()
        except EmulatorError as error:
            words = f"does not answer as a QEMU does: {error}; name a {PREFIX}... program"
            raise EmulatorError(f"{path}: {words}") from error
    version = ".".join(str(release[part]) for part in ("major", "minor", "micro"))
    names = {machine.get(key) for machine in machines for key in ("name", "alias")} - {None}
    behaviour = behaviour_of_qemu(version) or Behaviour.UNDETERMINED
    default = next((machine["name"] for machine in machines if machine.get("is-default")), None)
    return About(path, version, architecture, frozenset(names), behaviour, default, executable)
