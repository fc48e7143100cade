from __future__ import annotations

import pytest

from tracetool.bundled import sample
from tracetool.images import load_image
from tracetool.uefi.structures import structure_at
from tracetool.uefi.varstore import VariableStore, find_variable_store


def store() -> VariableStore:
    image = load_image(sample("aavmf-shell-padding/flash1-after.fd.zst"), limit=64 << 20)
    found = find_variable_store(image)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (0x0, "volume header"),
        (0x47, "volume header"),
        (0x48, "store header"),
        (0x63, "store header"),
        (0x64, "header of CustomMode"),
        (0x698 + 2, "state of BootOrder"),
        (0x698 + 60, "name of BootOrder"),
        (0x698 + 60 + 20, "data of BootOrder"),
        (0x3FFFF, "free space"),
        (0x40000, "FTW working block header"),
        (0x40020, "FTW queue"),
        (0x80000, "FTW spare"),
        (0xC0000, None),
    ],
)
def test_each_byte_of_the_volume_belongs_to_a_structure(offset: int, words: str | None) -> None:
    assert structure_at(store(), offset) == words
