from __future__ import annotations

import numpy as np
import pytest

from replay.columns import JournalKind
from tests.tracetool.uefi.test_store_timeline import recorded, timeline
from tracetool.bundled import sample
from tracetool.images import load_image
from tracetool.uefi.structures import structure_at, structures_of
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


@pytest.mark.parametrize("name", ["aavmf-first-boot", "aavmf-shell-padding"])
@pytest.mark.slow
def test_a_byte_that_an_event_changed_belongs_to_what_the_full_decode_finds_there_after_it(name: str) -> None:
    """But for headers whose sizes are not written yet: there the full decode does not know what comes."""
    before, changes = recorded(name)
    data, compared = bytearray(before), 0
    for change in changes:
        end = change.offset + len(change.after)
        if end > len(data):
            continue
        places = [at for at in range(change.offset, end) if data[at] != change.after[at - change.offset]]
        data[change.offset : end] = change.after
        found = find_variable_store(np.frombuffer(bytes(data), np.uint8))
        if found is None or found.header is None or change.kind == JournalKind.ERASE:
            continue
        structure = structures_of(timeline(name), (0, change.seq))
        begun = {copy.header.offset for copy in found.variables if copy.header.abandoned}
        for at in places:
            words = structure_at(found, at)
            inside = next((v for v in found.variables if v.header.offset <= at < v.header.end), None)
            if inside is None or inside.header.offset in begun or words is None or "\uffff" in words:
                continue
            assert structure(at) == words, (change.seq, hex(at))
            compared += 1
    assert compared > 1000


def test_an_erase_names_what_was_there_before() -> None:
    erase = next(
        change for change in recorded("aavmf-first-boot")[1] if change.kind == JournalKind.ERASE and change.seq > 2000
    )
    structure = structures_of(timeline("aavmf-first-boot"), (0, erase.seq))
    assert structure(0x64) == "header of CustomMode"
    assert structure(0x66) == "state of CustomMode"
    assert structure(0x20000) == "free space"
    assert structures_of(None, (0, erase.seq))(0x64) is None
    assert structures_of(timeline("aavmf-first-boot"), (0, erase.seq + 1))(0x64) is None
