"""The boards of `replay`, compared with the running boards through reads alone."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from replay.cfi import CFI_TABLE_SIZE, cfi_table
from tests.live.machines import MACHINES
from tracetool.errors import EmulatorError
from tracetool.qemu import qtest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.machines import Machine
    from tracetool.qemu.machines import Flash
    from tracetool.qemu.qtest import Bus

pytestmark = pytest.mark.live

DEVICES = [(machine.name, flash.name) for machine in MACHINES.values() for flash in machine.driven]
SIZED_BY_IMAGE = "system."
"""Devices of these names are as long as their image."""


@contextmanager
def _started(machine: Machine, folder: Path, short: str = "") -> Iterator[Bus]:
    """Start a machine with blank images; that of the device `short` is one block too short."""
    drives = []
    for flash in machine.flashes:
        path = folder / f"{flash.name}.fd"
        with path.open("wb") as file:
            file.truncate(flash.geometry.size - (flash.geometry.block if flash.name == short else 0))
        drives.append(f"file={path}" + (",readonly=on" if flash.read_only else ""))
    with qtest.bus(machine.needed(), machine.option, drives, folder) as bus:
        yield bus


class _Probe:
    """Probes one flash as a driver does."""

    def __init__(self, bus: Bus, flash: Flash) -> None:
        self.bus = bus
        self.flash = flash

    def command(self, byte: int) -> None:
        """Send a command to all chips."""
        width = self.flash.geometry.bank_width
        lanes = int.from_bytes(bytes([byte, 0] * 2)[:width], "little")
        self.bus.do([qtest.write(self.flash.address, width, lanes)])

    def read(self, offset: int, size: int) -> int:
        """Read a word."""
        (value,) = self.bus.do([qtest.read(self.flash.address + offset, size)])
        assert value is not None
        return value

    def table(self, entries: int) -> bytes:
        """Read the first entries of the query table, each from its own bank word."""
        width = self.flash.geometry.bank_width
        self.command(0x98)
        answers = bytes(self.read(index * width, 1) for index in range(entries))
        self.command(0xFF)
        return answers


@pytest.mark.parametrize(("machine", "device"), DEVICES)
def test_the_board_answers_as_its_geometry_says(machine: str, device: str, tmp_path: Path) -> None:
    board = MACHINES[machine]
    flash = next(flash for flash in board.driven if flash.name == device)
    geometry = flash.geometry
    with _started(board, tmp_path) as bus:
        probe = _Probe(bus, flash)
        reach = CFI_TABLE_SIZE if geometry.chip_width else min(CFI_TABLE_SIZE, 0x100 // geometry.bank_width)
        table = probe.table(reach)
        assert table == cfi_table(geometry)[:reach]
        blocks = 1 + int.from_bytes(table[0x2D:0x2F], "little")
        chip_block = int.from_bytes(table[0x2F:0x31], "little") << 8
        assert blocks * chip_block * geometry.chips == geometry.size
        _check_identifiers(probe)
        _check_status(probe)


def _check_identifiers(probe: _Probe) -> None:
    geometry = probe.flash.geometry
    first, second, third, fourth = geometry.ids
    probe.command(0x90)
    answers = [probe.read(index * geometry.bank_width, 4) for index in range(3)]
    if geometry.chip_width:
        assert answers == [first * 0x10001, second * 0x10001, 0]
    elif geometry.bank_width == 4:
        assert answers == [first << 8 | second, third << 8 | fourth, 0]
    else:
        # Words of a narrower bank overlap: the device answers a wide read as it answers a narrow one.
        assert answers[0] & 0xFFFF == first << 8 | second
    probe.command(0xFF)


def _check_status(probe: _Probe) -> None:
    probe.command(0x70)
    assert [probe.read(0, size) for size in (1, 2, 4)] == [0x80, 0x80, 0x800080]
    probe.command(0xFF)
    assert probe.read(0, 4) == 0


@pytest.mark.parametrize(
    ("machine", "device"), [(machine, device) for machine, device in DEVICES if not device.startswith(SIZED_BY_IMAGE)]
)
def test_the_board_wants_an_image_of_exactly_this_size(machine: str, device: str, tmp_path: Path) -> None:
    board = MACHINES[machine]
    with pytest.raises(EmulatorError, match=r"requires \d+ bytes"), _started(board, tmp_path, short=device):
        pass
