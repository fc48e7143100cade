"""The journal gives the contents at every moment."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.backing import Backing, Policy
from replay.behaviour import Behaviour
from replay.columns import JournalKind, RowKind, Target
from replay.engine import Config, Machine
from replay.geometry import Geometry
from tests.replay.programs import (
    GEOMETRIES,
    MACHINE_RESET,
    RESET,
    VIRT,
    Event,
    feed,
    newest_first,
    programs,
    replayed,
    rewound,
    write,
)
from tests.replay.reference import Reference

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject
    from numpy.typing import NDArray

    from replay.journal import Journal
    from tests.replay.programs import Access

BEHAVIOURS = (Behaviour.DIRECT, Behaviour.STAGED_AT_COUNT, Behaviour.STAGED_AT_DATA)
BLANK = np.zeros(VIRT.size, np.uint8)
BOTH = Target.STORAGE | Target.BACKING


class Copy:
    """Contents and what is known of them, brought forward by the journal alone."""

    def __init__(self, image: NDArray[np.uint8] | None, size: int) -> None:
        self.bytes = np.zeros(size, np.uint8) if image is None else image.copy()
        self.known = np.full(size, image is not None)

    def apply(self, journal: Journal, target: Target, after: int = -1, up_to: int | None = None) -> None:
        """Do the changes of `target` with `after` < seq <= `up_to`; each must find what it says was there."""
        for change in journal:
            if not change.target & target or change.seq <= after or (up_to is not None and change.seq > up_to):
                continue
            span = slice(change.offset, change.offset + change.length)
            assert change.length == len(change.before) == len(change.after) > 0
            # Where a row speaks of both, the two are equal.
            assert self.known[span].tobytes() == change.before_known.tobytes()
            assert np.array_equal(self.bytes[span][change.before_known], change.before[change.before_known])
            if change.kind != JournalKind.FORGET:
                self.bytes[span] = change.after
            self.known[span] = change.after_known

    def matches(self, contents: bytes | bytearray, known: bytes | bytearray) -> bool:
        """Whether the known bytes are these."""
        expected, size = np.frombuffer(contents, np.uint8), len(contents)
        mask = self.known[:size]
        return mask.tobytes() == bytes(known) and np.array_equal(self.bytes[:size][mask], expected[mask])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.slow
def test_forwards_it_gives_the_contents_after_every_access(data: DataObject) -> None:
    geometry = data.draw(st.sampled_from(GEOMETRIES), "geometry")
    policy = data.draw(st.sampled_from((Policy.PADDED, Policy.VOLATILE, Policy.DISCARD)), "policy")
    extent = None if policy == Policy.PADDED else data.draw(st.integers(0, 3), "blocks") * geometry.block
    behaviour = data.draw(st.sampled_from(BEHAVIOURS), "behaviour")
    image = data.draw(st.sampled_from((None, np.arange(geometry.size).astype(np.uint8))), "image")
    backing = Backing(extent, policy)
    reference = Reference(geometry, behaviour, image=None if image is None else image.tobytes(), backing=backing)
    events: list[Event] = []
    moments: list[tuple[int, tuple[bytes, ...]]] = []
    for access in [MACHINE_RESET, *data.draw(programs(geometry), "program")]:
        if not access.offset < reference.extent < access.offset + access.size:
            events += reference.do(access)
            moments.append((len(events) - 1, _contents(reference)))
    machine, _ = replayed(Config(geometry, behaviour, backing=backing, image=image, journal=True), events)
    storage, file = Copy(image, geometry.size), Copy(image, geometry.size)
    seq, length = -1, reference.extent
    for next_seq, (contents, known, backed, backed_known) in moments:
        storage.apply(machine.journal, Target.STORAGE, seq, next_seq)
        file.apply(machine.journal, Target.BACKING, seq, next_seq)
        assert storage.matches(contents, known)
        assert file.matches(backed[:length], backed_known[:length])
        seq = next_seq
    assert all(change.offset + change.length <= length for change in machine.journal if change.target & Target.BACKING)
    assert len(machine.journal) == sum(1 for _ in machine.journal)


def _contents(reference: Reference) -> tuple[bytes, ...]:
    parts = (reference.storage, reference.known, reference.backing, reference.backing_known)
    return tuple(bytes(part) for part in parts)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.slow
def test_backwards_it_gives_what_a_shorter_replay_gives(data: DataObject) -> None:
    geometry = data.draw(st.sampled_from(GEOMETRIES), "geometry")
    behaviour = data.draw(st.sampled_from(BEHAVIOURS), "behaviour")
    program = data.draw(programs(geometry), "program")
    image = np.arange(geometry.size).astype(np.uint8)
    events = [RESET, *_log(Reference(geometry, behaviour, image=image.tobytes()), program)]
    config = Config(geometry, behaviour, image=image, journal=True)
    machine, _ = replayed(config, events)
    at = data.draw(st.integers(-1, len(events) - 1), "seq")
    shorter = Machine(config)
    if at >= 0:
        feed(shorter, events[: at + 1])
    assert rewound(machine.journal, machine.storage(), at, Target.STORAGE).tobytes() == shorter.storage().tobytes()
    assert rewound(machine.journal, machine.backing(), at, Target.BACKING).tobytes() == shorter.backing().tobytes()
    backwards = list(reversed(list(machine.journal)))
    for one, other in zip(backwards, newest_first(machine.journal), strict=True):
        assert (one.seq, one.kind, one.target, one.offset) == (other.seq, other.kind, other.target, other.offset)
        assert one.before.tobytes() == other.before.tobytes()


def _log(reference: Reference, program: list[Access]) -> list[Event]:
    return [event for access in program for event in reference.do(access)]


# --- what a row says -------------------------------------------------------------------------------------------


def _rows(machine: Machine) -> list[tuple[int, JournalKind, Target, int, int]]:
    return [(change.seq, change.kind, change.target, change.offset, change.length) for change in machine.journal]


def test_only_the_touched_span_is_kept() -> None:
    lead = [RESET, write(0, 0xE8), write(0, 2), write(0x10, 1), write(0x18, 2), write(0x20, 3), write(0, 0xD0)]
    machine, _ = replayed(Config(VIRT, Behaviour.STAGED_AT_COUNT, image=BLANK, journal=True), lead)
    assert _rows(machine) == [(6, JournalKind.FLUSH, BOTH, 0x10, 0x14)]
    (change,) = machine.journal
    assert change.before.tobytes() == bytes(0x14)
    assert change.after[::4].tolist() == [1, 0, 2, 0, 3]


def test_storage_ahead_of_the_file_is_two_rows() -> None:
    events = [RESET, write(0, 0xE8), write(0, 1), write(0x10, 1), write(0x14, 2), write(0, 0xD0)]
    machine, _ = replayed(Config(VIRT, Behaviour.DIRECT, image=BLANK, journal=True), events)
    assert _rows(machine) == [
        (3, JournalKind.PROGRAM, Target.STORAGE, 0x10, 4),
        (4, JournalKind.PROGRAM, Target.STORAGE, 0x14, 4),
        (4, JournalKind.WRITE_BACK, Target.BACKING, 0x10, 8),
    ]


def test_an_erase_is_kept_without_its_ones() -> None:
    machine, _ = replayed(Config(VIRT, image=BLANK, journal=True), [RESET, write(0x2004, 0x20)])
    assert _rows(machine) == [(1, JournalKind.ERASE, BOTH, 0x2000, 0x2000)]
    (change,) = machine.journal
    assert change.after.tobytes() == b"\xff" * 0x2000
    assert change.after_known.all()
    assert change.before_known.all()


@pytest.mark.parametrize("image", [None, BLANK])
def test_what_is_forgotten_is_unknown_from_there_on(image: NDArray[np.uint8] | None) -> None:
    """The second write of a command that came before the trace."""
    events = [write(0x100, 5, wcycle=1), write(0, 0x40, wcycle=0), write(0x102, 7, wcycle=1)]
    machine, _ = replayed(Config(VIRT, image=image, journal=True), events)
    assert _rows(machine) == [(0, JournalKind.FORGET, BOTH, 0x100, 4), (2, JournalKind.PROGRAM, BOTH, 0x102, 4)]
    forgotten, programmed = machine.journal
    assert forgotten.before_known.tolist() == [image is not None] * 4
    assert forgotten.after_known.tolist() == [False] * 4
    assert programmed.before_known.tolist() == [False, False, *[image is not None] * 2]
    assert programmed.after_known.tolist() == [True] * 4
    for target, contents, mask in (
        (Target.STORAGE, machine.storage(), machine.storage_mask),
        (Target.BACKING, machine.backing(), machine.backing_mask),
    ):
        copy = Copy(image, VIRT.size)
        copy.apply(machine.journal, target)
        assert copy.matches(contents.tobytes(), (mask == int(image is None)).tobytes())


def test_what_is_forgotten_where_the_file_lags_behind_is_a_change_of_each() -> None:
    """Storage and file have masks of their own there: a word that was not written back was known in storage alone."""
    events = [RESET, write(0x10, 0xE8), write(0x10, 2), write(0x10, 7), write(0x12, 5, wcycle=1)]
    machine, _ = replayed(Config(VIRT, Behaviour.DIRECT, journal=True), events)
    assert _rows(machine)[1:] == [
        (4, JournalKind.FORGET, Target.STORAGE, 0x12, 4),
        (4, JournalKind.FORGET, Target.BACKING, 0x12, 4),
    ]
    assert [change.before_known.tolist() for change in machine.journal][1:] == [[True, True, False, False], [False] * 4]


def test_rewinding_passes_over_what_was_forgotten() -> None:
    machine, _ = replayed(
        Config(VIRT, image=BLANK + 9, journal=True), [write(0x100, 5, wcycle=1), write(0, 0x20, wcycle=0)]
    )
    assert rewound(machine.journal, machine.storage(), -1, Target.STORAGE).tobytes() == b"\x09" * VIRT.size


def test_a_read_only_flash_has_no_changes() -> None:
    machine, _ = replayed(Config(VIRT, read_only=True, journal=True), [RESET, write(0, 0x20), Event(RowKind.OTHER)])
    assert (len(machine.journal), list(machine.journal), list(newest_first(machine.journal))) == (0, [], [])


# --- counted, not kept -------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_counts_are_those_of_the_journal(data: DataObject) -> None:
    geometry = data.draw(st.sampled_from(GEOMETRIES), "geometry")
    behaviour = data.draw(st.sampled_from(BEHAVIOURS), "behaviour")
    image = data.draw(st.sampled_from((None, np.arange(geometry.size).astype(np.uint8))), "image")
    reference = Reference(geometry, behaviour, image=None if image is None else image.tobytes())
    events = [RESET, *_log(reference, data.draw(programs(geometry), "program"))]
    kept, _ = replayed(Config(geometry, behaviour, image=image, journal=True), events)
    counted, steps = replayed(Config(geometry, behaviour, image=image, count_changes=True), events)
    expected: dict[int, tuple[int, int]] = {}
    for change in kept.journal:
        if change.target & Target.STORAGE:
            old, new = change.before.tolist(), change.after.tolist()
            counts = sum(x != y for x, y in zip(old, new, strict=True)), _bits_set(change.kind, old, new)
            known = change.before_known.all() and change.after_known.all()
            expected[change.seq] = counts if known else (-1, -1)
    found = list(zip(steps.changed, steps.bits_set, strict=True))
    assert found == [expected.get(seq, (0, 0)) for seq in range(len(events))]
    assert len(counted.journal) == 0


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_changed_bytes_are_those_that_a_walk_over_the_changes_finds(data: DataObject) -> None:
    geometry = data.draw(st.sampled_from(GEOMETRIES), "geometry")
    behaviour = data.draw(st.sampled_from(BEHAVIOURS), "behaviour")
    image = data.draw(st.sampled_from((None, np.arange(geometry.size).astype(np.uint8))), "image")
    reference = Reference(geometry, behaviour, image=None if image is None else image.tobytes())
    events = [RESET, *_log(reference, data.draw(programs(geometry), "program"))]
    journal = replayed(Config(geometry, behaviour, image=image, journal=True), events)[0].journal
    expected: Counter[tuple[int, int]] = Counter()
    made = (JournalKind.PROGRAM, JournalKind.FLUSH, JournalKind.ERASE)
    for number, change in enumerate(journal):
        if change.target & Target.STORAGE and change.kind in made:
            both_known = change.before_known & change.after_known
            for at in np.flatnonzero(both_known & (change.before != change.after)).tolist():
                expected[number, (change.offset + at) // 64] += 1
    found = journal.changed_bytes(lambda offsets: offsets // 64)
    rows = zip(found.change.tolist(), found.bin.tolist(), found.amount.tolist(), strict=True)
    assert {(change, cell): count for change, cell, count in rows} == expected
    assert len(found.amount) == len(expected)


def _bits_set(kind: JournalKind, old: list[int], new: list[int]) -> int:
    if kind == JournalKind.ERASE:
        return 0
    return sum((y & ~x).bit_count() for x, y in zip(old, new, strict=True))


def test_an_erase_counts_the_bytes_that_were_not_erased_whichever_of_their_bits_were_clear() -> None:
    image = np.full(VIRT.size, 0xFF, np.uint8)
    image[: 256 * 9 : 9] = np.arange(256)  # each value at each place in a word of eight bytes
    image[VIRT.block - 1] = 0xFE
    _, steps = replayed(Config(VIRT, image=image, count_changes=True), [RESET, write(0, 0x20), write(0, 0xD0)])
    assert steps.changed == [0, 256, 0]


def test_what_is_forgotten_is_not_counted() -> None:
    config = Config(VIRT, image=BLANK, count_changes=True)
    _, steps = replayed(config, [write(0x100, 5, wcycle=1), write(0, 0x40, wcycle=0), write(0x102, 7, wcycle=1)])
    assert (steps.changed, steps.bits_set) == ([0, 0, -1], [0, 0, -1])


# --- a full journal ----------------------------------------------------------------------------------------------

BIG_BLOCK = Geometry(0x200000, 0x80000, 4, 2)
"""Blocks of which eight fill the machine's own part of the journal."""


