from __future__ import annotations

import gc
from weakref import ref

import pytest

from tests.tracetool.uefi.boot.images import (
    AAVMF,
    AAVMF_2025,
    DATA_BYTES,
    FIRST,
    NAME_BYTES,
    OVMF,
    STATE,
    damaged,
    variable,
    whole,
)
from tracetool.uefi.boot import Boot, Firmware, Rule, boot
from tracetool.uefi.variables import State

BOTH = pytest.mark.parametrize("firmware", [AAVMF, OVMF], ids=lambda firmware: firmware.name)
END = len(whole(AAVMF)[: AAVMF.store_bytes].rstrip(b"\xff")) + 3 & ~3
"""Where the list ends."""


def names(found: Boot) -> list[str]:
    return [variable.name for variable in found.taken_up]


def with_more(firmware: Firmware, *more: bytes) -> bytearray:
    image = whole(firmware)
    added = b"".join(more)
    image[END : END + len(added)] = added
    return image


ALL = names(boot(whole(AAVMF), AAVMF))


@BOTH
def test_a_new_variable_counts_from_its_last_state_on(firmware: Firmware) -> None:
    new = variable("New", b"12345678")
    for state, count in ((0xFF, 17), (0x7F, 17), (0x3F, 18), (0x3E, 18), (0x3D, 17), (0x3C, 17)):
        raw = bytearray(new)
        raw[STATE] = state
        assert len(boot(with_more(firmware, bytes(raw)), firmware).taken_up) == count, hex(state)


@BOTH
def test_any_part_of_a_new_variable_s_header_hides_none_of_the_others(firmware: Firmware) -> None:
    new = variable("New", b"12345678", state=State.UNWRITTEN)
    for length in range(0, len(new), 4):
        found = boot(with_more(firmware, new[:length]), firmware)
        assert (found.outcome, names(found)) == ("kept", ALL), length


def test_a_header_that_was_abandoned_costs_its_own_length() -> None:
    new = variable("New", b"12345678")
    found = boot(with_more(AAVMF, variable("Torn", b"", state=State.UNWRITTEN)[:60], new), AAVMF)
    assert names(found) == [*ALL, "New"]
    assert Rule.V3 in found.rules
    no_sizes = bytearray(variable("Torn", b"")[:60])
    no_sizes[DATA_BYTES : DATA_BYTES + 4] = b"\xff" * 4
    no_sizes[STATE] = State.HEADER_VALID
    assert names(boot(with_more(AAVMF, bytes(no_sizes), new), AAVMF)) == [*ALL, "New"]


def test_an_update_that_was_cut_keeps_the_old_value_or_has_the_new_one() -> None:
    def data(*copies: tuple[int, bytes]) -> list[bytes]:
        more = [variable("Twice", value, state=state) for state, value in copies]
        return [found.data for found in boot(with_more(AAVMF, *more), AAVMF).taken_up if found.name == "Twice"]

    assert data((0x3E, b"old"), (0x7F, b"new")) == [b"old"]
    assert data((0x3E, b"old"), (0x3F, b"new")) == [b"new"]
    assert data((0x3F, b"old"), (0x3E, b"new")) == [b"old"]
    assert data((0x3F, b"old"), (0x3F, b"new")) == [b"old"]
    assert data((0x3E, b"old"), (0x3E, b"new")) == [b"old"]


@BOTH
def test_bytes_behind_the_list_have_the_store_reclaimed(firmware: Firmware) -> None:
    hidden, moved = variable("Hidden", b"1"), variable("Moved", b"2", state=State.IN_DELETED_TRANSITION)
    found = boot(with_more(firmware, moved, bytes(4), hidden), firmware)
    assert names(found) == [*ALL, "Moved"]
    assert Rule.V5 in found.rules
    following = boot(found.image, firmware)
    assert sorted(names(following)) == sorted(names(found))
    assert Rule.V5 not in following.rules
    states = {copy.header.state for copy in following.taken_up}
    assert states == {State.ADDED}
    queue = firmware.working + 32
    assert (found.image[queue], found.image[queue + 40], found.image[queue + 80]) == (0xF8, 0xF9, 0xFF)


@BOTH
def test_nothing_behind_the_list_leaves_the_store_alone(firmware: Firmware) -> None:
    assert Rule.V5 not in boot(with_more(firmware, variable("New", b"1")), firmware).rules


@BOTH
@pytest.mark.parametrize("state", [State.ADDED, State.IN_DELETED_TRANSITION])
def test_a_current_copy_beyond_the_store_ends_every_boot(firmware: Firmware, state: int) -> None:
    image = damaged(whole(firmware), FIRST + DATA_BYTES, b"\0\0\4\0")
    image[FIRST + STATE] = state
    found = boot(image, firmware)
    assert (found.outcome, found.for_good, found.rules[-1]) == ("hung", True, Rule.V6)


