"""The machine beside a second model of the flash, on random programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.backing import Backing, Policy
from replay.behaviour import Behaviour
from replay.columns import ABSENT, Effect, RowKind
from replay.engine import Config, Machine
from tests.replay.programs import GEOMETRIES, MACHINE_RESET, RESET, VIRT, Access, programs, replayed, to_rows
from tests.replay.reference import Reference

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject

    from replay.geometry import Geometry
    from tests.replay.programs import Event

WORDS = [Access(0x40, 1, 0x40), Access(0x40, 1, 0x12), Access(0x41, 1, 0x40), Access(0x41, 1, 0x34)]
"""Two words, programmed one by one."""
SET_UP = [Access(0x20, 1, 0xE8), Access(0x20, 1, 2), Access(0x20, 1, 0x56)]
"""A buffered write of three words, left after the first."""
REST = [Access(0x22, 1, 0x78), Access(0x421, 1, 0x9A), Access(0x20, 1, 0xD0)]
"""The rest of it: its last word lies in another sector of the window."""
ONE_WORD = [Access(0x20, 1, 0xE8), Access(0x20, 1, 0), Access(0x20, 1, 0x56), Access(0x20, 1, 0xD0)]
COUNTED = {
    "words": WORDS,
    "words after a buffered write": [*SET_UP, *REST, *WORDS],
    "words after a reset in a buffered write": [*SET_UP, MACHINE_RESET, *WORDS],
    "a buffered write of one word": ONE_WORD,
    "a buffered write": [*SET_UP, *REST],
}
"""Programs whose outcome hangs on the count of a buffered write, before, during and after it."""
BEHAVIOURS = (Behaviour.DIRECT, Behaviour.STAGED_AT_COUNT, Behaviour.STAGED_AT_DATA)
ACCESSES = (RowKind.IO_READ, RowKind.IO_WRITE, RowKind.OUTER_READ, RowKind.OUTER_WRITE, RowKind.RESET)


class Run(NamedTuple):
    """A program as the reference did it."""

    reference: Reference
    events: list[Event]
    states: list[tuple[int, int, int]]
    """cmd, wcycle and status before each event."""
    effects: list[tuple[Effect, int, int, int]]
    """Effect, its offset and length, and the bytes programmed, of each event."""


def image_of(geometry: Geometry, seed: int) -> bytes:
    """Give contents that differ at every offset nearby."""
    return np.random.default_rng(seed).integers(0, 256, geometry.size, np.uint8).tobytes()


def run_reference(reference: Reference, program: list[Access]) -> Run:
    """Do a program, after the reset that a machine starts with; accesses that straddle the extent are left out."""
    run = Run(reference, [], [], [])
    for access in [MACHINE_RESET, *program]:
        if access.offset < reference.extent < access.offset + access.size:
            continue
        before = (reference.cmd, reference.wcycle, reference.status)
        events = reference.do(access)
        after = (reference.cmd, reference.wcycle, reference.status)
        run.events.extend(events)
        for event in events:
            here = event.kind in ACCESSES
            run.states.append(before if here else after)
            run.effects.append((*reference.effect, reference.programmed) if here else (Effect.NONE, ABSENT, 0, 0))
    return run


def assert_same(machine: Machine, reference: Reference) -> None:
    """Contents, what is known of them, and state."""
    state = (machine.command, machine.wcycle, machine.status)
    assert state == (reference.cmd, reference.wcycle, reference.status)
    known = machine.storage_mask == machine.known_value
    assert known.tobytes() == reference.known
    assert machine.storage()[known].tobytes() == np.frombuffer(reference.storage, np.uint8)[known].tobytes()
    file = machine.backed_bytes
    known = machine.backing_mask[:file] == machine.known_value
    assert known.tobytes() == reference.backing_known[:file]
    assert machine.backing()[known].tobytes() == np.frombuffer(reference.backing, np.uint8)[:file][known].tobytes()


def config_of(reference: Reference, image: bytes | None, *, check: bool = True) -> Config:
    """Tell the machine what the reference was told."""
    return Config(
        reference.geometry,
        reference.behaviour,
        reference.read_only,
        Backing(reference.extent, reference.policy),
        None if image is None else np.frombuffer(image, np.uint8),
        check=check,
    )


def compare(reference: Reference, program: list[Access], image: bytes | None, *, check: bool = True) -> None:
    """Run both, and hold every row and the outcome against each other."""
    run = run_reference(reference, program)
    machine, steps = replayed(config_of(reference, image, check=check), run.events)
    assert machine.disagreement is None
    assert machine.disagreements == 0
    assert machine.adopted_at is None
    assert list(zip(steps.cmd, steps.wcycle, steps.status, strict=True)) == run.states
    columns = (steps.effect, steps.effect_offset, steps.effect_length, steps.programmed)
    assert list(zip(*columns, strict=True)) == run.effects
    for event, expected in zip(run.events, steps.expected, strict=True):
        assert expected == (event.value if event.kind == RowKind.IO_READ else -1)
    assert_same(machine, reference)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=range(len(GEOMETRIES)))
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
@pytest.mark.first_quick
def test_contents_state_reads_and_inner_events_are_the_references(
    geometry: Geometry, behaviour: Behaviour, data: DataObject
) -> None:
    image = data.draw(st.sampled_from((image_of(geometry, 1), None)), "image")
    read_only = data.draw(st.sampled_from((False, False, False, True)), "read-only")
    reference = Reference(geometry, behaviour, read_only=read_only, image=image)
    compare(reference, data.draw(programs(geometry), "program"), image)


@pytest.mark.parametrize("program", COUNTED.values(), ids=COUNTED)
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_the_count_lives_on_as_the_references(behaviour: Behaviour, program: list[Access]) -> None:
    image = b"\xff" * VIRT.size
    compare(Reference(VIRT, behaviour, image=image), program, image)


@pytest.mark.parametrize("policy", [Policy.DISCARD, Policy.VOLATILE, Policy.ERROR])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
@pytest.mark.first_quick
def test_a_short_file_does_what_its_policy_says(policy: Policy, behaviour: Behaviour, data: DataObject) -> None:
    geometry = data.draw(st.sampled_from(GEOMETRIES), "geometry")
    extent = data.draw(st.integers(0, 3), "blocks") * geometry.block
    image = image_of(geometry, 2)
    outer = policy == Policy.DISCARD and data.draw(st.booleans(), "outer events")
    reference = Reference(geometry, behaviour, image=image, backing=Backing(extent, policy), outer_events=outer)
    compare(reference, data.draw(programs(geometry), "program"), image, check=policy != Policy.ERROR)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.slow
def test_bus_accesses_alone_give_the_same(data: DataObject) -> None:
    """Without the self-check the inner events are passed over, and without inner events nothing is missed."""
    geometry = data.draw(st.sampled_from(GEOMETRIES), "geometry")
    image = image_of(geometry, 3)
    reference = Reference(geometry, data.draw(st.sampled_from(BEHAVIOURS)), image=image)
    run = run_reference(reference, data.draw(programs(geometry), "program"))
    unchecked, _ = replayed(config_of(reference, image, check=False), run.events)
    assert_same(unchecked, reference)
    machine, _ = replayed(config_of(reference, image), [event for event in run.events if event.kind in ACCESSES])
    assert_same(machine, reference)
    assert machine.disagreement is None


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.slow
def test_a_restarted_machine_finds_what_is_in_its_file(data: DataObject) -> None:
    geometry = data.draw(st.sampled_from(GEOMETRIES), "geometry")
    policy = data.draw(st.sampled_from(Policy), "policy")
    extent = None if policy == Policy.PADDED else data.draw(st.integers(0, 3), "blocks") * geometry.block
    image = data.draw(st.sampled_from((image_of(geometry, 4), None)), "image")
    behaviour = data.draw(st.sampled_from(BEHAVIOURS), "behaviour")
    reference = Reference(geometry, behaviour, image=image, backing=Backing(extent, policy))
    machine = Machine(config_of(reference, image, check=policy != Policy.ERROR))
    for program in data.draw(st.lists(programs(geometry, phrases=8), min_size=2, max_size=3), "programs"):
        reference.restart()
        machine.power_cycle()
        assert_same(machine, reference)
        events = run_reference(reference, program).events
        machine.feed(to_rows(events))
        assert_same(machine, reference)
        assert machine.disagreement is None


def test_a_reset_leaves_contents_and_count_alone() -> None:
    reference = Reference(GEOMETRIES[0], Behaviour.DIRECT, image=image_of(GEOMETRIES[0], 5))
    machine, steps = replayed(config_of(reference, bytes(reference.storage)), [RESET, RESET])
    assert_same(machine, reference)
    assert steps.op == [0, 1]