@pytest.mark.parametrize("image", [None, np.arange(0x200000).astype(np.uint8)])
def test_more_erases_than_it_holds_at_once_are_all_kept(image: NDArray[np.uint8] | None) -> None:
    events = [RESET]
    for at in range(24):
        events += [write(at % 4 * 0x80000, 0x20), write(0, 0xD0), write(0, 0x40), write(at % 4 * 0x80000, at)]
    machine, _ = replayed(Config(BIG_BLOCK, image=image, journal=True), events)
    assert [change.seq for change in machine.journal] == [1 + 4 * at + step for at in range(24) for step in (0, 3)]
    copy = Copy(image, BIG_BLOCK.size)
    copy.apply(machine.journal, Target.STORAGE)
    assert copy.matches(machine.storage().tobytes(), b"\x01" * BIG_BLOCK.size)


def test_more_changes_than_it_holds_at_once_are_all_kept() -> None:
    events = [RESET, *itertools.chain.from_iterable((write(0, 0x40), write(at & 0xFFC, at)) for at in range(17000))]
    machine, _ = replayed(Config(VIRT, image=BLANK, journal=True), events)
    assert len(machine.journal) == 17000
    assert [change.seq for change in machine.journal] == list(range(2, 34002, 2))


@pytest.mark.parametrize("block", [0x200, 0x1000, 0x40000])
def test_the_journal_has_room_for_the_worst_row(block: int) -> None:
    """Storage ahead of the file, nothing known, and an erase: two rows with all their bytes and masks."""
    geometry = Geometry(4 * block, block, 8, 1)
    events = [RESET]
    for _ in range(40):
        events += [write(0, 0xE8, 1), write(0, 9, 1), write(0, 5), write(block, 6), RESET, write(0, 0x20, 1)]
        events += [write(0, 0xFF, 1)]
    machine, _ = replayed(Config(geometry, Behaviour.DIRECT, journal=True), events)
    storage, file = Copy(None, geometry.size), Copy(None, geometry.size)
    storage.apply(machine.journal, Target.STORAGE)
    file.apply(machine.journal, Target.BACKING)
    assert storage.matches(machine.storage().tobytes(), machine.storage_mask.tobytes())
    assert file.matches(machine.backing().tobytes(), machine.backing_mask.tobytes())


