"""The table of modules."""

from __future__ import annotations

from tests.tracetool.viewmodel.samples import first_boot, with_code
from tests.tracetool.viewmodel.test_jumps import asked_for
from tracetool.audit.modules import WHO_SCHEMA, sum_by_module
from tracetool.viewmodel.filters import Chip, Filter
from tracetool.viewmodel.passing import what_passes
from tracetool.viewmodel.tables import Tables
from tracetool.viewmodel.who import WhoModel, module_chip


def summed(query: str = "") -> WhoModel:
    model = WhoModel(with_code())
    tables = Tables(model.session)
    model.sum(what_passes(tables, Filter((Chip(query),))) if query else None)
    return model


def test_the_table_is_that_of_the_command() -> None:
    model = summed()
    assert model.frame.schema == WHO_SCHEMA
    assert model.frame.equals(sum_by_module(Tables(with_code()).audited))
    rows = model.rows()
    assert [column.title for column in rows.columns][:3] == ["asked for by", "operations", "programs"]
    first = [cell.text for cell in rows.lines(0, 1)[0]]
    assert first[:4] == ["BdsDxe", "801", "187", "23,936"]
    assert model.words == "6 modules asked for 1,020 operations"


def test_every_column_can_be_sorted_by() -> None:
    rows = summed().rows()
    for column in rows.columns:
        order = rows.order(column.id, descending=True)
        assert order is not None
        assert sorted(order.tolist()) == list(range(len(rows)))


def test_what_passes_the_filter_is_summed() -> None:
    model = summed("op == erase")
    assert model.words == "5 modules asked for 23 of 1,020 operations"
    assert model.frame["operations"].to_list() == model.frame["erases"].to_list()
    assert len(summed("op == erase and op == program").rows()) == 0


def test_a_filter_of_another_session_is_not_taken() -> None:
    model = WhoModel(with_code())
    other = what_passes(Tables(first_boot()), Filter((Chip("op == erase"),)))
    model.sum(other)
    assert model.words == "6 modules asked for 1,020 operations"


def test_the_chip_of_a_module_keeps_its_operations() -> None:
    model = summed()
    chip = model.chip(0)
    assert chip == module_chip("BdsDxe")
    passing = what_passes(Tables(model.session), Filter((chip,)))
    assert passing is not None
    assert len(passing.numbers) == 801
    assert model.chip(99) is None
    assert module_chip('of "x" and').understood


def test_operations_of_unknown_code_are_a_row_and_a_chip() -> None:
    session = asked_for("A", None).session
    model = WhoModel(session)
    model.sum(None)
    assert sorted(model.frame["by"]) == ["?", "A"]
    assert model.words == "1 module asked for 510 of 1,020 operations; 510 by code that is not known"
    chip = model.chip(model.frame["by"].to_list().index("?"))
    assert chip is not None
    passing = what_passes(Tables(session), Filter((chip,)))
    assert passing is not None
    assert len(passing.numbers) == 510


def test_the_row_of_the_module_behind_an_event() -> None:
    model = summed()
    assert model.row_of_event(0, 2907) == 0
    assert model.row_of_event(0, 2) == 5
    assert summed("by == BdsDxe").row_of_event(0, 2) is None


def test_without_a_log_of_the_code_it_is_said_how_to_record_one() -> None:
    model = WhoModel(first_boot())
    model.sum(None)
    assert "tracetool record --who" in model.words
    assert len(model.rows()) == 0
    assert model.chip(0) is None
    assert model.row_of_event(0, 2) is None
