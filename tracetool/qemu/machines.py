"""How each board is started so that its flash can be driven: `machines.toml` as objects."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from replay.boards import boards
from replay.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["Flash", "MachineType", "Slot", "machine_type_of", "machine_types", "package_of"]


@dataclass(frozen=True)
class Flash:
    """One flash device: its name, where it begins in the guest's address space, and what it is.

    One that only secure code can reach is not driven: qtest is none.
    """

    name: str
    address: int
    geometry: Geometry
    read_only: bool = False
    secure: bool = False


@dataclass(frozen=True)
class Slot:
    """One drive unit of a machine: the device behind it, and what the machine says of it where the board does not.

    `address` None: below the unit before it. `size` and `block` in bytes, None where the board has them.
    """

    device: str
    address: int | None
    size: int | None = None
    block: int | None = None
    secure: bool = False


@dataclass(frozen=True)
class MachineType:
    """One machine: its `-M` option, the architectures whose QEMU has it, its flash by drive unit.

    Where slots have no address, devices lie one below the other downwards from `top`. `turns_image`: the board turns
    the bytes of each word of the image round while it loads it.
    """

    name: str
    board: str
    option: str
    architectures: tuple[str, ...]
    slots: tuple[Slot, ...]
    top: int = 0
    big_endian: bool = False
    turns_image: bool = False

    def geometry(self, device: str, image_bytes: int | None = None) -> Geometry | None:
        """What a device is here, by its board or by the machine itself; None: it cannot be said."""
        board = boards()[self.board]
        found = board.geometry(device, image_bytes)
        slot = next(slot for slot in self.slots if slot.device == device)
        if found is None and slot.size is not None and slot.block is not None:
            return Geometry(slot.size, slot.block, board.bank_width, board.chip_width, endian=board.endian)
        return found

    def flashes(self, geometries: Mapping[str, Geometry], read_only: Collection[str] = ()) -> tuple[Flash, ...]:
        """Give the devices that have a geometry, in the order of their units, where they begin then."""
        found = []
        below = self.top
        for slot in self.slots:
            if slot.device not in geometries:
                continue
            geometry = geometries[slot.device]
            below -= geometry.size
            address = below if slot.address is None else slot.address
            found.append(Flash(slot.device, address, geometry, slot.device in read_only, slot.secure))
        return tuple(found)


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("tracetool.qemu").joinpath("machines.toml").read_text(encoding="utf-8"))


@cache
def machine_types() -> dict[str, MachineType]:
    """Every machine that can be driven, by name."""
    return {name: _machine_type(name, row) for name, row in _data()["machines"].items()}


def _machine_type(name: str, row: dict[str, Any]) -> MachineType:
    bases = boards()[row["board"]].bases
    slots = (Slot(**{"address": bases[entry["device"]], **entry}) for entry in row["flash"])
    rest = {key: value for key, value in row.items() if key not in ("flash", "architectures")}
    return MachineType(name=name, slots=tuple(slots), architectures=tuple(row["architectures"]), **rest)


def machine_type_of(name: str, architecture: str) -> MachineType | None:
    """Give the machine that a QEMU of an architecture calls so, with or without a release; None: not known.

    `virt-7.2`, `pc-q35-7.2` and a distribution's `virt-rhel9.4.0` are `virt` and `q35`.
    """
    of_pc = re.sub(r"^pc-(?=q35)|(?<=^pc)-i440fx", "", name)
    bare = re.sub(r"-(?:\d|rhel|[a-z]+$).*$", "", of_pc)
    for option in (name, of_pc, bare):
        for machine in machine_types().values():
            if machine.option == option and architecture in machine.architectures:
                return machine
    return None


def package_of(architecture: str) -> str | None:
    """Give the Debian package that brings the QEMU of an architecture; None: not known."""
    package: str | None = _data()["packages"].get(architecture)
    return package
