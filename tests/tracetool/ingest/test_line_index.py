from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tests.tracetool.cli.program import PADDING
from tracetool.ingest import LineReader, line_index, open_trace
from tracetool.ingest.line_index import LineIndex

if TYPE_CHECKING:
    import pytest

gaps = st.lists(st.integers(0, 3), max_size=80)


def indexed(lines: list[int], cuts: list[int]) -> LineIndex:
    index = LineIndex()
    for start, end in pairwise([0, *sorted(cuts), len(lines)]):
        index.add(pl.Series(lines[start:end], dtype=pl.Int64), min(start, len(lines)))
    return index


def lines_with(found: list[int]) -> list[int]:
    """Lines of events with so many other lines (or, for 0, none and the same line) between them."""
    lines, line = [], 1
    for gap in found:
        line += gap
        lines.append(line)
    return lines


@given(gaps, st.lists(st.integers(0, 80), max_size=4))
def test_every_event_has_its_line_however_it_was_read(found: list[int], cuts: list[int]) -> None:
    lines = lines_with(found)
    assert indexed(lines, cuts).lines_of(range(-1, len(lines) + 1)) == dict(enumerate(lines))


def test_what_is_beyond_the_room_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_index, "RUNS", 3)
    lines = [1, 2, 5, 6, 9, 20, 21]
    for cuts in ([], [1], [4, 5]):
        assert indexed(lines, cuts).lines_of(range(7)) == {0: 1, 1: 2, 2: 5, 3: 6, 4: 9}


def test_a_log_knows_the_lines_of_what_was_read_last() -> None:
    reader = open_trace(str(PADDING))
    assert isinstance(reader, LineReader)
    assert reader.lines_of([0]) == {}
    for _ in range(2):
        events = sum(len(frame) for frame in reader.chunks())
        assert reader.lines_of([0, 4368, events]) == {0: 1, 4368: 4369}