def test_any_stretch_of_it_can_be_read() -> None:
    _, journal = _two_erases()
    whole = list(journal)
    for start, stop in itertools.product(range(4), repeat=2):
        seqs = [change.seq for change in whole[start:stop]]
        assert [change.seq for change in journal.changes(start, stop)] == seqs
        assert [change.seq for change in journal.changes(start, stop, newest_first=True)] == seqs[::-1]
    index = journal.index()
    assert index.offset.tolist() == [change.offset for change in whole]
    assert index.kind.tolist() == [change.kind for change in whole]


def test_a_restart_that_changes_storage_is_in_it() -> None:
    backing = Backing(VIRT.block, Policy.VOLATILE)
    offset = VIRT.block
    events: list[Event] = [RESET, write(offset, 0x400040), write(offset, 0x12345678)]
    machine, _ = replayed(Config(VIRT, Behaviour.STAGED_AT_DATA, backing=backing, image=~BLANK, journal=True), events)
    before = machine.storage().copy()
    machine.power_cycle()
    *_, last = machine.journal
    assert (last.kind, last.seq, last.target) == (JournalKind.RESTART, -1, Target.STORAGE)
    before[last.offset : last.offset + last.length] = last.after
    assert np.array_equal(before, machine.storage())


def test_a_restart_that_changes_nothing_is_not() -> None:
    machine, journal = _two_erases()
    count = len(journal)
    machine.power_cycle()
    assert len(journal) == count


def test_an_image_that_was_changed_between_two_starts_is_in_it() -> None:
    image = BLANK.copy()
    image[0x100:0x104] = 7
    machine, _ = replayed(Config(VIRT, Behaviour.DIRECT, image=BLANK, journal=True), [RESET])
    machine.change_image(image)
    machine.power_cycle()
    storage, file = Copy(BLANK, VIRT.size), Copy(BLANK, VIRT.size)
    storage.apply(machine.journal, Target.STORAGE, after=-2)
    file.apply(machine.journal, Target.BACKING, after=-2)
    assert np.array_equal(storage.bytes, machine.storage())
    assert np.array_equal(file.bytes, image)
    assert storage.known.all()
    assert file.known.all()
    assert [(c.kind, c.offset, c.length) for c in machine.journal] == [(JournalKind.RESTART, 0x100, 4)] * 2


def _two_erases() -> tuple[Machine, Journal]:
    steps = itertools.product(range(2), (0x200020, 0xD000D0, 0xFF00FF))
    events = [RESET, *(write(block * VIRT.block, value) for block, value in steps)]
    machine, _ = replayed(Config(VIRT, Behaviour.STAGED_AT_DATA, image=BLANK, journal=True), events)
    return machine, machine.journal
