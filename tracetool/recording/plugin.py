"""The plugin in a recorded QEMU that logs which guest code made each access to the flash."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tracetool.errors import UsageError
from tracetool.qemu.machines import machine_type_of
from tracetool.qemu.option_syntax import doubled
from tracetool.who.build import built_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.qemu.about import About
    from tracetool.recording.arguments import CommandLine
    from tracetool.runs.run import Run

__all__ = ["WHO_LOG", "plugin_for", "plugin_options"]

WHO_LOG = "who.log"
"""Name of the plugin's log in a run directory."""

_PATIENCE_S = 60
_EMULATOR = "tcg"


def plugin_for(line: CommandLine, about: About) -> Path:
    """The compiled plugin for a QEMU.

    Raises:
        UsageError: with these options no plugin sees the guest's accesses; says what to change.
        MissingDependencyError: there is no C compiler.
    """
    if line.accelerator not in (None, _EMULATOR):
        raise UsageError(
            f"--who: with {line.accelerator} the processor runs the guest's code itself, and no plugin sees it; "
            f"give -accel {_EMULATOR} in its place"
        )
    if machine_type_of(line.machine or about.default_machine or "", about.architecture) is None:
        raise UsageError(
            f"--who: at which addresses the machine {line.machine or about.default_machine} has its flash is not known"
        )
    if not _takes_plugins(about.path):
        raise UsageError(f"--who: {about.name} was built without plugins (it has no option -plugin); give another QEMU")
    return built_plugin()


def _takes_plugins(program: str) -> bool:
    try:
        command = [program, "-help"]
        said = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return b"\n-plugin " in said.stdout


def plugin_options(plugin: Path, run: Run, log: Path) -> list[str]:
    """QEMU's options for the plugin, which is told where the machine has its flash.

    Raises:
        UsageError: that is not known.
    """
    kind = machine_type_of(run.machine or "", run.architecture or "")
    ranges = []
    if kind is not None:
        sizes = {flash.name: flash.before.bytes for flash in run.flashes if flash.name and flash.before}
        geometries = {name: kind.geometry(name, size) for name, size in sizes.items()}
        known = {name: geometry for name, geometry in geometries.items() if geometry is not None}
        flashes = kind.flashes(known)
        ranges = [f"range={found.name}:{found.address:x}:{found.address + found.geometry.size:x}" for found in flashes]
    if not ranges:
        raise UsageError(f"--who: at which addresses the machine {run.machine} has its flash is not known")
    return ["-plugin", ",".join([doubled(str(plugin)), f"out={doubled(str(log))}", *ranges])]
