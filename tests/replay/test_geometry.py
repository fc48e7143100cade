"""Size and bus of a flash."""

from __future__ import annotations

import pytest

from replay.geometry import MAX_REGION, Geometry, GeometryError


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((0, 512, 1, 0, 0), "size 0 is not between 1 and 4294967296"),
        ((-512, 512, 1, 0, 0), "size -512 is not between"),
        ((MAX_REGION + 512, 512, 1, 0, 0), "size 4294967808 is not between"),
        ((4096, 0, 1, 0, 0), r"not a whole number of blocks of 0 \(a multiple of 512\)"),
        ((4096, -512, 1, 0, 0), "not a whole number of blocks of -512"),
        ((4096, 256, 1, 0, 0), "not a whole number of blocks of 256"),
        ((4096, 1536, 1, 0, 0), "size 4096 is not a whole number of blocks of 1536"),
        ((4096, 512, 0, 0, 0), "bank width 0 is not one of 1, 2, 4, 8"),
        ((4096, 512, 3, 0, 0), "bank width 3"),
        ((4096, 512, 16, 0, 0), "bank width 16"),
        ((4096, 512, 4, 3, 0), "chip width 3 does not fit a bank of 4"),
        ((4096, 512, 2, 4, 0), "chip width 4 does not fit a bank of 2"),
        ((4096, 512, 4, 2, 1), "maximum chip width 1 is below the chip width 2"),
        ((4096, 512, 4, 2, 3), "maximum chip width 3"),
    ],
)
def test_what_no_flash_can_be_is_refused(arguments: tuple[int, int, int, int, int], complaint: str) -> None:
    with pytest.raises(GeometryError, match=complaint):
        Geometry(*arguments)


@pytest.mark.parametrize(
    ("bank", "chip", "widest", "chips", "widest_chip", "window"),
    [
        (1, 0, 0, 1, 0, 256),
        (1, 1, 0, 1, 1, 256),
        (2, 0, 0, 1, 0, 2048),
        (4, 0, 0, 1, 0, 2048),
        (4, 2, 0, 2, 2, 4096),
        (4, 1, 2, 4, 2, 8192),
        (8, 8, 8, 1, 8, 2048),
        (8, 1, 0, 8, 1, 16384),
    ],
)
def test_what_follows_from_the_widths(
    bank: int, chip: int, widest: int, chips: int, widest_chip: int, window: int
) -> None:
    geometry = Geometry(0x10000, 0x1000, bank, chip, widest)
    assert (geometry.chips, geometry.widest_chip, geometry.window) == (chips, widest_chip, window)


def test_the_extremes_are_geometries() -> None:
    assert Geometry(MAX_REGION, MAX_REGION, 1).size == 1 << 32
    assert Geometry(512, 512, 8).size == 512


def test_resizing_keeps_the_bus() -> None:
    geometry = Geometry(0x10000, 0x1000, 4, 2, 4, "big", (1, 2, 3, 4))
    assert geometry.resized(0x2000, known=False) == Geometry(0x2000, 0x1000, 4, 2, 4, "big", (1, 2, 3, 4), False)  # noqa: FBT003
    assert geometry.resized(0x2000).size_known
    with pytest.raises(GeometryError):
        geometry.resized(0x2001)
