"""Machines whose flash can be driven, from `machines.toml`: how to start them, and where their flash is mapped."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from replay.boards import boards
from replay.geometry import Geometry
from tracetool.qemu.wait_loop import WaitLoop

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["Flash", "MachineType", "Slot", "machine_type_of", "machine_types", "package_of"]


@dataclass(frozen=True)
class Flash:
    """Flash device with its guest address. A `secure` one is reachable only by secure code, which excludes qtest."""

    name: str
    address: int
    geometry: Geometry
    read_only: bool = False
    secure: bool = False


@dataclass(frozen=True)
class Slot:
    """Drive unit of a machine and its device.

    `address` None: directly below the previous unit. `size` and `block` in bytes, None where the board defines them.
    """

    device: str
    address: int | None
    size: int | None = None
    block: int | None = None
    secure: bool = False


@dataclass(frozen=True)
class MachineType:
    """Machine: its `-M` option, the architectures whose QEMU has it, its flash by drive unit.

    Slots without an address are mapped downwards from `top`. `turns_image`: the board swaps the bytes of each word
    while loading the image. `rom`: the board needs `-bios`, which it loads over the flash, and gives it no drive.
    `wait_loop`: of boards whose flash has a timer.
    """

    name: str
    board: str
    option: str
    architectures: tuple[str, ...]
    slots: tuple[Slot, ...]
    top: int = 0
    big_endian: bool = False
    turns_image: bool = False
    rom: bool = False
    wait_loop: WaitLoop | None = None

    def geometry(self, device: str, image_bytes: int | None = None) -> Geometry | None:
        """Return the geometry of a device, from the board or the machine; None if undetermined."""
        board = boards()[self.board]
        found = board.geometry(device, image_bytes)
        slot = next(slot for slot in self.slots if slot.device == device)
        if found is None and slot.size is not None and slot.block is not None:
            return Geometry(slot.size, slot.block, board.bank_width, board.chip_width, endian=board.endian)
        return found

    def flashes(self, geometries: Mapping[str, Geometry], read_only: Collection[str] = ()) -> tuple[Flash, ...]:
        """Return the devices that have a geometry, in unit order, with their addresses."""
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

    def drives(self, flashes: Sequence[Flash], images: Mapping[str, str]) -> list[str]:
        """Return the options of `-drive if=pflash` by unit; `images` are the files by device, commas doubled."""
        if self.rom:
            return []
        return [f"file={images[flash.name]}" + ",readonly=on" * flash.read_only for flash in flashes]

    def others(self, flashes: Sequence[Flash], images: Mapping[str, str]) -> list[str]:
        """Return further options: sectors that are not the board's, and the drive of a board that takes none."""
        found: list[str] = []
        for flash in flashes:
            for number, region in enumerate(flash.geometry.layout):
                for name, value in (("num-blocks", region.sectors), ("sector-length", region.sector)):
                    found += ["-global", f"driver=cfi.pflash02,property={name}{number},value={value}"]
            if self.rom:
                drive = f"if=none,id=flash,format=raw,file={images[flash.name]}" + ",readonly=on" * flash.read_only
                found += ["-bios", images[flash.name].replace(",,", ","), "-drive", drive]
                found += ["-global", "driver=cfi.pflash02,property=drive,value=flash"]
        return found


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("tracetool.qemu").joinpath("machines.toml").read_text(encoding="utf-8"))


@cache
def machine_types() -> dict[str, MachineType]:
    """Load every machine by name."""
    return {name: _machine_type(name, row) for name, row in _data()["machines"].items()}


def _machine_type(name: str, row: dict[str, Any]) -> MachineType:
    bases = boards()[row["board"]].bases
    slots = (Slot(**{"address": bases[entry["device"]], **entry}) for entry in row["flash"])
    rest = {key: value for key, value in row.items() if key not in ("flash", "architectures", "wait_loop")}
    found = MachineType(name=name, slots=tuple(slots), architectures=tuple(row["architectures"]), **rest)
    return replace(found, wait_loop=_wait_loop(**row["wait_loop"])) if "wait_loop" in row else found


def _wait_loop(code: str, at: int, start: int | None = None) -> WaitLoop:
    found = _data()["wait_loops"][code]
    return WaitLoop(tuple(found["code"]), found["width"], at, at if start is None else start)


def machine_type_of(name: str, architecture: str) -> MachineType | None:
    """Look a machine up by the name that a QEMU of this architecture uses; None if unknown.

    Release suffixes are ignored: `virt-7.2`, `pc-q35-7.2` and a distribution's `virt-rhel9.4.0` are `virt` and `q35`.
    """
    of_pc = re.sub(r"^pc-(?=q35)|(?<=^pc)-i440fx", "", name)
    bare = re.sub(r"-(?:\d|rhel|[a-z]+$).*$", "", of_pc)
    for option in (name, of_pc, bare):
        for machine in machine_types().values():
            if machine.option == option and architecture in machine.architectures:
                return machine
    return None


def package_of(architecture: str) -> str | None:
    """Return the Debian package of an architecture's QEMU, None if unknown."""
    package: str | None = _data()["packages"].get(architecture)
    return package
