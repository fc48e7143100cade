"""Machines under test: those of `tracetool.qemu`, and variants in size, width and permissions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.requirements import lacking, needed_program
from tracetool.qemu.about import about
from tracetool.qemu.machines import machine_types, package_of

if TYPE_CHECKING:
    from replay.geometry import Geometry
    from tracetool.qemu.machines import Flash, MachineType

UNTIL_9_1 = ("connex", "mainstone", "verdex", "z2")
"""Machines that QEMU has no more. Ref: QEMU, "Removed features", Arm machines removed in 9.2."""


@dataclass(frozen=True)
class Machine:
    """One machine: its program and `-M` option, its flashes by unit, and the byte order of its bus.

    `blank` machines start with a flash of zeros.
    """

    name: str
    program: str
    option: str
    flashes: tuple[Flash, ...]
    big_endian: bool = False
    blank: bool = False

    def needed(self) -> str:
        """Path of the program; the test is skipped, or fails, where it is missing or lacks the machine."""
        architecture = self.program.removeprefix("qemu-system-")
        path = needed_program(self.program, package_of(architecture) or "qemu-system-misc")
        machine = self.option.partition(",")[0]
        found = about(path)
        if machine not in found.machines:
            reason = f"{found.name} has no machine {machine}"
            if machine in UNTIL_9_1 and tuple(map(int, found.version.split("."))) >= (9, 2):
                pytest.skip(reason)
            lacking(reason)
        return path

    @property
    def driven(self) -> tuple[Flash, ...]:
        """Devices that qtest reaches."""
        return tuple(flash for flash in self.flashes if not flash.secure)


def _machine(
    name: str, kind: str = "", *, read_only: tuple[str, ...] = (), sizes: tuple[int, ...] = (), architecture: str = ""
) -> Machine:
    """Machine of a kind, by default the kind of its name; `sizes` where the image decides the size."""
    found = machine_types()[kind or name]
    images = sizes or (None,) * len(found.slots)
    geometries = {
        slot.device: _geometry(found, slot.device, image) for slot, image in zip(found.slots, images, strict=False)
    }
    program = f"qemu-system-{architecture or found.architectures[0]}"
    flashes = found.flashes(geometries, read_only)
    return Machine(name, program, found.option, flashes, found.big_endian, found.turns_image)


def _geometry(kind: MachineType, device: str, image_bytes: int | None) -> Geometry:
    geometry = kind.geometry(device, image_bytes)
    assert geometry is not None
    bus = kind.name.endswith("-big-endian")
    return replace(geometry, endian="big") if bus else geometry


def _pc(name: str, *sizes: int, kind: str = "q35") -> Machine:
    """A PC with flashes of these sizes; the first of two is read-only."""
    return _machine(name, kind, read_only=("system.flash0",) if len(sizes) > 1 else (), sizes=sizes)


_TABLE = (
    _machine("virt-arm", read_only=("virt.flash0",)),
    _machine("virt-arm-writable", "virt-arm", architecture="arm"),
    _machine("sbsa-ref", read_only=("sbsa.flash0",)),
    _machine("vexpress-a9"),
    _machine("vexpress-a15", read_only=("vexpress.flash0",)),
    _machine("versatilepb"),
    _machine("versatilepb-read-only", "versatilepb", read_only=("versatile.flash",)),
    _machine("mainstone", read_only=("mainstone.flash0",)),
    _machine("z2"),
    _machine("collie"),
    _machine("connex"),
    _machine("verdex"),
    _machine("verdex-read-only", "verdex", read_only=("verdex.rom",)),
    _machine("sx1"),
    _machine("sx1-v1"),
    _pc("q35-one-flash", 2 << 20),
    _pc("q35-ovmf", 3653632, 540672),
    _pc("q35-ovmf-2m", 1966080, 131072),
    _pc("q35-small", 64 << 10, 4 << 10),
    _pc("q35-widest", 4 << 20, 4 << 20),
    _pc("pc", 1 << 20, 528 << 10, kind="pc"),
    _machine("virt-riscv", read_only=("virt.flash0",)),
    _machine("petalogix-ml605"),
    _machine("petalogix-s3adsp1800"),
    _machine("virtex-ml507"),
    _machine("sam460ex"),
    _machine("malta"),
    _machine("malta-big-endian"),
    _machine("lx60"),
)

MACHINES = {machine.name: machine for machine in _TABLE}
