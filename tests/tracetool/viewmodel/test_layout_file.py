from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.viewmodel.layout_file import load_layout, save_layout
from tracetool.viewmodel.table_look import ColumnWidth, TableLook

if TYPE_CHECKING:
    from pathlib import Path


def test_looks_and_widths_are_read_back(tmp_path: Path) -> None:
    looks = {
        "timeline": TableLook("offset", descending=True, hidden=("status",), widths=(ColumnWidth("seq", 12),)),
        "blocks": TableLook(),
    }
    path = tmp_path / "new" / "layout.json"
    assert save_layout(looks, {"inspector": 80}, path) is None
    assert load_layout(path) == (looks, {"inspector": 80})


def test_no_file_and_a_damaged_one_are_no_layout(tmp_path: Path) -> None:
    path = tmp_path / "layout.json"
    assert load_layout(path) == ({}, {})
    for text in (
        "{",
        "[]",
        '{"schema": "tracetool.layout/1", "tables": [{"table": 3}]}',
        '{"schema": "other"}',
        "\udcff",
    ):
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        assert load_layout(path) == ({}, {})


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wrong = save_layout({}, {}, tmp_path / "file" / "layout.json")
    assert wrong is not None
    assert wrong.startswith("the look of tables will not be remembered: ")
