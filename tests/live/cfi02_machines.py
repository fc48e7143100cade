"""Boards with a CFI02 flash under test: those of `tracetool.qemu`, and variants in size, sectors and permissions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from replay.boards import boards
from replay.geometry import Region
from tests.requirements import lacking, needed_program
from tracetool.qemu.about import about
from tracetool.qemu.machines import Flash, machine_types, package_of

if TYPE_CHECKING:
    from pathlib import Path

    from replay.geometry import Geometry
    from tracetool.qemu.machines import MachineType

__all__ = ["MACHINES", "Cfi02Machine"]

_BOOT_SECTORS = (Region(8, 8 << 10), Region(126, 64 << 10), Region(8, 8 << 10))


@dataclass(frozen=True)
class Cfi02Machine:
    """One machine with a flash: its kind and program, the flash's address, geometry and mirrors."""

    name: str
    kind: MachineType
    program: str
    device: str
    address: int
    geometry: Geometry
    mirrors: int = 1
    read_only: bool = False

    @property
    def option(self) -> str:
        """Its name for QEMU."""
        return self.kind.option

    def needed(self) -> str:
        """Path of the program; the test is skipped, or fails, where it is missing or lacks the machine."""
        architecture = self.program.removeprefix("qemu-system-")
        path = needed_program(self.program, package_of(architecture) or "qemu-system-misc")
        if self.option not in about(path).machines:
            lacking(f"{about(path).name} has no machine {self.option}")
        return path

    def options(self, image: Path) -> list[str]:
        """Options of QEMU beside the machine: the drive, and other sectors than the board's."""
        flash = Flash(self.device, self.address, self.geometry, self.read_only)
        images = {self.device: str(image)}
        drives = self.kind.drives([flash], images)
        given = [part for drive in drives for part in ("-drive", f"if=pflash,format=raw,{drive}")]
        return [*given, *self.kind.others([flash], images)]


def _machine(
    name: str, kind: str = "", *, size: int | None = None, boot_sectors: bool = False, read_only: bool = False
) -> Cfi02Machine:
    found = machine_types()[kind or name]
    (slot,) = found.slots
    geometry = found.geometry(slot.device, size)
    assert geometry is not None
    assert slot.address is not None
    mirrors = boards()[found.board].mirrors(geometry.size)
    if boot_sectors:
        geometry = replace(geometry, layout=_BOOT_SECTORS, block=min(region.sector for region in _BOOT_SECTORS))
    program = f"qemu-system-{found.architectures[0]}"
    return Cfi02Machine(name, found, program, slot.device, slot.address, geometry, mirrors, read_only)


_TABLE = (
    _machine("zynq"),
    _machine("zynq-read-only", "zynq", read_only=True),
    _machine("musicpal", size=8 << 20),
    _machine("musicpal-16m", "musicpal", size=16 << 20),
    _machine("musicpal-boot-sectors", "musicpal", size=8 << 20, boot_sectors=True),
    _machine("r2d"),
    _machine("r2d-big-endian"),
    _machine("canon-a1100-read-only", "canon-a1100", read_only=True),
)

MACHINES = {machine.name: machine for machine in _TABLE}
