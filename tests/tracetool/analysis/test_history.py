from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.backing import Policy
from replay.columns import Target
from tests.replay.programs import rewound
from tests.tracetool.logs import log
from tests.tracetool.traces import reader
from tracetool.analysis.contents import contents_of
from tracetool.analysis.history import History
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.bundled import sample
from tracetool.viewmodel.folding import ROW_BYTES, folded_rows

if TYPE_CHECKING:
    from tracetool.analysis.device import Device

DEVICE = "virt.flash1"
BLOCK = 0x40000
PADDING = 0x100000


@cache
def padding() -> Device:
    """The sample that writes to the padding, with the contents before it."""
    options = Options(journal=True, images={DEVICE: sample("aavmf-shell-padding/flash1-before.fd.zst")})
    return replay_readers([reader(sample("aavmf-shell-padding/trace.log.zst"))], options).devices[DEVICE]


def history(device: Device) -> History:
    found = device.history()
    assert found is not None
    return found


@cache
def many(budget: int) -> History:
    """Some thousand programs and erases over a few blocks."""
    made = log(DEVICE).reset()
    for number in range(900):
        offset = number * 0x1F04 % (6 * BLOCK) // 4 * 4
        made = made.erase(offset) if number % 97 == 0 else made.program(offset, 0x10001 * number)
    device = replay_readers([reader(made.text)], Options(journal=True)).devices[DEVICE]
    machine = device.machine
    assert machine is not None
    return History(machine.journal, machine.storage(), machine.storage_mask, 1, BLOCK, budget=budget)


def test_the_write_to_the_padding_is_seen_and_taken_away_again() -> None:
    found = history(padding())
    after = found.position(0, 4370)
    assert found.event(after) == (0, 4370)
    assert found.snapshot(after).read(PADDING, 4).data.tobytes() == bytes.fromhex("40004000")
    before = found.previous(after)
    assert before is not None
    assert found.snapshot(before).read(PADDING, 4).data.tobytes() == bytes(4)
    assert found.changed(before, after) == [(PADDING, PADDING + 1), (PADDING + 2, PADDING + 3)]
    assert found.next(before) == after


@pytest.mark.slow
def test_every_moment_is_what_the_journal_says() -> None:
    device, found = padding(), history(padding())
    machine = device.machine
    assert machine is not None
    for position in range(len(found) + 1):
        event = found.event(position)
        seq = -1 if event is None else event[1]
        then = rewound(machine.journal, machine.storage(), seq, Target.STORAGE)
        snapshot = found.snapshot(found.position(0, seq))
        assert np.array_equal(snapshot.read(0, 5 * BLOCK).data, then[: 5 * BLOCK])


@given(position=st.integers(0, 900))
@pytest.mark.slow
def test_with_less_memory_the_pictures_are_the_same(position: int) -> None:
    rich, poor = many(1 << 30), many(1)
    assert len(poor._keyframes) < len(rich._keyframes)  # noqa: SLF001
    one, other = rich.snapshot(position), poor.snapshot(position)
    for number in range(6):
        assert np.array_equal(one.block(number).data, other.block(number).data)
        assert np.array_equal(one.block(number).known, other.block(number).known)


def test_keyframes_keep_to_their_budget_about() -> None:
    frames = many(8 << 20)._keyframes  # noqa: SLF001
    arrays = {id(array): array for frame in frames.values() for block in frame.values() for array in block}
    assert sum(array.nbytes for array in arrays.values()) < (8 << 20) + 2 * 6 * 2 * BLOCK


def test_keyframes_share_the_mask_of_a_block_in_which_nothing_becomes_known() -> None:
    frames = list(history(padding())._keyframes.values())  # noqa: SLF001
    assert len(frames) > 1
    assert {len({id(frame[number].known) for frame in frames}) for number in frames[0]} == {1}
    assert max(len({id(frame[number].data) for frame in frames}) for number in frames[0]) > 1


def test_what_nobody_wrote_is_not_known() -> None:
    found = many(1 << 30)
    assert not found.snapshot(0).read(0, 4).known.any()
    assert found.snapshot(len(found)).block(0).known.all()


@pytest.mark.slow
def test_steps_go_through_every_change_and_end() -> None:
    found = many(1 << 30)
    position, steps = 0, 0
    while (after := found.next(position)) is not None:
        assert found.previous(after) == position
        commit = found.commit(after)
        assert commit is not None
        assert all(commit.offset <= start < end <= commit.end for start, end in found.changed(position, after))
        position, steps = after, steps + 1
    assert position == len(found)
    assert steps > 800
    assert found.previous(0) is None
    assert found.commit(0) is None


def test_moments_of_several_boots_follow_each_other() -> None:
    boot = log(DEVICE).reset().program(0, 0x10001)
    devices = replay_readers([reader(boot.text), reader(boot.program(4, 1).text)], Options(journal=True)).devices
    found = history(devices[DEVICE])
    assert [found.event(position) for position in range(1, len(found) + 1)] == [(0, 3), (1, 3), (1, 8)]
    assert found.position(0, 99) == 1
    assert found.position(1, -1) == 1
    assert found.position(1, 3) == 2
    assert found.position(7, 0) == 3


