from __future__ import annotations

import pytest

from tests.tracetool.analysis.test_history import DEVICE, history, padding
from tests.tracetool.traces import reader
from tracetool.analysis.history import History, history_of
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.bundled import sample
from tracetool.errors import UsageError
from tracetool.viewmodel.hex_model import Against, HexModel, TornFlash, known_contents, patterns

PLACE = 0x100000


def replayed_boot() -> History:
    """The first boot, without the contents before it."""
    device = replay_readers([reader(sample("aavmf-first-boot/trace.log.zst"))], Options(journal=True)).devices[DEVICE]
    return history(device)


def model() -> HexModel:
    return HexModel(history(padding()))


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_nearest_of_several_spellings_is_found() -> None:
    found = model()
    wanted = patterns("BootOrder")
    first = found.find(wanted, 0, forward=True)
    assert first is not None
    assert found.snapshot.read(first, 4).data.tobytes() == b"B\0o\0"
    assert found.find(wanted, first + 1, forward=False) == first
    assert found.find(patterns("nobody wrote this"), 0, forward=True) is None


def test_a_device_that_was_not_replayed_has_no_moments() -> None:
    assert history_of(None, [])() is None


def test_a_byte_of_the_store_is_named_by_its_structure_at_the_moment() -> None:
    found = HexModel(history(padding()), store_start=0)
    assert not found.decoded
    assert found.structures_in(0x690, 0x6A0) == ""
    found.take_store(found.decode())
    assert found.structures_in(0x690, 0x6A0).endswith("header of BootOrder · state of BootOrder")
    assert found.structures_in(0x6A0, 0x6B0) == "│"
    assert found.byte_words(0x69A) == "0x069a: 3f │ state of BootOrder"
    assert found.byte_words(PLACE) == "0x100000: 40, 00 at the moment before"
    assert found.byte_words(0x8E2).endswith(" │ state of Hello")
    found.go(0)
    assert not found.decoded
    found.take_store(found.decode())
    assert found.byte_words(0x8E2).endswith(" │ free space")


def test_a_row_has_the_bytes_compared_with_beside_its_own() -> None:
    found = model()
    row = found.row(found.line_of(PLACE))
    assert (row.before[:4], row.data[:4]) == ((0, 0, 0, 0), (0x40, 0x00, 0x40, 0x00))
    assert found.row(found.line_of(0x690)).before == found.row(found.line_of(0x690)).data


def test_the_changes_of_a_byte_are_gone_through() -> None:
    found = model()
    found.go(0)
    seen = []
    while found.step_of(0x8E2, 0x8E3, forward=True):
        seen.append(found.row(found.line_of(0x8E2)).data[2])
    assert seen == [0xFF, 0x7F, 0x3F, 0x3D][-len(seen) :]
    assert found.step_of(0x8E2, 0x8E3, forward=False)


@pytest.mark.slow
def test_contents_that_are_not_known_cannot_be_written() -> None:
    found = model()
    assert len(known_contents(found.snapshot)) == 64 << 20
    boot = HexModel(replayed_boot())
    with pytest.raises(UsageError, match="bytes are not known, the first at 0x"):
        known_contents(boot.snapshot)


def test_a_torn_flash_is_no_moment_and_is_left_by_going_to_one() -> None:
    found = model()
    found.show_torn(TornFlash(0, 4370, PLACE - 16, b"\x11" * 24, "cut at event 4,370"))
    assert found.where(several=False) == "no moment of the trace: cut at event 4,370"
    assert found.changed == [(PLACE - 16, PLACE + 8)]
    assert found.row(found.line_of(PLACE)).data[:9] == (0x11,) * 8 + (0,)
    assert found.byte_words(PLACE) == "0x100000: 11, 00 at the moment before"
    found.compare(Against.START)
    assert (PLACE - 16, PLACE + 8) in found.changed
    assert found.changed == sorted(found.changed)
    assert found.changed[0][0] < PLACE - 16
    assert found.step(forward=True)
    assert found.where(several=False) == "change 55 of 55: event 4,370"
    assert found.row(found.line_of(PLACE)).data[:4] == (0x40, 0x00, 0x40, 0x00)
    found.show_torn(TornFlash(0, 4370, PLACE, b"\x11", "cut"))
    assert found.step(forward=False)
    assert found.position == 54
    assert found.torn is None
