from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracetool.timeline.operations import OPERATIONS_SCHEMA
from tracetool.viewmodel.bins import Cells, Metric, heat
from tracetool.viewmodel.flash_map import Shape, lay_out, levels
from tracetool.viewmodel.heatmap import Drawing, Subject, cell_under, sideways, up_or_down

CELL = 128


def drawn(size: int, shape: Shape, places: set[int], extent: int | None = None) -> Drawing:
    """A flash of so many cells in which some were programmed."""
    rows = [("program", "done", cell * CELL, 1, 1) for cell in sorted(places)]
    names = ["kind", "outcome", "offset", "length", "bytes_changed"]
    frame = pl.DataFrame(rows, schema={name: OPERATIONS_SCHEMA[name] for name in names}, orient="row")
    limit = None if extent is None else extent * CELL
    subject, cells = Subject("flash", size * CELL, CELL, limit, frame), Cells(size * CELL, CELL, limit)
    found = heat(frame, cells, Metric.PROGRAMS)
    return Drawing(subject, found, levels(found), found.most, tuple(lay_out(cells, found.touched, shape)), shape)


@st.composite
def drawings(pick: st.DrawFn) -> Drawing:
    size = pick(st.integers(1, 400))
    deep, tall = pick(st.sampled_from([(1, 1), (2, 1), (1, 2), (1, 3)]))
    shape = Shape(pick(st.sampled_from([1, 4, 16])), deep, 1, tall)
    places = pick(st.sets(st.integers(0, size - 1), max_size=6))
    return drawn(size, shape, places, pick(st.none() | st.integers(0, size)))


@given(drawing=drawings(), data=st.data())
def test_a_step_down_and_one_up_lead_back_where_a_column_goes_on(drawing: Drawing, data: st.DataObject) -> None:
    cell = data.draw(st.integers(0, drawing.cells.count - 1))
    below = up_or_down(drawing, cell, 1)
    assert cell <= below < drawing.cells.count
    row = drawing.rows[drawing.row_of(cell)]
    whole = row.kind == "cells" and row.first + drawing.shape.columns <= row.last
    there = drawing.rows[drawing.row_of(below)]
    if below != cell and whole and there.kind == "cells" and column(drawing, below) == column(drawing, cell):
        assert up_or_down(drawing, below, -1) == cell


def column(drawing: Drawing, cell: int) -> int:
    return (cell - drawing.rows[drawing.row_of(cell)].first) % drawing.shape.columns


@given(drawing=drawings())
def test_every_line_is_reached_by_steps_down_and_by_steps_to_the_right(drawing: Drawing) -> None:
    lines = {number for number, row in enumerate(drawing.rows) if row.kind != "extent" and not row.part}
    for step in (up_or_down, sideways):
        cell, seen = 0, {drawing.row_of(0)}
        while (after := step(drawing, cell, 1)) != cell:
            assert after > cell
            cell = after
            seen.add(drawing.row_of(cell))
        assert seen == lines


@given(drawing=drawings())
@pytest.mark.slow
def test_steps_to_the_left_go_back_over_the_same_cells(drawing: Drawing) -> None:
    forwards = [0]
    while (after := sideways(drawing, forwards[-1], 1)) != forwards[-1]:
        forwards.append(after)
    backwards = [forwards[-1]]
    while (before := sideways(drawing, backwards[-1], -1)) != backwards[-1]:
        backwards.append(before)
    assert backwards[::-1] == forwards


@given(drawing=drawings())
def test_every_cell_lies_where_it_is_pointed_at(drawing: Drawing) -> None:
    shape = drawing.shape
    for number, row in enumerate(drawing.rows):
        if row.kind != "cells":
            assert cell_under(drawing, number, 3, 0.5) == (row.first if row.kind == "fold" else None)
            continue
        for cell in range(row.first, row.last):
            deep, across = divmod(cell - row.first, shape.columns)
            assert cell_under(drawing, number, across, (deep + 0.5) / shape.deep) == cell
    assert cell_under(drawing, len(drawing.rows), 0, None) is None
    assert cell_under(drawing, -1, 0, None) is None


@pytest.mark.parametrize("hot", [5, 21], ids=["upper", "lower"])
def test_without_pixels_the_hotter_half_is_meant(hot: int) -> None:
    drawing = drawn(32, Shape(16, 2), {hot})
    assert cell_under(drawing, 0, 5, None) == hot
    assert cell_under(drawing, 0, 6, None) == 6
    only_touched = replace(drawing, heat=replace(drawing.heat, values=np.zeros(32, np.int64)))
    assert cell_under(replace(only_touched, levels=levels(only_touched.heat)), 0, 5, None) == hot


def test_beside_a_short_line_the_nearest_cell_is_meant() -> None:
    drawing = drawn(21, Shape(16, 2), {0})
    assert cell_under(drawing, 0, 9, 0.9) == 9
    assert cell_under(drawing, 0, 99, 0.1) == 15
    assert cell_under(drawing, 0, -4, 0.1) == 0
    assert up_or_down(drawing, 9, 1) == 20
    assert up_or_down(drawing, 9, 50) == 20
    assert cell_under(drawn(3, Shape(16, 2), {0}), 0, 9, 0.1) == 2
