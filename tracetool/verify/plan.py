"""Plan of a real device: the machine with the flash of the trace, and known differences from the recorded one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from replay.boards import boards
from replay.geometry import GeometryError
from tracetool.errors import UsageError
from tracetool.qemu.machines import machine_types
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replay.geometry import Geometry
    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed
    from tracetool.qemu.about import About
    from tracetool.qemu.machines import Flash, MachineType

__all__ = ["Part", "Plan", "plan_for"]


@dataclass(frozen=True)
class Part:
    """Traced device on the real machine.

    `caveats` are known differences between the two in words; with any, a difference in behaviour proves nothing.
    """

    device: Device
    flash: Flash
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Machine to start, its flash by drive unit, and the driven devices by their name in the trace.

    `left_out` has the reason for each device that is not driven.
    """

    about: About
    machine: MachineType
    flashes: tuple[Flash, ...]
    parts: Mapping[str, Part]
    left_out: Mapping[str, str] = field(default_factory=dict)


def plan_for(replayed: Replayed, about: About) -> Plan:
    """Find a machine of this QEMU with the traced devices.

    Raises:
        UsageError: this QEMU has none, or the options fit none; names the options to give.
    """
    if not about.names_devices:
        raise UsageError(
            f"--qemu-binary {about.path}: QEMU {about.version} does not name its devices; give 6.0 or later"
        )
    left_out = {name: reason for name, device in replayed.devices.items() if (reason := _unfit(device))}
    fit = {name: device for name, device in replayed.devices.items() if name not in left_out}
    if not fit:
        raise UsageError(f"--qemu-binary: no device of the trace can be driven: {'; '.join(left_out.values())}")
    machine = _machine(fit, about)
    names = {name: machine.slots[0].device if device.nameless else name for name, device in fit.items()}
    geometries = _geometries(machine, {names[name]: device for name, device in fit.items()})
    flashes = machine.flashes(geometries, {names[name] for name, device in fit.items() if device.read_only})
    placed = {flash.name: flash for flash in flashes}
    secure = {name for name in fit if placed[names[name]].secure}
    left_out |= dict.fromkeys(secure, "only secure code reaches it, and the bus is driven from outside")
    parts = {
        name: Part(device, placed[names[name]], tuple(_caveats(device, machine)))
        for name, device in fit.items()
        if name not in secure
    }
    return Plan(about, machine, flashes, parts, left_out)


def _unfit(device: Device) -> str:
    """Return why a device cannot be driven on any machine, empty if it can."""
    if device.machine is None:
        return f"{device.name} was not replayed: its geometry is not known, give --board or --geometry"
    if device.machine.chip.sectors.untimed:
        return f"when erases of {device.name} ended is not in the trace: record pflash_timer_expired, too"
    board = device.identity.board if device.identity is not None else None
    if board is None:
        return f"which board {device.name} is of is not known, give --board"
    if device.nameless and len(boards()[board].sizes) > 1:
        return "the trace names no devices (QEMU before 6.0), and the board has several"
    return ""


# --- the machine -------------------------------------------------------------------------------------------------


def _machine(devices: Mapping[str, Device], about: About) -> MachineType:
    """Return the first machine of the board that this QEMU has with all the devices."""
    wanted = {device.identity.board for device in devices.values() if device.identity is not None}
    if len(wanted) > 1:
        names = ", ".join(sorted(map(str, wanted)))
        raise UsageError(f"--qemu-binary: the trace's devices are of several boards, {names}; use --device")
    (board,) = wanted
    of_board = [machine for machine in machine_types().values() if machine.board == board]
    if not of_board:
        raise UsageError(f"--qemu-binary: how to start the board {board} is not known")
    needed = {name for name, device in devices.items() if not device.nameless}
    for machine in of_board:
        here = about.architecture in machine.architectures and machine.option in about.machines
        if here and needed <= {slot.device for slot in machine.slots} and _fits(machine, devices):
            return machine
    programs = sorted({f"qemu-system-{machine.architectures[0]}" for machine in of_board})
    raise UsageError(
        f"--qemu-binary {about.path}: this QEMU ({about.architecture}) has no machine with {', '.join(devices)} of the "
        f"board {board}; give {' or '.join(programs)}, or another --board"
    )


def _fits(machine: MachineType, devices: Mapping[str, Device]) -> bool:
    """True if size and byte order of the devices match this variant."""
    for slot in machine.slots:
        device = devices.get(slot.device)
        geometry = None if device is None or device.machine is None else device.machine.config.geometry
        if geometry is None:
            continue
        if slot.size is not None and slot.size != geometry.size:
            return False
        if boards()[machine.board].cpu_endian and (geometry.endian == "big") != machine.big_endian:
            return False
    return True


def _geometries(machine: MachineType, devices: Mapping[str, Device]) -> dict[str, Geometry]:
    """Return the geometry of each unit: that of the trace, else of the board."""
    found: dict[str, Geometry] = {}
    last = max(index for index, slot in enumerate(machine.slots) if slot.device in devices)
    for index, slot in enumerate(machine.slots):
        device = devices.get(slot.device)
        usual = machine.geometry(slot.device)
        if device is not None and device.machine is not None:
            found[slot.device] = _sized(device, device.machine.config.geometry)
        elif usual is not None and usual.size_known:
            found[slot.device] = usual
        elif usual is not None and index < last:
            # Where images decide the size, an unknown unit gets one block, which keeps its place before the next.
            found[slot.device] = usual.resized(usual.block)
    return found


def _sized(device: Device, geometry: Geometry) -> Geometry:
    """Return the geometry; with an unknown size, the fewest blocks that hold all accesses."""
    if geometry.size_known:
        return geometry
    end = device.evidence.highest_end if device.evidence is not None else 0
    end = max(end, device.tally.ends.highest, geometry.block)
    try:
        return geometry.resized(-(-end // geometry.block) * geometry.block)
    except GeometryError as error:
        raise UsageError(f"{device.name}: {error}") from error


# --- known differences -------------------------------------------------------------------------------------------


def _caveats(device: Device, machine: MachineType) -> list[str]:
    """List the known differences between the recorded device and the real one."""
    found = []
    geometry = device.machine.config.geometry if device.machine is not None else None
    if device.image is None and device.tally.totals.writes and not device.read_only:
        found.append(f"its contents before the trace are not known: give --image {device.name}=FILE")
    if geometry is not None and not geometry.size_known:
        found.append(f"its size is not known: give --image {device.name}=FILE")
    if device.recorded.extent is not None:
        extent = format_size(device.recorded.extent)
        found.append(f"it was recorded with an image of {extent}; this QEMU's covers the whole flash")
    if any(notes.adopted_at is not None for notes in device.notes):
        found.append("the trace begins in mid-command, the real device at power-up")
    if machine.turns_image and device.image is not None:
        found.append("the board swaps the bytes of each word while loading the image")
    return found
