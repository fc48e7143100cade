from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virt.firmware.varstore.edk2 import Edk2VarStore

from tests.captures import capture_path
from tracetool.bundled import sample
from tracetool.images import load_image
from tracetool.uefi.variables import State
from tracetool.uefi.varstore import VariableStore, find_variable_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MIB = 1 << 20
IMAGES = (
    "aavmf-first-boot/flash1-after.fd.zst",
    "aavmf-reclaim/flash1-before.fd.zst",
    "aavmf-reclaim/flash1-after.fd.zst",
    "aavmf-rfc-v2/flash1-after.fd.zst",
    "aavmf-shell-padding/flash1-before.fd.zst",
    "aavmf-shell-padding/flash1-after.fd.zst",
    "aavmf-who/flash1-after.fd.zst",
    "aavmf-who/smm-flash1-after.fd.zst",
    "ovmf-first-boot/flash1-after.fd.zst",
)
STORE = load_image(sample("aavmf-shell-padding/flash1-after.fd.zst"), limit=64 * MIB)[: 768 << 10]


def store_in(image: NDArray[np.uint8]) -> VariableStore:
    found = find_variable_store(image)
    assert found is not None
    return found


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.first_quick
def test_variables_are_those_that_virt_firmware_finds(name: str, tmp_path: Path) -> None:
    image = load_image(capture_path(name), limit=64 * MIB)
    path = tmp_path / "flash.fd"
    image.tofile(path)
    logging.disable()
    theirs = {str(v.name): (str(v.guid), int(v.attr), bytes(v.data)) for v in Edk2VarStore(path).get_varlist().values()}
    logging.disable(logging.NOTSET)
    # It merges variables of equal names: the last one counts.
    ours = {
        variable.name: (str(variable.guid), variable.header.attributes, variable.data)
        for variable in store_in(image).variables
        if variable.header.state == State.ADDED
    }
    assert ours == theirs


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capture_path("powercut/cases.json").read_text())["cases"]
    return found


def test_variables_after_a_power_cut_are_those_that_the_firmware_took_up() -> None:
    kept = 0
    for case in cases():
        store = find_variable_store(load_image(capture_path(f"powercut/{case['image']}"), limit=MIB))
        for said in case["firmware"].values():
            if said["outcome"] != "kept":
                continue
            assert store is not None
            ours = [
                [name, str(guid), hashlib.sha256(variable.data).hexdigest(), len(variable.data)]
                for (name, guid), variable in store.current.items()
            ]
            assert sorted(ours) == sorted(said["taken_up"]), case["name"]
            kept += 1
    assert kept


def test_a_recovery_waits_where_the_firmware_recovered() -> None:
    for case in cases():
        store = find_variable_store(load_image(capture_path(f"powercut/{case['image']}"), limit=MIB))
        outcomes = {said["outcome"] for said in case["firmware"].values()}
        if store is not None and outcomes <= {"kept", "recovered"}:
            pending = store.queue is not None and store.queue.pending is not None
            assert pending == ("recovered" in outcomes), case["name"]


def test_every_copy_has_its_offset_and_state() -> None:
    hello = [v.header for v in store_in(STORE).variables if v.name == "Hello"]
    assert [(header.offset, header.state) for header in hello] == [
        (0x894, State.DELETED_AFTER_TRANSITION),
        (0x8E0, State.DELETED),
    ]


@pytest.mark.parametrize("start", [0x1000, 0x40000, 0x300000])
def test_a_store_is_decoded_wherever_it_begins(start: int) -> None:
    image = np.full(4 * MIB, 0xFF, np.uint8)
    image[start : start + len(STORE)] = STORE
    there, here = store_in(image), store_in(STORE)
    assert there.start == start
    assert [v.header.offset - start for v in there.variables] == [v.header.offset for v in here.variables]
    assert there.current.keys() == here.current.keys()
    assert there.free_bytes == here.free_bytes


def test_a_damaged_volume_header_hides_no_variable() -> None:
    image = STORE.copy()
    image[0x20] ^= 1
    found = store_in(image)
    assert found.volume is None
    assert found.current.keys() == store_in(STORE).current.keys()


def test_an_abandoned_header_hides_nothing_behind_it() -> None:
    image = STORE.copy()
    whole = store_in(image)
    image[whole.variables[3].header.offset + 2] = State.UNWRITTEN
    torn = store_in(image)
    # Its name and data stand where the next header should: the list ends there, as it does for the driver.
    assert [v.header.offset for v in torn.variables] == [v.header.offset for v in whole.variables[:4]]
    assert torn.variables[3].header.end == whole.variables[3].header.offset + 60
    assert torn.tail_erased is False


@settings(max_examples=300, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_any_bytes_give_a_store_or_none(data: st.DataObject) -> None:
    image = STORE.copy()
    for _ in range(data.draw(st.integers(1, 8), "edits")):
        at = data.draw(st.integers(0, 0x1000) | st.integers(0, len(image) - 1), "at")
        length = data.draw(st.sampled_from((1, 2, 4, 60, 4096)), "length")
        part = image[at : at + length]
        part[:] = np.frombuffer(data.draw(st.binary(min_size=len(part), max_size=len(part)), "bytes"), np.uint8)
    found = find_variable_store(image[: data.draw(st.integers(0, len(image)), "cut")])
    if found is not None:
        offsets = [v.header.offset for v in found.variables]
        assert offsets == sorted(set(offsets))
        assert found.free_bytes >= 0
