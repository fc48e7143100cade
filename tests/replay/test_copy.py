"""A copy of a machine: it goes on from where the machine was, and neither notices what the other is fed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.backing import Backing, Policy
from replay.behaviour import Behaviour
from replay.columns import RowKind, Stop
from replay.command_set import CommandSet
from replay.engine import Config, Machine
from replay.geometry import Geometry, Region
from replay.journal import Journal
from tests.cfi02 import RUNS, recorded
from tests.replay.programs import (
    RESET,
    VIRT,
    Event,
    replayed,
    steps_of,
    to_rows,
    told,
    write,
)
from tests.replay.test_engine import traces
from tracetool.analysis.machine_rows import to_cfi02_rows

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject, DrawFn

    from replay.tables import RowColumns

AMD = Geometry(
    0x6000, 0x1000, 2, 2, command_set=CommandSet.CFI02, layout=(Region(2, 0x1000), Region(2, 0x2000)), ids=(1, 2, 3, 4)
)
BLANK = np.zeros(VIRT.size, np.uint8)


@st.composite
def amd_rows(draw: DrawFn) -> list[Event]:
    """Rows of a CFI02 flash: its commands whole, cut short and mixed up, with events between that may not fit."""
    unlock = [write(0xAAA, 0xAA, 2), write(0x554, 0x55, 2)]
    place = st.sampled_from([0, 2, 0x1000, 0x1FFE, 0x2000, 0x4000])

    def single(kind: RowKind, offset: int, value: int, cmd: int) -> list[Event]:
        return [Event(kind, offset, 2, value, cmd)]

    def program(offset: int, value: int) -> list[Event]:
        return [*unlock, write(0xAAA, 0xA0, 2), write(offset, value, 2)]

    def erase(offset: int, command: int) -> list[Event]:
        return [*unlock, write(0xAAA, 0x80, 2), *unlock, write(0xAAA if command == 0x10 else offset, command, 2)]

    phrase = st.one_of(
        st.builds(program, place, st.integers(0, 0xFFFF)),
        st.builds(erase, place, st.sampled_from([0x30, 0x30, 0x10])),
        st.builds(lambda command: [*unlock, write(0xAAA, command, 2)], st.sampled_from([0x20, 0x90, 0x98, 0xF0])),
        st.builds(single, st.sampled_from(list(RowKind)), place, st.integers(0, 0xFFFF), st.integers(-1, 255)),
        st.builds(
            single,
            st.sampled_from([RowKind.IO_WRITE, RowKind.IO_READ, RowKind.TIMER_EXPIRED, RowKind.IDLE]),
            place,
            st.sampled_from([0x30, 0xA0, 0xAA, 0x55, 0x90, 0xB0, 0xF0, 0x98]),
            st.just(-1),
        ),
    )
    return [event for events in draw(st.lists(phrase, max_size=25)) for event in events]


@st.composite
def sessions(draw: DrawFn) -> tuple[Config, RowColumns]:
    """A device of either command set, and rows for it: begun anywhere, with events lost, altered and added."""
    config, events = draw(st.one_of(traces(), st.builds(lambda rows: (Config(AMD), [RESET, *rows]), amd_rows())))
    block = config.geometry.block
    policies = [Backing(), *(Backing(block, policy) for policy in Policy if policy != Policy.PADDED)]
    changes: dict[str, Any] = {
        "read_only": draw(st.sampled_from((False, False, True))),
        "backing": draw(st.sampled_from(policies)),
        "image": draw(st.sampled_from((None, np.arange(config.geometry.size).astype(np.uint8)))),
        "journal": draw(st.booleans()),
        "count_changes": draw(st.booleans()),
        "quiet": draw(st.booleans()),
    }
    return replace(config, **changes), to_rows(events)


def _everything(machine: Machine) -> list[Any]:
    """All that a machine tells; it takes what was collected."""
    arrays = (machine.storage(), machine.storage_mask, machine.backing(), machine.backing_mask)
    journal = [tuple(x.tobytes() if isinstance(x, np.ndarray) else x for x in row) for row in machine.journal]
    operations = [column.tolist() for column in machine.operations(end=True).values()]
    steps = steps_of(machine)
    return [told(machine), *(array.tobytes() for array in arrays), journal, operations, steps, machine.disagreement]


def _feed(machine: Machine, rows: RowColumns, start: int, end: int | None = None) -> None:
    end = len(rows.kind) if end is None else end
    while start < end:
        start, why = machine.feed(rows, start, end)
        assert why in (Stop.END, Stop.POSTLOAD, Stop.WATCH)


@settings(max_examples=150, deadline=None)
@given(session=sessions(), data=st.data())
@pytest.mark.slow
def test_a_copy_at_any_row_goes_on_as_the_machine_would(session: tuple[Config, RowColumns], data: DataObject) -> None:
    config, rows = session
    alone, machine = Machine(config), Machine(config)
    everything = data.draw(st.booleans(), "everything asked for")
    for each in (alone, machine):
        each.asked.everything, each.asked.writes_after_stray = everything, 3
    at = data.draw(st.integers(0, len(rows.kind)), "copied at")
    _feed(alone, rows, 0)
    _feed(machine, rows, 0, at)
    copies = machine.copy(), machine.copy()
    _feed(copies[0], rows, at)
    copies[1].power_cycle()
    _feed(copies[1], to_rows([RESET, write(0, 0x20), write(0, 0xD0), write(8, 0x40), write(8, 0)]), 0)
    _feed(machine, rows, at)
    expected = _everything(alone)
    assert _everything(copies[0]) == expected
    assert _everything(machine) == expected


@settings(max_examples=150, deadline=None)
@given(session=sessions(), data=st.data())
@pytest.mark.slow
def test_a_machine_goes_back_to_any_checkpoint(session: tuple[Config, RowColumns], data: DataObject) -> None:
    """Whatever befell it since: it is what a copy at that row was, contents and all."""
    config, rows = session
    machine = Machine(replace(config, journal=True))
    places = data.draw(st.lists(st.integers(0, len(rows.kind)), min_size=1, max_size=3).map(sorted), "checkpoints")
    restarts = data.draw(st.lists(st.sampled_from(("none", "cycle", "image", "file")), min_size=3, max_size=3), "then")
    noted = []
    for start, end, then in zip([0, *places], [*places, len(rows.kind)], [*restarts, "none"], strict=False):
        _feed(machine, rows, start, end)
        if end < len(rows.kind):
            noted.append((end, machine.checkpoint(), machine.copy()))
        if then == "image":
            machine.change_image(np.full(0x123, 0x5A, np.uint8))
        elif then == "file":
            machine.change_backing(Backing(machine.backed_bytes // 2 + 0x800, Policy.DISCARD))
        elif then == "cycle":
            machine.power_cycle()
    for start, checkpoint, copy in noted:
        past = machine.copy().at(checkpoint)
        copy.journal, _, _ = Journal(), copy.steps(), copy.operations()
        for each in (past, copy):
            each.asked.everything = True
            _feed(each, rows, start)
        assert _everything(past) == _everything(copy)


def test_what_migrations_made_unknown_is_known_before_them() -> None:
    machine = Machine(Config(VIRT, Behaviour.DIRECT, image=BLANK, journal=True))
    moments = []
    for value in (1, 2, 3):
        _feed(machine, to_rows([RESET, write(0, 0x40), write(8 * value, value)]), 0)
        moments.append((machine.checkpoint(), machine.copy()))
        _feed(machine, to_rows([Event(RowKind.POSTLOAD)]), 0)
    for checkpoint, copy in moments:
        past = machine.at(checkpoint)
        assert past.known_value == copy.known_value
        for backing in (False, True):
            assert past.unknown(backing=backing, end=VIRT.size) == copy.unknown(backing=backing, end=VIRT.size)
    assert machine.at(moments[0][0]).unknown(backing=False, end=VIRT.size) == (0, -1)


def test_a_copy_gives_the_rows_that_the_machine_was_asked_for() -> None:
    machine = Machine(Config(VIRT, Behaviour.DIRECT, image=BLANK))
    machine.asked.writes_after_stray = 2
    rows = to_rows([RESET, write(0, 0x33), write(0, 0x40), write(0, 1), write(0, 0x40)])
    machine.feed(rows, 0, 3)
    twin = machine.copy()
    assert [len(each.steps().row) for each in (twin, machine)] == [2, 2]
    twin.asked.beyond = 0x100
    assert (machine.asked.beyond, twin.asked.writes_after_stray, twin.asked.stray_seen) == (-1, 0, True)


def test_a_copy_of_a_fork_is_a_fork() -> None:
    """It is behind the fork's image file, and keeps a journal where the fork does."""
    machine, _ = replayed(Config(VIRT, Behaviour.DIRECT, journal=True), [RESET, write(0, 0x40), write(0x10, 5)])
    for journal in (True, False):
        fork = machine.fork(Backing(0x2000, Policy.DISCARD), journal=journal)
        twin = fork.copy()
        for each in (fork, twin):
            each.asked.everything = True
            each.feed(to_rows([write(0x4000, 0x40), write(0x4000, 1), write(0x20, 0x40), write(0x20, 2)]))
        assert (twin.backed_bytes, twin.keep_journal) == (0x2000, journal)
        assert _everything(twin) == _everything(fork)