@pytest.mark.parametrize("state", [State.HEADER_VALID, State.DELETED, State.DELETED_AFTER_TRANSITION])
def test_another_copy_beyond_the_store_ends_the_list(state: int) -> None:
    image = damaged(whole(AAVMF), FIRST + DATA_BYTES, b"\0\0\4\0")
    image[FIRST + STATE] = state
    found = boot(image, AAVMF)
    assert (found.outcome, names(found)) == ("kept", [])


def test_a_copy_that_is_too_long_swallows_what_follows() -> None:
    data = (AAVMF.store_bytes - END - 200).to_bytes(4, "little")
    raw = bytearray(variable("Big", b""))
    raw[DATA_BYTES : DATA_BYTES + 4] = data
    found = boot(with_more(AAVMF, bytes(raw), variable("Hidden", b"1")), AAVMF)
    assert names(found) == [*ALL, "Big"]
    assert {Rule.V7, Rule.V8} <= set(found.rules)


@pytest.mark.parametrize(("spared", "reclaims"), [(0x2800, False), (0x2800 - 4, True)])
def test_a_nearly_full_store_is_reclaimed_at_ready_to_boot(spared: int, reclaims: bool) -> None:
    room = AAVMF.store_bytes - END - spared
    filler = variable("F", b"\1" * (room - 64))
    image = with_more(AAVMF, filler)
    found = boot(image, AAVMF)
    assert (Rule.V8 in found.rules) == reclaims
    assert (found.image != image) == reclaims
    following = boot(found.image, AAVMF)
    assert names(following) == names(found) == [*ALL, "F"]
    assert Rule.V8 not in following.rules
    assert set(found.image[AAVMF.spare :]) == {0xFF}


def test_a_store_full_of_current_variables_is_reclaimed_at_every_boot() -> None:
    filler = variable("F", b"\1" * (AAVMF.store_bytes - END - 0x100))
    first = boot(with_more(AAVMF, filler), AAVMF)
    second = boot(first.image, AAVMF)
    queue = AAVMF.working + 32
    assert Rule.V8 in first.rules
    assert Rule.V8 in second.rules
    assert first.image[: AAVMF.store_bytes] == second.image[: AAVMF.store_bytes]
    assert [second.image[queue + 80 * number] for number in range(3)] == [0xF8, 0xF8, 0xFF]
    assert (first.image[queue], first.image[queue + 80]) == (0xF8, 0xFF)


def test_a_rewrite_that_was_cut_loses_what_was_not_rewritten() -> None:
    """Newer AAVMF formats a store whose last variable is cut in header or name."""
    image = whole(AAVMF)
    counts, newer = [], []
    for end in range(0x80, END, 0x80):
        cut = bytes(image[:end]).ljust(AAVMF.store_bytes, b"\xff") + image[AAVMF.store_bytes :]
        found = boot(cut, AAVMF)
        assert found.outcome == "kept"
        counts.append(len(found.taken_up))
        assert len(set(names(found)) - set(ALL)) <= 1
        newer.append(str(boot(cut, AAVMF_2025).outcome))
    assert counts[0] <= 1
    assert counts[-1] >= 16
    assert set(newer) == {"kept", "reformatted"}


def test_data_that_were_cut_are_remarked_on() -> None:
    assert Rule.V7 not in boot(whole(AAVMF), AAVMF).rules
    raw = variable("Cut", b"0123456789abcdef0123456789abcdef")
    found = boot(with_more(AAVMF, raw[:-16]), AAVMF)
    assert found.taken_up[-1].data == b"0123456789abcdef" + b"\xff" * 16
    assert [step.words for step in found.steps if step.rule == Rule.V7]
    nameless = boot(with_more(AAVMF, raw[:60]), AAVMF)
    assert "without a name" in next(step.words for step in nameless.steps if step.rule == Rule.V7)


@pytest.mark.parametrize("field", [NAME_BYTES, DATA_BYTES])
def test_a_rewrite_torn_in_a_size_hangs(field: int) -> None:
    raw = bytearray(variable("Torn", b"1234"))
    raw[field + 2 :] = b"\xff" * (len(raw) - field - 2)
    image = with_more(AAVMF, bytes(raw))
    if field == NAME_BYTES:  # the size of the data was not begun: the header is an abandoned one
        assert boot(image, AAVMF).outcome == "kept"
    else:
        found = boot(image, AAVMF)
        assert (found.outcome, found.for_good) == ("hung", True)
        assert boot(image, AAVMF_2025).outcome == "reformatted"


def test_a_boot_that_nobody_asks_for_its_flash_leaves_nothing_behind() -> None:
    """A sweep makes a hundred thousand of them, and the command line collects no cycles meanwhile."""
    image = with_more(AAVMF, variable("F", b"\1" * (AAVMF.store_bytes - END - 0x100)))
    gc.disable()
    try:
        found = boot(image, AAVMF)
        left = ref(found._contents)  # noqa: SLF001  what would be left
        assert Rule.V8 in found.rules
        del found
        assert left() is None
    finally:
        gc.enable()
