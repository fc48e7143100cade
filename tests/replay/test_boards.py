"""Which board has which flash."""

from __future__ import annotations

import pytest

from replay.boards import DEFAULT_LIMIT, boards, boards_with
from replay.geometry import MAX_REGION, Geometry

VIRT_IDS = (0x89, 0x18, 0, 0)


@pytest.mark.parametrize(
    ("board", "device", "geometry"),
    [
        ("virt-arm", "virt.flash0", Geometry(64 << 20, 256 << 10, 4, 2, ids=VIRT_IDS)),
        ("virt-arm", "virt.flash1", Geometry(64 << 20, 256 << 10, 4, 2, ids=VIRT_IDS)),
        ("virt-riscv", "virt.flash1", Geometry(32 << 20, 256 << 10, 4, 2, ids=VIRT_IDS)),
        ("sbsa-ref", "sbsa.flash0", Geometry(256 << 20, 256 << 10, 4, 2, ids=VIRT_IDS)),
        ("versatilepb", "versatile.flash", Geometry(64 << 20, 256 << 10, 4, ids=VIRT_IDS)),
        ("gumstix", "connext.rom", Geometry(16 << 20, 128 << 10, 2)),
        ("gumstix", "verdex.rom", Geometry(32 << 20, 128 << 10, 2)),
        ("sam460ex", "sam460ex.flash", Geometry(1 << 20, 64 << 10, 1, ids=VIRT_IDS, endian="big")),
        ("malta", "mips_malta.bios", Geometry(4 << 20, 64 << 10, 4)),
        ("xtfpga", "xtfpga.io.flash", None),
        ("omap-sx1", "omap_sx1.flash0-1", None),
    ],
)
def test_the_geometry_of_a_board(board: str, device: str, geometry: Geometry | None) -> None:
    assert boards()[board].geometry(device) == geometry


@pytest.mark.parametrize(
    ("board", "device", "image", "size", "known"),
    [
        ("pc", "system.flash0", 528 << 10, 528 << 10, True),
        ("pc", "system.flash0", 4097, 8192, True),
        ("pc", "system.flash1", None, DEFAULT_LIMIT, False),
        ("virt-loongarch", "virt.flash0", None, 16 << 20, False),
        ("virt-loongarch", "virt.flash1", 64 << 20, 16 << 20, True),
        ("virt-loongarch", "virt.flash1", 1 << 20, 1 << 20, True),
        ("virt-arm", "virt.flash1", 768 << 10, 64 << 20, True),
    ],
)
def test_where_the_image_decides_the_size(board: str, device: str, image: int | None, size: int, known: bool) -> None:
    geometry = boards()[board].geometry(device, image)
    assert geometry is not None
    assert (geometry.size, geometry.size_known) == (size, known)


def test_a_device_of_another_name_is_like_the_boards_first() -> None:
    board = boards()["virt-arm"]
    assert board.geometry("some.flash") == board.geometry("virt.flash0")


def test_boards_with_a_device_begin_with_the_most_usual() -> None:
    assert [board.name for board in boards_with("virt.flash1")] == ["virt-arm", "virt-riscv", "virt-loongarch"]
    assert [board.name for board in boards_with("system.flash0")] == ["pc"]
    assert boards_with("no.such.flash") == []


@pytest.mark.parametrize("name", list(boards()))
def test_every_board_is_whole(name: str) -> None:
    board = boards()[name]
    assert board.name == name
    assert board.sizes
    assert board.code is None or board.code in board.sizes
    assert 0 < board.max_size <= MAX_REGION
    for device in board.sizes:
        geometry = board.geometry(device)
        assert geometry is None or geometry.size % geometry.block == 0


def test_the_guests_processor_decides_the_byte_order_of_some() -> None:
    assert [board.name for board in boards().values() if board.cpu_endian] == ["malta", "xtfpga"]
    assert {board.code for board in boards().values() if board.code} == {
        "virt.flash0",
        "sbsa.flash0",
        "system.flash0",
    }
