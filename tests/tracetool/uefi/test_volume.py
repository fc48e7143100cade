from __future__ import annotations

import pytest

from tests.captures import capture_path
from tests.tracetool.uefi.stores import GUID, header
from tracetool.images import load_image
from tracetool.uefi.volume import HEADER_BYTES, MAX_VOLUME_BYTES, Volume, find_nv_volume

REGION = 64 << 20


@pytest.mark.parametrize(
    ("name", "volume"),
    [
        ("aavmf-first-boot/flash1-after.fd.zst", Volume(0xC0000, 0x48, 0xE36, 256, 0x40000)),
        ("aavmf-shell-padding/flash1-after.fd.zst", Volume(0xC0000, 0x48, 0xE36, 256, 0x40000)),
        ("aavmf-reclaim/flash1-after.fd.zst", Volume(0xC0000, 0x48, 0xE36, 256, 0x40000)),
        ("aavmf-rfc-v2/flash1-after.fd.zst", Volume(0xC0000, 0x48, 0xE36, 256, 0x40000)),
        ("ovmf-first-boot/flash1-after.fd.zst", Volume(0x84000, 0x48, 0x4FEFF, 132, 0x1000)),
    ],
)
def test_real_stores_tell_their_length(name: str, volume: Volume) -> None:
    image = load_image(capture_path(name), limit=REGION)
    assert find_nv_volume(image.data, limit=REGION) == volume


@pytest.mark.parametrize("name", ["aavmf-first-boot/flash1-before.fd.zst", "random-accesses/f1a.after.fd.zst"])
def test_flashes_without_a_store_have_none(name: str) -> None:
    assert find_nv_volume(load_image(capture_path(name), limit=REGION).data) is None


def test_a_built_header_is_found() -> None:
    assert find_nv_volume(header()) == Volume(0xC0000, 0x48, 0xE36, 256, 0x40000)


def test_one_flipped_bit_is_no_header() -> None:
    accepted = []
    for bit in range(HEADER_BYTES * 8):
        raw = bytearray(header())
        raw[bit // 8] ^= 1 << bit % 8
        accepted += [bit] if find_nv_volume(raw) else []
    assert accepted == []


@pytest.mark.parametrize(
    "fields",
    [
        {"zeros": b"\x01" + bytes(15)},
        {"guid": GUID[::-1]},
        {"signature": b"_FVI"},
        {"bytes": 0x40},
        {"end": 1},
        {"fv_length": 0},
        {"fv_length": HEADER_BYTES},
        {"fv_length": MAX_VOLUME_BYTES + 1},
        {"fv_length": 2**64 - 1},
    ],
)
def test_a_right_checksum_does_not_save_a_wrong_field(fields: dict[str, int | bytes]) -> None:
    assert find_nv_volume(header(**fields)) is None


def test_a_volume_longer_than_its_flash_is_none() -> None:
    assert find_nv_volume(header(), limit=0xC0000) is not None
    assert find_nv_volume(header(), limit=0xC0000 - 1) is None


@pytest.mark.parametrize("length", [0, 1, 16, HEADER_BYTES - 1])
def test_a_cut_header_is_none(length: int) -> None:
    assert find_nv_volume(header()[:length]) is None
