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
from replay.columns import ABSENT_COUNTER, OpField, RowKind
from replay.engine import Config, Machine, Stop
from replay.tables import StepColumns
from tests.forms import plain
from tests.replay.programs import GEOMETRIES, RESET, Event, steps_of, to_rows, told, write
from tests.requirements import needed_kernels

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject

    from replay.geometry import Geometry


@pytest.fixture(autouse=True, scope="module")
def _both_forms() -> None:
    """There must be two forms to compare."""
    needed_kernels()


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


def plain_machine(config: Config) -> Machine:
    """Give a machine that runs as plain Python."""
    machine: Machine = plain("replay.engine").Machine(config)
    return machine


def outcome(machine: Machine) -> list[Any]:
    """Give what there is to compare of two machines."""
    arrays = (machine.storage(), machine.storage_mask, machine.backing(), machine.backing_mask)
    operations = [column.tolist() for column in machine.operations(end=True).values()]
    return [
        told(machine),
        [array.tobytes() for array in arrays],
        str(machine.disagreement),
        [str(change) for change in machine.journal],
        operations,
    ]


def test_the_plain_twin_is_plain() -> None:
    assert plain("replay.engine").run.__module__ == "replay.loop"
    assert plain("replay.engine").Machine is not Machine


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
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=4), "cuts")
    rows, machines = to_rows(events), (Machine(config), plain_machine(config))
    asked = {
        "everything": data.draw(st.booleans(), "everything"),
        "flags": data.draw(st.integers(0, 255), "flags"),
        "beyond": data.draw(st.integers(-1, geometry.size), "beyond"),
        "below": data.draw(st.integers(0, geometry.size), "below"),
        "writes_after_stray": data.draw(st.integers(0, 4), "writes after the first stray one"),
    }
    for machine in machines:
        for name, value in asked.items():
            setattr(machine.asked, name, value)
    for start, end in pairwise([0, *sorted(cuts), len(events)]):
        for machine in machines:
            assert machine.feed(rows, start, end) == (end, Stop.END)
    compiled, twin = machines
    assert steps_of(compiled) == steps_of(twin)
    assert outcome(compiled) == outcome(twin)


def test_both_forms_are_forked_and_restarted_alike() -> None:
    geometry = GEOMETRIES[0]
    config = Config(geometry, Behaviour.STAGED_AT_COUNT, image=np.zeros(geometry.size, np.uint8))
    found = []
    for machine in (Machine(config), plain_machine(config)):
        machine.feed(to_rows([RESET, write(0, 0x20), write(0, 0xD0), write(8, 0x40), write(8, 0x55)]))
        twin = machine.fork(Backing(geometry.block, Policy.DISCARD))
        twin.feed(to_rows([write(0, 0x40), write(0, 0x66)]))
        machine.power_cycle()
        found.append((outcome(machine), outcome(twin)))
    assert found[0] == found[1]


def test_an_impossible_row_is_an_index_error() -> None:
    """Bounds are checked in compiled code too: a row that nobody validated does not end the process."""
    config = Config(GEOMETRIES[0], Behaviour.DIRECT)
    for machine in (Machine(config), plain_machine(config)):
        with pytest.raises((IndexError, ValueError)):
            machine.feed(to_rows([RESET, write(0, 0x40), write(GEOMETRIES[0].size + 1, 1)]))


def test_the_columns_that_are_given_have_their_names() -> None:
    """Rooms are filled by the names of their columns, and taken by their order."""
    machine = plain_machine(Config(GEOMETRIES[0], Behaviour.DIRECT))
    for number, name in enumerate(StepColumns._fields):
        getattr(machine.chip.steps, name)[0] = number
    for field in OpField:
        machine.chip.operations.ended[field] = int(field)
    machine.chip.steps.count = machine.chip.operations.count = 1
    machine.feed(to_rows([RESET]))
    assert [int(column[0]) for column in machine.steps()] == list(range(len(StepColumns._fields)))
    operations = machine.operations()
    assert {name: int(column[0]) for name, column in operations.items()} == {f.name.lower(): f for f in OpField}