# --- finding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["BootOrder".encode("utf-16-le"), b"_FVH", b"\x40\x00\x40\x00"])
@pytest.mark.slow
def test_bytes_and_text_are_found_in_both_directions(pattern: bytes) -> None:
    snapshot = history(padding()).snapshot(10**9)
    data = snapshot.read(0, len(snapshot)).data.tobytes()
    offset = snapshot.find(pattern)
    assert offset == data.find(pattern) >= 0
    assert snapshot.find(pattern, offset + 1) == (data.find(pattern, offset + 1) if data.count(pattern) > 1 else None)
    assert snapshot.find(pattern, len(data), backwards=True) == data.rfind(pattern)


def test_a_match_may_lie_across_blocks_but_not_in_unknown_bytes() -> None:
    made = log(DEVICE).reset().erase(0).erase(BLOCK).program(BLOCK - 4, 0x44434241).program(BLOCK, 0x48474645)
    device = replay_readers([reader(made.text)], Options(journal=True)).devices[DEVICE]
    snapshot = history(device).snapshot(4)
    assert snapshot.find(b"DEFG") == BLOCK - 1
    assert snapshot.find(b"DEFG", BLOCK) is None
    assert snapshot.find(b"DEFG", BLOCK, backwards=True) == BLOCK - 1
    assert snapshot.find(bytes(8)) is None
    assert snapshot.find(b"") is None


# --- folding -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_padding_is_one_line_but_for_what_was_written_to_it() -> None:
    snapshot = history(padding()).snapshot(10**9)
    folded = folded_rows(snapshot)
    last = folded.sections[-1]
    assert last.folded
    assert (last.start, last.end, last.kind) == (PADDING + ROW_BYTES, 64 << 20, "zeros")
    stretch, offset = folded.at_line(folded.line_of(PADDING))
    assert (stretch.kind, offset) == ("data", PADDING)


def test_lines_and_offsets_agree() -> None:
    folded = folded_rows(history(padding()).snapshot(10**9), [(2 << 20, (2 << 20) + 4)])
    assert folded.at_line(folded.line_of(2 << 20))[0].kind == "data"
    for line in range(folded.lines):
        stretch, offset = folded.at_line(line)
        assert folded.line_of(offset) == line
        assert folded.line_of(min(offset + ROW_BYTES, stretch.end) - 1) == line
    with pytest.raises(IndexError):
        folded.at_line(folded.lines)
    ends = [0, *(stretch.end for stretch in folded.sections)]
    assert ends == [*(stretch.start for stretch in folded.sections), 64 << 20]


def test_a_fold_says_how_much_of_what() -> None:
    folded = folded_rows(history(padding()).snapshot(0))
    assert any(stretch.words == "63.25 MiB zeros" for stretch in folded.sections)


# --- changes of a place ------------------------------------------------------------------------------------------


def test_the_changes_of_a_range_are_those_that_snapshots_show() -> None:
    found = history(padding())
    for start, end in ((0x69A, 0x69B), (0x890, 0x898), (PADDING, PADDING + 4), (0, 0x1000), (0x9000, 0x9001)):
        expected = []
        for position in range(1, len(found) + 1):
            before, after = (found.snapshot(at).read(start, end - start) for at in (position - 1, position))
            if not np.array_equal(before.data, after.data) or not np.array_equal(before.known, after.known):
                expected.append(position)
        forwards, position = [], 0
        while (at := found.next_change(position, start, end, forward=True)) is not None:
            forwards.append(position := at)
        backwards, position = [], len(found) + 1
        while (at := found.next_change(position, start, end, forward=False)) is not None:
            backwards.append(position := at)
        assert forwards == backwards[::-1] == expected


# --- under a policy ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["discard", "volatile", "error"])
@pytest.mark.slow
def test_the_history_under_a_policy_ends_with_what_the_guest_reads_under_it(policy: str) -> None:
    chosen = Policy[policy.upper()]
    images = {DEVICE: sample("aavmf-shell-padding/flash1-before.fd.zst")}
    options = Options(journal=True, images=images, policy=chosen)
    device = replay_readers([reader(sample("aavmf-shell-padding/trace.log.zst"))], options).devices[DEVICE]
    found, recorded = device.policy_history(), device.history()
    assert found is not None
    assert recorded is not None
    end = found.snapshot(len(found)).whole()
    assert end.data.tobytes() == contents_of(device, backing=False).tobytes()
    written = bytes(end.data[PADDING : PADDING + 4])
    assert written == (b"\x40\x00\x40\x00" if policy == "volatile" else bytes(4))
    assert recorded.snapshot(len(recorded)).read(PADDING, 4).data.tobytes() == b"\x40\x00\x40\x00"
    for seq in range(0, 4383, 400):
        inside = [past.snapshot(past.position(0, seq)).read(0, 768 << 10) for past in (found, recorded)]
        assert inside[0].data.tobytes() == inside[1].data.tobytes()


def test_without_a_write_beyond_the_extent_a_policy_has_no_history_of_its_own() -> None:
    options = Options(journal=True, policy=Policy.DISCARD)
    device = replay_readers([reader(sample("aavmf-first-boot/trace.log.zst"))], options).devices[DEVICE]
    assert device.policy_history() is None
