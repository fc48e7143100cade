from __future__ import annotations

import pytest

from tests.tracetool.analysis.test_history import history, padding
from tracetool.analysis.history import history_of
from tracetool.viewmodel.hex_model import Against, HexModel, patterns

PLACE = 0x100000


def model() -> HexModel:
    return HexModel(history(padding()))


def test_it_begins_at_the_end_with_the_last_change_marked() -> None:
    found = model()
    assert found.where(several=False) == "change 55 of 55: event 4,370"
    assert found.first_changed() == PLACE
    row = found.row(found.line_of(PLACE))
    assert row.data[:4] == (0x40, 0x00, 0x40, 0x00)
    assert row.changed[:4] == (True, False, True, False)
    assert found.byte_words(PLACE) == "0x100000: 40, 00 at the moment before"


def test_a_step_back_takes_the_write_away_and_one_on_makes_it_again() -> None:
    found = model()
    assert found.step(forward=False)
    assert found.row(found.line_of(PLACE)).fold.endswith("zeros")
    assert found.step(forward=True)
    assert not found.step(forward=True)
    found.go(0)
    assert not found.step(forward=False)
    assert found.where(several=True) == "before the first of 55 changes"


def test_the_moment_of_an_event_is_just_after_it() -> None:
    found = model()
    found.go_to_event(0, 4369)
    assert found.position == 54
    found.go_to_event(0, 4370)
    assert found.position == 55
    assert found.where(several=True) == "change 55 of 55: event 4,370, trace 0"


def test_comparisons_go_round_and_the_marked_moment_is_one_of_them() -> None:
    found = model()
    seen = []
    for _ in range(3):
        found.next_comparison()
        seen.append(found.against)
    assert seen == [Against.START, Against.END, Against.BEFORE]
    found.go(10)
    found.set_mark()
    assert found.changed == []
    assert found.difference() == "as the marked moment"
    found.go(20)
    assert found.other == 10
    assert "B unlike the marked moment" in found.difference()
    found.next_comparison()
    assert found.against is Against.BEFORE


def test_what_differs_can_be_gone_through() -> None:
    found = model()
    assert found.next_changed(0, forward=True) == PLACE
    assert found.next_changed(PLACE, forward=True) == PLACE + 2
    assert found.next_changed(PLACE + 2, forward=True) is None
    assert found.next_changed(PLACE + 9, forward=False) == PLACE + 2
    assert found.next_changed(0, forward=False) is None


def test_every_line_can_be_shown() -> None:
    found = model()
    for position in (0, 20, 55):
        found.go(position)
        rows = [found.row(line) for line in range(len(found))]
        assert all(bool(row.fold) != bool(row.data) for row in rows)
        assert [row.offset for row in rows] == sorted({row.offset for row in rows})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("40 00 40 00", [b"\x40\x00\x40\x00"]),
        ("0xdeadbeef", [b"\xde\xad\xbe\xef"]),
        ("de:ad", [b"\xde\xad"]),
        ("BootOrder", [b"BootOrder", "BootOrder".encode("utf-16-le")]),
        ('"de ad"', [b"de ad", "de ad".encode("utf-16-le")]),
        ("abc", [b"abc", "abc".encode("utf-16-le")]),
        ("", []),
    ],
)
def test_bytes_and_texts_are_told_apart(text: str, expected: list[bytes]) -> None:
    assert patterns(text) == expected


def test_the_nearest_of_several_spellings_is_found() -> None:
    found = model()
    wanted = patterns("BootOrder")
    first = found.find(wanted, 0, forward=True)
    assert first is not None
    assert found.snapshot.read(first, 4).data.tobytes() == b"B\0o\0"
    assert found.find(wanted, first + 1, forward=False) == first
    assert found.find(patterns("nobody wrote this"), 0, forward=True) is None


def test_a_device_that_was_not_replayed_has_no_moments() -> None:
    device = padding()
    machine, device.machine = device.machine, None
    try:
        assert history_of(device)() is None
    finally:
        device.machine = machine


def test_a_byte_of_the_store_is_named_by_its_structure_at_the_moment() -> None:
    found = HexModel(history(padding()), store_start=0)
    assert found.byte_words(0x69A) == "0x069a: 3f │ state of BootOrder"
    assert found.byte_words(PLACE) == "0x100000: 40, 00 at the moment before"
    assert found.byte_words(0x8E2).endswith(" │ state of Hello")
    found.go(0)
    assert found.byte_words(0x8E2).endswith(" │ free space")
