from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.captures import capture_path
from tests.tracetool.uefi.boot.images import (
    AAVMF,
    AAVMF_2025,
    FIRST,
    OVMF,
    OVMF_SMM,
    damaged,
    pending,
    reclaimed,
    whole,
)
from tracetool.images import load_image
from tracetool.uefi.boot import FIRMWARES, Boot, Firmware, Outcome, Rule, boot

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = pytest.mark.parametrize("firmware", [AAVMF, OVMF], ids=lambda firmware: firmware.name)


def told(found: Boot) -> tuple[str, bool, int]:
    return found.outcome.value, found.for_good, len(found.taken_up)


def taken_up(found: Boot) -> list[list[object]]:
    return sorted(
        [variable.name, str(variable.guid), hashlib.sha256(variable.data).hexdigest(), len(variable.data)]
        for variable in found.taken_up
    )


def cases() -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    for case in json.loads(capture_path("powercut/cases.json").read_text())["cases"]:
        for name, seen in case["firmware"].items():
            yield case, name, seen


def test_real_firmware_did_with_each_image_what_the_model_says() -> None:
    count = 0
    for case, name, seen in cases():
        found = boot(load_image(capture_path(f"powercut/{case['image']}"), limit=1 << 20).data, FIRMWARES[name])
        assert (found.outcome, found.for_good) == (seen["outcome"], seen.get("for_good", False)), case["name"]
        assert taken_up(found) == sorted(seen.get("taken_up", [])), case["name"]
        assert found.measured
        count += 1
    assert count == 30


@pytest.mark.parametrize("firmware", FIRMWARES.values(), ids=FIRMWARES)
def test_a_whole_store_is_kept_and_nothing_is_written(firmware: Firmware) -> None:
    image = whole(firmware)
    found = boot(image, firmware)
    assert told(found) == ("kept", False, 17)
    assert found.image == image
    assert not any(step.words for step in found.steps)


@pytest.mark.parametrize("firmware", FIRMWARES.values(), ids=FIRMWARES)
def test_what_lies_behind_the_volume_does_not_matter(firmware: Firmware) -> None:
    image = whole(firmware)
    assert boot(image + bytes(4096), firmware).steps == boot(image, firmware).steps


@BOTH
@pytest.mark.parametrize("value", [0x00, 0xFF], ids=["zeros", "erased"])
def test_the_boot_after_a_format_is_sound_on_aavmf_alone(firmware: Firmware, value: int) -> None:
    found = boot(bytes([value]) * firmware.volume_bytes, firmware)
    if firmware is AAVMF:
        assert told(found) == ("reformatted", False, 0)
        assert told(boot(found.image, firmware)) == ("kept", False, 0)
    else:
        assert told(found) == (("ignored", False, 0) if not value else ("hung", True, 0))


@pytest.mark.slow
def test_aavmf_recovers_before_it_reads() -> None:
    """Once the headers of the target are whole, nothing is lost."""
    new = reclaimed(AAVMF)
    for end in range(0x5C, 0x900, 4):
        found = boot(pending(AAVMF, target=new[:end]), AAVMF)
        assert told(found) == ("recovered", False, 17), hex(end)
        assert found.image[: len(new)] == new
        assert told(boot(found.image, AAVMF)) == ("kept", False, 17)
    assert told(boot(pending(AAVMF), AAVMF)) == ("recovered", False, 17)


def test_aavmf_formats_target_and_spare_where_the_headers_are_not_whole() -> None:
    new = reclaimed(AAVMF)
    for end in range(0, 0x5C, 4):
        assert told(boot(pending(AAVMF, target=new[:end]), AAVMF)) == ("reformatted", False, 0), hex(end)


def test_a_variable_cut_in_header_or_name_costs_the_spare_on_newer_aavmf() -> None:
    new = reclaimed(AAVMF)
    seen = {boot(pending(AAVMF_2025, target=new[:end]), AAVMF_2025).outcome for end in range(FIRST, 0x900, 4)}
    assert seen == {Outcome.RECOVERED, Outcome.REFORMATTED}


def test_ovmf_knows_what_it_read_before_the_recovery() -> None:
    """The first update lands where memory has the end of the list: the boot after that has lost all behind it."""
    new = reclaimed(OVMF)
    every = boot(pending(OVMF, target=new), OVMF).taken_up
    for count, end in enumerate([FIRST, *(variable.header.end for variable in every[:-1])]):
        found = boot(pending(OVMF, target=new[:end]), OVMF)
        assert (found.outcome, found.rules[-1]) == (Outcome.RECOVERED, Rule.O1)
        assert found.taken_up == every[:count]
        following = boot(found.image, OVMF)
        assert (following.outcome, following.taken_up) == (Outcome.KEPT, every[:count])
        assert Rule.V5 in following.rules


def test_ovmf_loses_nothing_where_it_saw_bytes_behind_the_list() -> None:
    new = reclaimed(OVMF)
    found = boot(pending(OVMF, target=new[: FIRST + 1]), OVMF)
    assert told(found) == ("recovered", False, 17)
    assert Rule.V5 in found.rules
    torn = bytearray(new[:FIRST].ljust(OVMF.store_bytes, b"\xff"))
    torn[0x2FF0] = 0
    assert told(boot(pending(OVMF, target=bytes(torn)), OVMF)) == ("recovered", False, 17)


