"""Which machine each board is, as data."""

from __future__ import annotations

import pytest

from replay.boards import boards
from tracetool.qemu.machines import machine_types, package_of


@pytest.mark.parametrize("name", machine_types())
def test_a_machine_is_of_a_known_board_and_has_its_devices(name: str) -> None:
    machine = machine_types()[name]
    board = boards()[machine.board]
    assert {slot.device for slot in machine.slots} <= set(board.sizes)
    for slot in machine.slots:
        assert machine.top or slot.address is not None
        assert machine.geometry(slot.device, 1 << 20) is not None
    assert all(package_of(architecture) for architecture in machine.architectures)


def test_a_board_s_devices_that_lie_where_its_image_says_lie_below_each_other() -> None:
    machine = machine_types()["q35"]
    sizes = {"system.flash0": 8192, "system.flash1": 4096}
    geometries = {name: found for name, size in sizes.items() if (found := machine.geometry(name, size))}
    first, second = machine.flashes(geometries, {"system.flash0"})
    assert (first.address, second.address) == (0x100000000 - 8192, 0x100000000 - 8192 - 4096)
    assert (first.read_only, second.read_only) == (True, False)
