from __future__ import annotations

from functools import cache

import polars as pl
import pytest

from tests.tracetool.cli.program import PADDING
from tests.tracetool.viewmodel.samples import finished, job, padding
from tracetool.analysis.options import Options
from tracetool.bundled import sample
from tracetool.uefi.varstore import VARIABLES_SCHEMA
from tracetool.viewmodel.audit_session import AuditSession, Settings
from tracetool.viewmodel.variables import StoreModel, VariableRows, store_model

HELLO = ("Hello", "11111111-2222-3333-4444-555555555555")


@cache
def known() -> AuditSession:
    """The padding sample with the image before it."""
    image = sample("aavmf-shell-padding/flash1-before.fd.zst")
    return finished(job(PADDING, settings=Settings(Options(images={"virt.flash1": image}))))


def model() -> StoreModel:
    found = store_model(known())
    assert found is not None
    return found


def names(store: StoreModel) -> list[str]:
    return [line[0].text for line in store.rows(store.store()).lines(0, 100)]


@pytest.mark.parametrize(("seq", "there"), [(2272, False), (2273, True), (4355, True), (4356, False)])
def test_a_variable_is_there_from_the_event_that_added_it_until_it_is_deleted(seq: int, *, there: bool) -> None:
    store = model()
    store.go(store.history.position(0, seq))
    assert ("Hello" in names(store)) is there


def test_every_copy_has_a_row_where_asked_for() -> None:
    store = model()
    store.every_copy = True
    hellos = [line for line in store.rows(store.store()).lines(0, 100) if line[0].text == "Hello"]
    assert [(line[3].text, line[3].style) for line in hellos] == [("deleted", "quiet")] * 2


def test_the_steps_of_a_variable_go_to_the_events_that_began_them() -> None:
    store = model()
    store.go(store.history.position(0, 3826))
    steps = store.steps(HELLO)
    assert [line[-1].text for line in steps.lines(0, 10)] == [
        "create",
        "mark for deletion",
        "rewrite",
        "update",
        "supersede",
        "delete",
    ]
    assert [steps.event(row) for row in (0, 5, 6)] == [(0, 2003), (0, 4356), None]
    assert [line[0].style for line in steps.lines(0, 6)] == ["", "", "", "", "quiet", "quiet"]
    assert steps.current == 3


def test_the_store_in_words() -> None:
    store = model()
    assert "change " in store.words(store.store(), several=False)
    assert store.words(store.store(), several=False).endswith("17 variables │ 5 old copies │ 259,796 B free")
    without_image = store_model(padding())
    assert without_image is not None
    without_image.go(0)
    assert "no store header" in without_image.words(without_image.store(), several=False)


def test_guids_that_begin_alike_are_shown_whole() -> None:
    frame = pl.DataFrame(
        {
            "variable": ["Big0", "Big0", "Lang"],
            "guid": [f"11111111-2222-3333-4444-55555555555{last}" for last in (2, 4)] + ["8be4df61-93ca-11d2"],
            "data_bytes": 4,
            "status": "current",
            "value": "",
        }
    )
    for kept, guids in ((frame, frame["guid"].to_list()), (frame[1:], ["11111111", "8be4df61"])):
        rows = VariableRows(kept, {})
        assert [cells[1].text for cells in rows.lines(0, 3)] == guids
        assert next(column.width for column in rows.columns if column.id == "guid") >= len(guids[0])


def test_a_variable_in_full() -> None:
    store = model()
    store.go(store.history.position(0, 4266))
    rows = store.rows(store.store())
    row = rows.row_of(HELLO)
    assert row is not None
    found = rows.detail(row)
    assert found is not None
    assert found.title == "Hello  11111111-2222-3333-4444-555555555555"
    parts = dict(found.parts)
    assert parts["attributes"] == "0x7: non-volatile, boot services, runtime"
    assert parts["state"] == "current (state byte 0x3f)"
    assert parts["place"] == "0x08e0 to 0x092c, 4 B of data"
    assert (found.data, found.more) == (bytes.fromhex("0d0c0b0a"), 0)
    assert rows.detail(len(rows)) is None


def test_of_long_data_the_first_bytes_are_shown_and_the_others_counted() -> None:
    frame = pl.DataFrame(
        [("Big", "8be4df61", 0x3F, "current", 0, 64, 4096, 3600, "ab" * 3600)], VARIABLES_SCHEMA, orient="row"
    )
    found = VariableRows(frame, {64: bytes(range(240)) * 15}).detail(0)
    assert found is not None
    assert len(found.data) + found.more == 3600
    assert found.data == (bytes(range(240)) * 15)[: len(found.data)]
    assert dict(found.parts)["attributes"] == "0x0: none"
