"""The CFI02 machine beside recorded QEMUs of four releases: every event, every value, every byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from replay.columns import ABSENT, RowKind
from replay.engine import Config, Machine
from tests.cfi02 import RUNS, Run, recorded
from tests.forms import plain
from tracetool.analysis.machine_rows import possible, to_cfi02_rows

if TYPE_CHECKING:
    from replay.tables import RowColumns


def _machine(run: Run, **changed: Any) -> Machine:  # noqa: ANN401  fields of Config
    return Machine(Config(run.geometry, image=run.image("before"), read_only=run.read_only, quiet=run.quiet, **changed))


def _rows(run: Run) -> RowColumns:
    return to_cfi02_rows(run.events(), quiet=run.quiet)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.first_quick
def test_predicts_every_event_value_and_byte(name: str) -> None:
    run = recorded(name)
    machine, rows = _machine(run, journal=True), _rows(run)
    machine.asked.everything = True
    assert possible(rows, run.geometry.size).all()
    machine.feed(rows)
    steps = machine.steps()
    reads = rows.kind[steps.row] == RowKind.IO_READ
    assert machine.disagreement is None
    assert machine.awaited is None
    assert machine.adopted_at is None
    assert (steps.expected[reads] == rows.value[steps.row][reads]).all()
    assert machine.totals.resets == run.resets
    assert np.array_equal(machine.backing(), run.image("after"))
    assert np.array_equal(machine.storage(), run.image("after"))


@pytest.mark.parametrize("name", ["tour", "r2d", "zynq-u-boot"])
def test_only_reads_of_the_status_count_as_such(name: str) -> None:
    """Not those of data after it: the device logs which they are."""
    run = recorded(name)
    machine, rows = _machine(run), _rows(run)
    machine.feed(rows)
    assert machine.totals.status_reads == np.count_nonzero(rows.kind == RowKind.READ_STATUS) > 0


@pytest.mark.parametrize("name", ["tour", "tour-5.2"])
def test_plain_and_compiled_give_the_same(name: str) -> None:
    run, engine = recorded(name), plain("replay.engine")
    compiled, rows = _machine(run, journal=True), _rows(run)
    other = engine.Machine(
        engine.Config(run.geometry, image=run.image("before"), quiet=run.quiet, journal=True, read_only=run.read_only)
    )
    for machine in (compiled, other):
        machine.asked.everything = True
        machine.feed(rows)
    assert other.disagreement is None
    for mine, theirs in zip(compiled.steps(), other.steps(), strict=True):
        assert np.array_equal(mine, theirs)
    assert {name: column.tolist() for name, column in compiled.operations(end=True).items()} == {
        name: column.tolist() for name, column in other.operations(end=True).items()
    }
    assert np.array_equal(compiled.backing(), other.backing())
    assert len(compiled.journal) == len(other.journal)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_the_result_does_not_depend_on_the_chunk_size(size: int) -> None:
    run = recorded("tour")
    whole, parts, rows = _machine(run), _machine(run), _rows(run)
    whole.feed(rows)
    for start in range(0, len(rows.kind), size):
        parts.feed(rows, start, min(start + size, len(rows.kind)))
    mine, theirs = whole.operations(end=True), parts.operations(end=True)
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    assert parts.disagreement is None


INPUTS = {
    (RowKind.IO_WRITE, "offset"),
    (RowKind.IO_WRITE, "value"),
    (RowKind.IO_READ, "offset"),
    (RowKind.UNLOCK0_FAILED, "text"),
}
"""What is given to the machine; the last is in `length` too."""
WITH_CMD = (RowKind.IO_READ, RowKind.TIMER_EXPIRED)


def _kinds(rows: RowColumns) -> list[int]:
    return sorted(set(rows.kind.tolist()) - {RowKind.OTHER})


@pytest.mark.parametrize("name", ["tour", "tour-5.2", "musicpal-boot-sectors"])
@pytest.mark.slow
def test_notices_a_missing_event_of_each_kind(name: str) -> None:
    run = recorded(name)
    rows = _rows(run)
    for kind in _kinds(rows):
        places = np.flatnonzero(rows.kind == kind)
        if len(places) == 1 or (run.quiet and kind == RowKind.TIMER_EXPIRED):
            continue  # a kind that is not traced at all is not expected; a late timer may change nothing that is
        gone = np.ones(len(rows.kind), np.bool_)
        gone[places[len(places) // 2]] = False
        machine = _machine(run)
        machine.feed(rows.take(gone))
        reset_lost = kind == RowKind.IDLE and machine.totals.resets < run.resets
        assert machine.disagreement is not None or reset_lost or kind == RowKind.IO_READ, RowKind(kind).name


@pytest.mark.parametrize("name", ["tour", "musicpal-boot-sectors", "r2d"])
@pytest.mark.slow
def test_notices_an_altered_number_of_each_kind(name: str) -> None:
    run = recorded(name)
    rows = _rows(run)
    for kind in _kinds(rows):
        place = int(np.flatnonzero(rows.kind == kind)[-1])
        for field in ("offset", "value", "cmd", "wcycle", "text", "length"):
            column = getattr(rows, field)
            if column[place] == ABSENT or (kind, field) in INPUTS or (field, kind in WITH_CMD) == ("cmd", False):
                continue
            altered = column.copy()
            altered[place] ^= 1
            machine = _machine(run)
            machine.feed(rows._replace(**{field: altered}))
            assert machine.disagreement is not None, (RowKind(kind).name, field)
