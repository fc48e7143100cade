"""The compiled machine is the plain one: same answers, same state, same contents, whatever it is fed."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from replay.backing import Backing, Policy
from replay.behaviour import Behaviour
from replay.columns import ABSENT_COUNTER, RowKind
from replay.engine import Config, Machine, Stop
from replay.state import BYTE_ARRAYS, Rows
from tests.replay.programs import GEOMETRIES, RESET, Event, as_arrays, blank_steps, feed, to_rows, write

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject

    from replay.geometry import Geometry


def rows_for(geometry: Geometry) -> st.SearchStrategy[list[Event]]:
    """Any rows that are valid, in any order: what a trace can hold, and what only a damaged one can."""
    commands = [0x00, 0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xD0, 0xE8, 0xF0, 0xFF, 0x01, 3, 0x00E800E8]
    values = st.one_of(st.sampled_from(commands), st.integers(0, 0xFFFFFFFF))
    cycles = st.integers(-1, 3)
    sizes = st.sampled_from([1, 2, 4, 4, 4, 8])

    def row(kind: RowKind, size: int, value: int, more: tuple[int, int, int, int, int]) -> Event:
        place, cmd, wcycle, counter, text = more
        offset = place % (geometry.size - 7)
        length = geometry.block
        if kind == RowKind.WRITE_BLOCK_ERASE:
            return Event(kind, offset // length * length, length=length)
        return Event(kind, offset, size, value, cmd, wcycle, counter, -1, text)

    kinds = st.sampled_from([*[RowKind.IO_WRITE] * 12, *[RowKind.IO_READ] * 3, *RowKind])
    near = st.one_of(st.integers(0, 64), st.integers(0, geometry.size))
    counters = st.one_of(st.just(ABSENT_COUNTER), st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 4))
    more = st.tuples(near, st.integers(-1, 255), cycles, counters, st.integers(-2, 12))
    return st.lists(st.builds(row, kinds, sizes, values, more), max_size=60)


def told(machine: Machine) -> dict[str, Any]:
    """Everything a machine carries on, as plain numbers and bytes; the journal's room is emptied after each feed."""
    columns = [(name, column) for name, column in machine.chip._asdict().items() if name not in ("journal", "blob")]
    return {name: bytes(c) if name in BYTE_ARRAYS else [int(number) for number in c] for name, c in columns}


@settings(max_examples=200, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
@pytest.mark.slow
def test_any_rows_give_the_same_plain_and_compiled(data: DataObject) -> None:
    geometry = data.draw(st.sampled_from(GEOMETRIES), "geometry")
    config = Config(
        geometry,
        data.draw(st.sampled_from([b for b in Behaviour if b]), "behaviour"),
        read_only=data.draw(st.booleans(), "read only"),
        backing=data.draw(
            st.sampled_from([Backing(), *(Backing(geometry.block, p) for p in Policy if p != Policy.PADDED)]), "backing"
        ),
        image=data.draw(st.sampled_from([None, np.arange(geometry.size).astype(np.uint8)]), "image"),
        check=data.draw(st.booleans(), "check"),
        journal=data.draw(st.booleans(), "journal"),
        count_changes=data.draw(st.booleans(), "count"),
    )
    events = data.draw(rows_for(geometry), "rows")
    cut = data.draw(st.integers(0, len(events)), "cut")
    plain, fast, steps, quick = Machine(config), Machine(config), blank_steps(len(events)), blank_steps(len(events))
    rows, answer = to_rows(events), as_arrays(quick)
    assert plain.feed(rows, steps) == (len(events), Stop.END)
    # A part is fed plainly first: the state goes over.
    assert fast.feed(rows, quick, 0, cut) == (cut, Stop.END)
    assert fast.feed(as_arrays(rows), answer, cut) == (len(events), Stop.END)
    for name in steps._fields:
        expected = getattr(steps, name)
        assert [*getattr(quick, name)[:cut], *getattr(answer, name)[cut:]] == expected, name
    assert told(fast) == told(plain)
    assert fast.disagreement == plain.disagreement
    assert [str(change) for change in fast.journal] == [str(change) for change in plain.journal]


@settings(max_examples=100, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_the_result_does_not_depend_on_the_chunks_nor_on_what_is_compiled(data: DataObject) -> None:
    geometry = data.draw(st.sampled_from(GEOMETRIES), "geometry")
    behaviour = data.draw(st.sampled_from([b for b in Behaviour if b]), "behaviour")
    config = Config(geometry, behaviour, check=True, journal=True, count_changes=True)
    events = data.draw(rows_for(geometry), "rows")
    rows, expected = to_rows(events), blank_steps(len(events))
    whole, parts = Machine(config), Machine(config)
    assert whole.feed(rows, expected) == (len(events), Stop.END)
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=6), "cuts")
    for start, end in pairwise([0, *sorted(cuts), len(events)]):
        piece, answer = Rows(*(column[start:end] for column in rows)), blank_steps(end - start)
        if data.draw(st.booleans(), "compiled"):
            piece, answer = as_arrays(piece), as_arrays(answer)
        assert parts.feed(piece, answer) == (end - start, Stop.END)
        for name in expected._fields:
            assert [*getattr(answer, name)] == [*getattr(expected, name)[start:end]], name
    assert told(parts) == told(whole)
    assert parts.disagreement == whole.disagreement
    assert [str(change) for change in parts.journal] == [str(change) for change in whole.journal]


def test_a_compiled_machine_goes_on_plainly() -> None:
    config = Config(GEOMETRIES[0], Behaviour.STAGED_AT_DATA)
    machine, plain = Machine(config), Machine(config)
    events = [RESET, write(0, 0x40), write(0, 0x1234), write(0, 0x70)]
    machine.feed(as_arrays(to_rows(events[:2])), as_arrays(blank_steps(2)))
    feed(machine, events[2:], 2)
    feed(plain, events[:2])
    feed(plain, events[2:], 2)
    assert told(machine) == told(plain)


def test_a_compiled_machine_is_forked_and_restarted_as_a_plain_one() -> None:
    geometry = GEOMETRIES[0]
    told_of = []
    for arrays in (False, True):
        machine = Machine(Config(geometry, Behaviour.STAGED_AT_COUNT, image=np.zeros(geometry.size, np.uint8)))
        events = [RESET, write(0, 0x20), write(0, 0xD0), write(8, 0x40), write(8, 0x55)]
        _feed(machine, events, arrays=arrays)
        twin = machine.fork(Backing(geometry.block, Policy.DISCARD))
        _feed(twin, [write(0, 0x40), write(0, 0x66)], arrays=arrays)
        machine.power_cycle()
        told_of.append((told(machine), told(twin)))
    assert told_of[0] == told_of[1]


def _feed(machine: Machine, events: list[Event], *, arrays: bool) -> None:
    rows, steps = to_rows(events), blank_steps(len(events))
    machine.feed(as_arrays(rows) if arrays else rows, as_arrays(steps) if arrays else steps)


def test_rows_that_are_arrays_need_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError("no numba")

    monkeypatch.setattr("replay.engine.compiled_run", missing)
    machine = Machine(Config(GEOMETRIES[0], Behaviour.DIRECT))
    with pytest.raises(ImportError):
        machine.feed(Rows(*as_arrays(to_rows([RESET]))), as_arrays(blank_steps(1)))
