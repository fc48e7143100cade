"""State of the devices after a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tracetool.explain.names import command_name
from tracetool.findings.trace import difference
from tracetool.report.layout import print_words

if TYPE_CHECKING:
    from rich.console import Console

    from replay.engine import Machine
    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed

__all__ = ["print_state"]


def print_state(replayed: Replayed, console: Console) -> None:
    """Print a line a device: its state, and whether model and trace agree."""
    for name in sorted(replayed.devices):
        device = replayed.devices[name]
        print_words(console, Text.assemble((name, "bold"), f": {_state(device)}"), hang=2)


def _state(device: Device) -> str:
    if device.machine is None:
        return "not replayed"
    machine = device.machine
    words = f"cmd {_command(machine)}, wcycle {machine.wcycle}, status {machine.status:#04x}"
    if not device.is_cfi02:
        words += f", buffered writes {device.behaviour.label}"
    found = device.notes[-1].disagreement
    if found is not None:
        return f"{words}; model and trace disagree at event {found.seq}: {difference(found)}"
    return f"{words}; self-check clean"


def _command(machine: Machine) -> str:
    name = command_name(machine.command, machine.config.geometry.command_set)
    return f"{machine.command:#04x}" + ("" if name == "unknown" else f" ({name})")
