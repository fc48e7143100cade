"""The plugin in a recorded QEMU that logs which guest code made each access to the flash."""

from __future__ import annotations

import re
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.errors import EmulatorError, UsageError
from tracetool.qemu.emulator import emulator
from tracetool.qemu.machines import machine_type_of
from tracetool.qemu.option_syntax import doubled, split
from tracetool.who.build import built_plugin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.qemu.about import About
    from tracetool.recording.arguments import CommandLine
    from tracetool.runs.run import Run

__all__ = ["WHO_LOG", "plugin_for", "plugin_options"]

WHO_LOG = "who.log"
"""Name of the plugin's log in a run directory."""

_PATIENCE_S = 60
_MOST_RANGES = 16
"""Ranges that the plugin takes."""

_MAPPED = re.compile(
    r"^ +(?P<first>[0-9a-f]{16})-(?P<last>[0-9a-f]{16}) \(prio -?\d+, romd\): (?P<name>[^\s@,:]+)", re.MULTILINE
)
_Range = tuple[str, int, int]
"""Name of a flash, and the guest-physical addresses that it is mapped at, the end exclusive."""
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


def plugin_options(plugin: Path, run: Run, folder: Path, log: Path) -> list[str]:
    """QEMU's options for the plugin, which is told where the machine has its flash.

    Args:
        plugin: the compiled plugin.
        run: the run, which has copies of its flash images in `folder`.
        folder: its directory.
        log: the file that the plugin writes.

    Raises:
        UsageError: the machine has no flash.
        EmulatorError: a machine that is not known does not start, so that its memory map cannot be read.
    """
    ranges = _known_ranges(run) or _mapped_ranges(run, folder)
    if not ranges:
        raise UsageError(f"--who: the machine {run.machine} has no flash in its memory map")
    options = [f"range={name}:{start:x}:{end:x}" for name, start, end in ranges[:_MOST_RANGES]]
    return ["-plugin", ",".join([doubled(str(plugin)), f"out={doubled(str(log))}", *options])]


def _known_ranges(run: Run) -> list[_Range]:
    """Flashes of a known machine."""
    kind = machine_type_of(run.machine or "", run.architecture or "")
    if kind is None:
        return []
    sizes = {flash.name: flash.before.bytes for flash in run.flashes if flash.name and flash.before}
    geometries = {name: kind.geometry(name, size) for name, size in sizes.items()}
    flashes = kind.flashes({name: geometry for name, geometry in geometries.items() if geometry is not None})
    return [(found.name, found.address, found.address + found.geometry.size) for found in flashes]


def _memory_map(program: str, options: Sequence[str]) -> str:
    with (
        tempfile.TemporaryDirectory(prefix="tracetool-") as place,
        emulator(program, options, Path(place, "qemu.txt")) as running,
    ):
        text: str = running.control.execute("human-monitor-command", **{"command-line": "info mtree -f"})
        running.quit()
        return text


def _mapped_ranges(run: Run, folder: Path) -> list[_Range]:
    """Flashes in the memory map of the machine, which is started for that with the images of its flashes, and paused.

    Ref: QEMU's monitor command `info mtree -f`: a flash that shows its array is mapped as a ROM device (romd), by the
    name that its trace events have.
    """
    options = ["-S", "-display", "none", "-nodefaults"]
    for option, value in pairwise(run.command):
        if option.lstrip("-") in ("M", "machine", "cpu", "m") and option.startswith("-"):
            kept = [part for part in split(value) if not part.startswith("pflash")]
            options += [option, ",".join(map(doubled, kept))]
    for flash in run.flashes:
        if flash.before is not None and flash.before.file is not None:
            image = doubled(str((folder / flash.before.file).absolute()))
            options += ["-drive", f"if=pflash,unit={flash.unit},format=raw,snapshot=on,file={image}"]
    try:
        text = _memory_map(run.program, options)
    except EmulatorError as error:
        raise EmulatorError(f"--who: the memory map of the machine {run.machine} cannot be read: {error}") from error
    found = [(match["name"], int(match["first"], 16), int(match["last"], 16) + 1) for match in _MAPPED.finditer(text)]
    return list(dict.fromkeys(found))
