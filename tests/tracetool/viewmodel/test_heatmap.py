from __future__ import annotations

import numpy as np
import pytest

from tests.tracetool.viewmodel.samples import OUTSIDE, first_boot, padding
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.flash_map import Room, Shape
from tracetool.viewmodel.heatmap import draw, subjects

PLACE, CELL = 0x100000, 4096


def room(columns: int) -> Room:
    """Room in which nothing fits, so that cells are as small as they can be."""
    return Room(columns, 0, Shape(columns))


@pytest.mark.parametrize("metric", Metric)
def test_a_map_of_a_moment_counts_up_to_it_and_stands_where_the_whole_stands(metric: Metric) -> None:
    subject = subjects(padding())[0]
    whole = draw(subject, CELL, metric, room(16))
    before, then, end = (draw(subject, CELL, metric, room(16), (0, seq)) for seq in (OUTSIDE - 3, OUTSIDE, 10**9))
    assert before.rows == then.rows == end.rows == whole.rows
    assert np.array_equal(end.heat.values, whole.heat.values)
    assert np.array_equal(end.levels, whole.levels)
    assert (before.heat.values <= then.heat.values).all()
    assert (before.levels <= whole.levels).all()
    at = whole.cells.at(PLACE)
    assert not before.heat.touched[at]
    assert then.heat.touched[at]


def test_a_moment_before_all_counts_nothing_and_says_so() -> None:
    drawing = draw(subjects(padding())[0], CELL, Metric.PROGRAMS, room(16), (0, -1))
    assert not drawing.heat.touched.any()
    assert drawing.words.endswith("not yet played")
    assert drawing.subject.event_at(0, PLACE) is None


def test_a_range_names_the_variables_in_it() -> None:
    subject = subjects(padding())[0]
    assert subject.words(0x698, 0x69C).split(" │ ")[1] == "variables; BootOrder"
    assert subject.words(0x698, 0x800).split(" │ ")[1] == "variables; BootOrder +2"
    assert subject.words(0x3000, 0x3080).split(" │ ")[1] == "variables; free space"


@pytest.mark.parametrize("cell_bytes", [128, 4096, 256 << 10])
def test_the_number_of_a_cell_and_of_its_words_agree(cell_bytes: int) -> None:
    subject = subjects(first_boot())[0]
    for metric, field in ((Metric.CHANGED, "bytes_changed"), (Metric.ERASES, "erases"), (Metric.PROGRAMS, "programs")):
        drawing = draw(subject, cell_bytes, metric, room(64))
        chosen = [*np.flatnonzero(drawing.heat.values)[:40].tolist(), 0]
        for cell in chosen:
            assert getattr(subject.statistics(*drawing.cells.span(cell)), field) == drawing.heat.values[cell]


def test_changed_bytes_are_those_of_the_operations() -> None:
    subject = subjects(first_boot())[0]
    drawing = draw(subject, subject.block_bytes, Metric.CHANGED, room(64))
    assert drawing.heat.values.sum() == subject.operations["bytes_changed"].sum() > 0