def test_a_copy_marks_the_blank_range_beyond_the_image_file_on() -> None:
    """A region too large to be marked at once is marked where rows come near, by either machine alone."""
    large = Geometry(256 << 20, 1 << 16, 4, 2)
    machine = Machine(Config(large, Behaviour.DIRECT)).fork(Backing(1 << 16, Policy.VOLATILE))
    at = 1 << 20
    machine.feed(to_rows([RESET, write(at, 0x40), write(at, 7)]))
    twin = machine.copy()
    twin.feed(to_rows([write(3 * at, 0x40), write(3 * at, 7)]))
    assert (twin.storage_mask[at], machine.storage_mask[at]) == (1, 1)
    assert (twin.storage_mask[3 * at], machine.storage_mask[3 * at]) == (1, 0)
    machine.feed(to_rows([write(3 * at, 0x40), write(3 * at, 7)]))
    assert machine.storage_mask[3 * at] == 1


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.slow
def test_a_copy_of_a_recorded_cfi02_device(name: str) -> None:
    run = recorded(name)
    rows = to_cfi02_rows(run.events(), quiet=run.quiet)
    machine = Machine(Config(run.geometry, image=run.image("before"), read_only=run.read_only, quiet=run.quiet))
    machine.asked.everything = True
    copies = []
    for start, end in pairwise(np.linspace(0, len(rows.kind), 5).astype(int).tolist()):
        copies.append((start, machine.copy()))
        machine.feed(rows, start, end)
    expected = _everything(machine)
    for start, twin in copies:
        twin.feed(rows, start)
        assert _everything(twin) == expected
