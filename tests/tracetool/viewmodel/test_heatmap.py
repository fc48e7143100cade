from __future__ import annotations

import numpy as np
import pytest

from tests.tracetool.viewmodel.samples import OUTSIDE, padding
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.flash_map import Shape
from tracetool.viewmodel.heatmap import draw, subjects

PLACE, CELL = 0x100000, 4096


@pytest.mark.parametrize("metric", Metric)
def test_a_map_of_a_moment_counts_up_to_it_and_stands_where_the_whole_stands(metric: Metric) -> None:
    subject = subjects(padding())[0]
    whole = draw(subject, CELL, metric, Shape(16))
    before, then, end = (draw(subject, CELL, metric, Shape(16), (0, seq)) for seq in (OUTSIDE - 3, OUTSIDE, 10**9))
    assert before.rows == then.rows == end.rows == whole.rows
    assert np.array_equal(end.heat.values, whole.heat.values)
    assert np.array_equal(end.levels, whole.levels)
    assert (before.heat.values <= then.heat.values).all()
    assert (before.levels <= whole.levels).all()
    at = whole.cells.at(PLACE)
    assert not before.heat.touched[at]
    assert then.heat.touched[at]


def test_a_moment_before_all_counts_nothing_and_says_so() -> None:
    drawing = draw(subjects(padding())[0], CELL, Metric.PROGRAMS, Shape(16), (0, -1))
    assert not drawing.heat.touched.any()
    assert drawing.words.endswith("not yet played")
    assert drawing.subject.event_at(0, PLACE) is None


def test_a_range_names_the_variables_in_it() -> None:
    subject = subjects(padding())[0]
    assert subject.words(0x698, 0x69C).split(" │ ")[1] == "variables; BootOrder"
    assert subject.words(0x698, 0x800).split(" │ ")[1] == "variables; BootOrder +2"
    assert subject.words(0x3000, 0x3080).split(" │ ")[1] == "variables; free space"
