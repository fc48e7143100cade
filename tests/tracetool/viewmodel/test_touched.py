from __future__ import annotations

from tests.tracetool.viewmodel.samples import first_boot
from tracetool.timeline.query import parse
from tracetool.viewmodel.filters import matching, selected, vocabulary
from tracetool.viewmodel.tables import Level, Tables
from tracetool.viewmodel.timeline import Timeline


def test_a_search_finds_variables_by_a_part_of_their_name() -> None:
    tables = Tables(first_boot())
    found = matching(tables, Level.OPERATIONS, "bootord")
    assert tables.operations[found]["variable"].list.contains("BootOrder").all()
    assert len(found) > 10


def test_a_filter_of_events_takes_what_their_operation_touched() -> None:
    tables = Tables(first_boot())
    query = parse("var == BootOrder and part == header", vocabulary(tables, Level.EVENTS))
    seqs = selected(tables, Level.EVENTS, query)
    first, last = tables.operations.row(tables.operation_at(0, 2907) or 0, named=True)["first_seq"], 2907
    assert set(range(first, last + 1)) <= set(seqs.tolist())


def test_the_names_of_variables_are_offered() -> None:
    column = vocabulary(Tables(first_boot()), Level.OPERATIONS).column("var")
    assert column is not None
    assert "BootOrder" in column.values


def test_the_timeline_names_the_variable_of_an_operation() -> None:
    timeline = Timeline(first_boot())
    row = timeline.row_of_event(0, 2907)
    assert row is not None
    cells = dict(zip((column.id for column in timeline.columns), timeline.lines(row, 1)[0], strict=True))
    assert cells["variable"].text == "BootOrder"
    assert cells["detail"].text.startswith("create header, ")
