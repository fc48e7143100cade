from __future__ import annotations

from tracetool.bundled import sample
from tracetool.images import load_image
from tracetool.uefi.regions import nv_regions

STORE = bytes(load_image(sample("aavmf-first-boot/flash1-after.fd.zst"), limit=64 << 20)[: 768 << 10])


def regions(data: bytes) -> list[tuple[str, int, int]]:
    return [(f.name, f.start, f.end) for f in nv_regions(lambda at, length: data[at : at + length], limit=64 << 20)]


def test_the_parts_of_a_variable_store_have_names() -> None:
    assert regions(STORE) == [
        ("variables", 0, 0x40000),
        ("FTW working", 0x40000, 0x80000),
        ("FTW spare", 0x80000, 0xC0000),
    ]


def test_a_store_that_is_not_formatted_yet_is_one_region() -> None:
    assert regions(STORE[:0x48] + b"\xff" * (len(STORE) - 0x48)) == [("variable store", 0, 0xC0000)]
    half = STORE[:0x40000] + b"\xff" * (len(STORE) - 0x40000)
    assert regions(half) == [("variables", 0, 0x40000), ("fault tolerant write", 0x40000, 0xC0000)]


def test_a_flash_without_a_store_has_no_regions() -> None:
    assert regions(bytes(1 << 20)) == []
    assert nv_regions(lambda _at, _length: None, limit=64 << 20) == []


def test_an_event_log_before_the_working_block_is_named() -> None:
    moved = STORE[:0x40000] + b"\xff" * 0x1000 + STORE[0x40000:0x40020] + b"\xff" * (0xC0000 - 0x41020)
    assert regions(moved)[1] == ("event log", 0x40000, 0x41000)
