from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.captures import case_path
from tests.tracetool.uefi.stores import flash_image, header
from tracetool.bundled import sample
from tracetool.images import load_image
from tracetool.uefi.store import find_store, occupied_end
from tracetool.uefi.volume import WORKING_GUID

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
STORE = load_image(sample("aavmf-first-boot/flash1-after.fd.zst"), limit=64 * MIB)[: 768 << 10]


@pytest.mark.parametrize("start", [0, 0x1000, 0x40000, 0x300000, 0x340000])
def test_a_store_is_found_at_any_block(start: int, tmp_path: Path) -> None:
    image = load_image(flash_image(tmp_path / "flash", 4 * MIB, store=start), limit=4 * MIB)
    found = find_store(image)
    assert found is not None
    assert (found.start, found.end) == (start, start + 0xC0000)


@pytest.mark.parametrize("start", [0x800, 0x348000])
def test_what_lies_between_blocks_or_beyond_the_end_is_no_store(start: int, tmp_path: Path) -> None:
    image = flash_image(tmp_path / "flash", 4 * MIB, store=start)
    assert find_store(load_image(image, limit=4 * MIB)) is None


def test_the_first_store_counts_and_not_its_copy_in_the_spare_blocks() -> None:
    image = STORE.copy()
    image[0x80000:0xC0000] = image[:0x40000]
    found = find_store(image)
    assert found is not None
    assert found.start == 0
    image[:0x40000] = 0xFF  # power went while the first block was erased: the copy is all there is
    assert find_store(image) is None


def test_a_store_behind_a_volume_of_code_is_found() -> None:
    found = find_store(load_image(case_path("sbsa-store-at-3M.before.fd.zst"), limit=256 * MIB))
    assert found is not None
    assert (found.start, found.end) == (0x300000, 0x3C0000)


def test_blank_bytes_are_nobodys_unless_a_volume_has_them() -> None:
    image = np.full(MIB, 0xFF, np.uint8)
    assert occupied_end(image) == 0
    image[MIB // 2 :] = 0
    assert occupied_end(image) == 0
    image[0x1234] = 0x5A
    assert occupied_end(image) == 0x1235
    code = header(guid=bytes(range(16)), fv_length=0x30000)
    image[0x4000 : 0x4000 + len(code)] = np.frombuffer(code, np.uint8)
    assert occupied_end(image) == 0x34000
    assert WORKING_GUID not in code
