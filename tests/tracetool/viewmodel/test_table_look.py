from __future__ import annotations

import pytest

from tracetool.viewmodel.cells import Column
from tracetool.viewmodel.table_look import ColumnWidth, TableLook, order_of_texts

COLUMNS = (Column("name", "name", 8), Column("size", "size", 6, right=True), Column("rest", "rest", 20))


def test_a_column_is_sorted_by_the_other_way_round_and_no_more() -> None:
    up = TableLook().sorted_next("size")
    assert (up.sorted_by, up.descending) == ("size", False)
    down = up.sorted_next("size")
    assert (down.sorted_by, down.descending) == ("size", True)
    assert down.sorted_next("size") == TableLook()
    assert down.sorted_next("name") == TableLook("name")


def test_columns_are_hidden_and_shown_and_one_is_always_left() -> None:
    look = TableLook().toggled("size")
    assert [column.id for column in look.laid_out(COLUMNS)] == ["name", "rest"]
    assert look.toggled("size") == TableLook()
    for name in ("name", "rest"):
        look = look.toggled(name)
    assert look.shown(COLUMNS) == [0, 1, 2]


def test_widths_have_bounds_and_the_sign_of_the_order_fits_into_them() -> None:
    look = TableLook("size").resized("size", 0)
    assert look.widths == (ColumnWidth("size", 2),)
    assert look.laid_out(COLUMNS)[1] == Column("size", "s▲", 2, right=True)
    assert look.resized("size", 9999).width(COLUMNS[1]) == 200


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["10", "9", "", "1,000"], [1, 0, 3, 2]),
        (["0x100", "0x20", "b", "A"], [1, 0, 3, 2]),
        (["1 KiB", "800 B", "2 MiB"], [1, 0, 2]),
        (["2 s", "300 ms", "10 µs"], [2, 1, 0]),
        (["b", "a", "b", "a"], [1, 3, 0, 2]),
        ([], []),
    ],
)
def test_texts_are_sorted_as_what_they_say(texts: list[str], order: list[int]) -> None:
    assert order_of_texts(texts, descending=False).tolist() == order


def test_empty_cells_are_last_in_both_directions() -> None:
    assert order_of_texts(["", "2", "1"], descending=True).tolist() == [1, 2, 0]