def test_ovmf_with_the_old_layout_in_memory_hangs_for_good() -> None:
    found = boot(pending(OVMF), OVMF)
    assert told(found) == ("hung", True, 0)
    assert found.rules[-1] == Rule.O2


def test_ovmf_hangs_once_where_the_store_header_is_not_whole() -> None:
    new = reclaimed(OVMF)
    for end in range(0x48, 0x5E):
        found = boot(pending(OVMF, target=new[:end]), OVMF)
        assert told(found) == ("hung", False, 0), hex(end)
        assert told(boot(found.image, OVMF)) == ("kept", False, 17)
    assert told(boot(pending(OVMF, target=new[:0x47]), OVMF)) == ("hung", True, 0)


def test_ovmf_recovers_a_whole_target_without_loss() -> None:
    found = boot(pending(OVMF, target=reclaimed(OVMF)), OVMF)
    assert told(found) == ("recovered", False, 17)
    assert Rule.O5 in found.rules
    assert found.image[OVMF.spare :] == b"\x80\0" * (OVMF.spare_bytes // 2)
    assert found.image[OVMF.working : OVMF.spare] == OVMF.queue_header.ljust(OVMF.working_bytes, b"\xff")


def test_ovmf_with_smm_finds_the_spare_before_it_reads() -> None:
    """As eight boots of a build with SMM did: spare complete, volume header alone, headers alone, a quarter."""
    new = reclaimed(OVMF_SMM)
    for target in (None, new[:0x48], new[:FIRST], new[: len(new) // 4]):
        found = boot(pending(OVMF_SMM, target=target), OVMF_SMM)
        assert told(found) == ("recovered", False, 17)
        assert found.measured
        assert not {rule for rule in found.rules if rule.startswith("O")}
        assert found.image[: len(new)] == new
        assert told(boot(found.image, OVMF_SMM)) == ("kept", False, 17)


@pytest.mark.parametrize("first", [b"\xff" * 0x1000, b"\xff" * 0x40000], ids=["first block", "all"])
def test_ovmf_with_smm_does_not_survive_the_erase_of_its_first_block(first: bytes) -> None:
    image = pending(OVMF_SMM)
    image[: len(first)] = first
    found = boot(image, OVMF_SMM)
    assert told(found) == ("hung", True, 0)
    assert found.rules[0] == Rule.F2


def test_what_no_build_with_smm_was_seen_doing_is_not_called_measured() -> None:
    behind = whole(OVMF_SMM)
    behind[OVMF_SMM.store_bytes - 1] = 0
    found = boot(behind, OVMF_SMM)
    assert Rule.V5 in found.rules
    assert not found.measured
    assert boot(behind, OVMF).measured
    absent = boot(bytes(OVMF_SMM.volume_bytes), OVMF_SMM)
    assert (told(absent), absent.measured) == (("hung", True, 0), False)
    longer = damaged(whole(OVMF_SMM), 0x58, b"\xff\xff\x7f")
    assert (told(boot(longer, OVMF_SMM)), boot(longer, OVMF_SMM).rules[-1]) == (("hung", True, 0), Rule.F5)


def edited(data: st.DataObject, image: bytearray, firmware: Firmware) -> bytearray:
    places = st.integers(0, 0x900) | st.integers(0, 0x90).map(firmware.working.__add__) | st.integers(0, len(image) - 1)
    for _ in range(data.draw(st.integers(0, 6), "edits")):
        at = data.draw(places, "at")
        part = data.draw(st.binary(min_size=1, max_size=64), "bytes")
        image[at : at + len(part)] = part
    return image


@settings(max_examples=50)
@given(st.sampled_from([AAVMF_2025, OVMF]), st.data())
@pytest.mark.slow
def test_a_boot_does_not_depend_on_the_one_before_it(firmware: Firmware, data: st.DataObject) -> None:
    empty = firmware.headers.ljust(firmware.volume_bytes, b"\xff")
    images, alone = [whole(firmware)], []
    for _ in range(3):
        images.append(edited(data, images[-1].copy(), firmware))
    for image in images:
        boot(empty, firmware)
        alone.append(boot(image, firmware))
    for image, expected in zip(images, alone, strict=True):
        found = boot(image, firmware)
        assert (found.steps, found.taken_up) == (expected.steps, expected.taken_up)


@settings(max_examples=200)
@given(st.sampled_from(list(FIRMWARES.values())), st.booleans(), st.data())
@pytest.mark.slow
def test_any_bytes_have_an_answer(firmware: Firmware, waiting: bool, data: st.DataObject) -> None:
    image = edited(data, pending(firmware) if waiting else whole(firmware), firmware)
    found = boot(image[: data.draw(st.integers(0, len(image)) | st.just(len(image)), "length")], firmware)
    assert len(found.image) == firmware.volume_bytes
    assert not found.for_good or found.outcome is Outcome.HUNG
    assert bool(found.taken_up) <= (found.outcome in (Outcome.KEPT, Outcome.RECOVERED))
