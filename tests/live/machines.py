"""The boards that a QEMU on this system can start, and where their flash devices stand."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib.resources import files

import pytest

from replay.boards import boards
from replay.geometry import Geometry
from tests.live.emulator import machines_of
from tests.requirements import needed_program

_PACKAGES = {
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-system-riscv64": "qemu-system-misc",
    "qemu-system-microblaze": "qemu-system-misc",
    "qemu-system-microblazeel": "qemu-system-misc",
    "qemu-system-xtensa": "qemu-system-misc",
    "qemu-system-mips": "qemu-system-mips",
    "qemu-system-mipsel": "qemu-system-mips",
    "qemu-system-ppc": "qemu-system-ppc",
}


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
class Machine:
    """One machine: the program and `-M` that start it, its flashes by unit, and the order of bytes on its bus.

    `blank` machines start with a flash of zeros.
    """

    name: str
    program: str
    option: str
    flashes: tuple[Flash, ...]
    big_endian: bool = False
    blank: bool = False

    def needed(self) -> str:
        """Give the program; the test is skipped (or fails) where it is missing or does not know the machine."""
        path = needed_program(self.program, _PACKAGES[self.program])
        machine = self.option.partition(",")[0]
        if machine not in machines_of(path):
            pytest.skip(f"this {self.program} has no machine {machine}")
        return path

    @property
    def driven(self) -> tuple[Flash, ...]:
        """The devices that qtest reaches."""
        return tuple(flash for flash in self.flashes if not flash.secure)


_DEVICES = json.loads(files("replay").joinpath("boards.json").read_text(encoding="utf-8"))["boards"]


def _flash(board: str, device: str) -> Flash:
    """Give a device as `replay` has it."""
    geometry = boards()[board].geometry(device)
    assert geometry is not None
    return Flash(device, int(_DEVICES[board]["devices"][device]["base"], 16), geometry)


def _two(board: str, name: str, *, read_only: bool = True) -> tuple[Flash, ...]:
    """Give a board's two devices, the first of them read-only."""
    return replace(_flash(board, f"{name}0"), read_only=read_only), _flash(board, f"{name}1")


def _pc(*sizes: int) -> tuple[Flash, ...]:
    """Give the flashes of a PC: the first ends at 4 GiB, the next lies below it; of two, the first is read-only."""
    flashes: list[Flash] = []
    address = 1 << 32
    for unit, size in enumerate(sizes):
        device = f"system.flash{unit}"
        geometry = boards()["pc"].geometry(device, size)
        assert geometry is not None
        address -= size
        flashes.append(Flash(device, address, geometry, read_only=unit == 0 and len(sizes) > 1))
    return tuple(flashes)


def _read_only(flash: Flash) -> Flash:
    return replace(flash, read_only=True)


def _big(flash: Flash) -> Flash:
    return replace(flash, geometry=replace(flash.geometry, endian="big"))


# replay knows these boards' bus, but not their sizes, which differ between variants.
_SX1 = Flash("omap_sx1.flash0-1", 0, Geometry(32 << 20, 128 << 10, 4))
_SX1_V1 = (
    Flash("omap_sx1.flash0-1", 0, Geometry(16 << 20, 128 << 10, 4)),
    Flash("omap_sx1.flash1-1", 0x04000000, Geometry(8 << 20, 128 << 10, 4)),
)
_LX60 = Flash("xtfpga.io.flash", 0xF8000000, Geometry(4 << 20, 64 << 10, 2))

_VERSATILE = _flash("versatilepb", "versatile.flash")
_VERDEX = _flash("gumstix", "verdex.rom")
_MALTA = _flash("malta", "mips_malta.bios")
_SBSA_CODE, _SBSA_VARIABLES = _two("sbsa-ref", "sbsa.flash")

_ARM, _ARM64, _PC = "qemu-system-arm", "qemu-system-aarch64", "qemu-system-x86_64"

_TABLE = (
    Machine("virt-arm", _ARM64, "virt", _two("virt-arm", "virt.flash")),
    Machine("virt-arm-writable", _ARM, "virt", _two("virt-arm", "virt.flash", read_only=False)),
    Machine("sbsa-ref", _ARM64, "sbsa-ref", (replace(_SBSA_CODE, secure=True), _SBSA_VARIABLES)),
    Machine("vexpress-a9", _ARM, "vexpress-a9", _two("vexpress-a9", "vexpress.flash", read_only=False)),
    Machine("vexpress-a15", _ARM, "vexpress-a15", _two("vexpress-a15", "vexpress.flash")),
    Machine("versatilepb", _ARM, "versatilepb", (_VERSATILE,)),
    Machine("versatilepb-read-only", _ARM, "versatilepb", (_read_only(_VERSATILE),)),
    Machine("mainstone", _ARM, "mainstone", _two("mainstone", "mainstone.flash")),
    Machine("z2", _ARM, "z2", (_flash("z2", "z2.flash0"),)),
    Machine("collie", _ARM, "collie", (_flash("collie", "collie.fl1"), _flash("collie", "collie.fl2"))),
    Machine("connex", _ARM, "connex", (_flash("gumstix", "connext.rom"),)),
    Machine("verdex", _ARM, "verdex", (_VERDEX,)),
    Machine("verdex-read-only", _ARM, "verdex", (_read_only(_VERDEX),)),
    Machine("sx1", _ARM, "sx1", (_SX1,)),
    Machine("sx1-v1", _ARM, "sx1-v1", _SX1_V1),
    Machine("q35-one-flash", _PC, "q35", _pc(2 << 20)),
    Machine("q35-ovmf", _PC, "q35", _pc(3653632, 540672)),
    Machine("q35-ovmf-2m", _PC, "q35", _pc(1966080, 131072)),
    Machine("q35-small", _PC, "q35", _pc(64 << 10, 4 << 10)),
    Machine("q35-widest", _PC, "q35", _pc(4 << 20, 4 << 20)),
    Machine("pc", _PC, "pc", _pc(1 << 20, 528 << 10)),
    Machine("virt-riscv", "qemu-system-riscv64", "virt", _two("virt-riscv", "virt.flash")),
    Machine(
        "petalogix-ml605",
        "qemu-system-microblazeel",
        "petalogix-ml605",
        (_flash("petalogix-ml605", "petalogix_ml605.flash"),),
    ),
    Machine(
        "petalogix-s3adsp1800",
        "qemu-system-microblaze",
        "petalogix-s3adsp1800",
        (_flash("petalogix-s3adsp1800", "petalogix_s3adsp1800.flash"),),
        big_endian=True,
    ),
    Machine(
        "virtex-ml507", "qemu-system-ppc", "virtex-ml507", (_flash("virtex-ml507", "virtex.flash"),), big_endian=True
    ),
    Machine("sam460ex", "qemu-system-ppc", "sam460ex", (_flash("sam460ex", "sam460ex.flash"),), big_endian=True),
    # The little-endian board turns the bytes of each word round while it loads the image; zeros stay zeros.
    Machine("malta", "qemu-system-mipsel", "malta", (_MALTA,), blank=True),
    Machine("malta-big-endian", "qemu-system-mips", "malta", (_big(_MALTA),), big_endian=True),
    Machine("lx60", "qemu-system-xtensa", "lx60", (_LX60,)),
)

MACHINES = {machine.name: machine for machine in _TABLE}
