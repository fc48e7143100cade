from __future__ import annotations

import pytest

from tests.tracetool.fleet.rows import a_row, a_table, code_row
from tracetool.fleet.table import FLEET_SCHEMA
from tracetool.fleet.vocabulary import FLEET, chosen
from tracetool.timeline.query import QueryError

TABLE = a_table(
    a_row("a", findings=[{"rule": "SEQ002", "severity": "error", "count": 2}]),
    code_row("a"),
    a_row("b", verdict="inconclusive", minimum_backing_bytes=2 << 20),
)


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("verdict == inconclusive", [("b", "virt.flash1")]),
        ("minimum_backing_bytes > 1M", [("b", "virt.flash1")]),
        ("rules == SEQ002", [("a", "virt.flash1")]),
        ("rule ~ SEQ", [("a", "virt.flash1")]),
        ("read_only == true", [("a", "virt.flash0")]),
        ("run == a and erases >= 2 and device == virt.flash1", [("a", "virt.flash1")]),
        ("code == no-extent", [("a", "virt.flash0")]),
    ],
)
def test_a_query_chooses_rows(where: str, rows: list[tuple[str, str]]) -> None:
    found = chosen(TABLE, where)
    assert found["run", "device"].rows() == rows
    assert found.schema == FLEET_SCHEMA


def test_every_column_but_times_and_hash_of_files_can_be_asked_for() -> None:
    asked = {column.name for column in FLEET.columns} - {"rules"}
    assert FLEET_SCHEMA.keys() - asked == {"findings", "digest", "seconds", "cpu_seconds"}
    assert asked <= FLEET_SCHEMA.keys()


def test_a_wrong_query_is_an_error() -> None:
    with pytest.raises(QueryError):
        chosen(TABLE, "colour == red")
