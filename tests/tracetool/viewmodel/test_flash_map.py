from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracetool.traces import reader
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.bundled import sample
from tracetool.timeline.operations import OPERATIONS_SCHEMA
from tracetool.uefi.regions import Region
from tracetool.viewmodel.bins import PIECE, Cells, Heat, Metric, heat, modules_of
from tracetool.viewmodel.flash_map import (
    GLYPHS,
    LEVELS,
    Room,
    Shape,
    bounds,
    cell_sizes,
    fill,
    glyph,
    lay_out,
    levels,
)

REGION, EXTENT, BLOCK = 64 << 20, 768 << 10, 256 << 10
DEVICE = "virt.flash1"
NAMED = [Region("variables", 0, BLOCK), Region("FTW working", BLOCK, 2 * BLOCK), Region("FTW spare", 2 * BLOCK, EXTENT)]


def padding() -> pl.DataFrame:
    trace = reader(sample("aavmf-shell-padding/trace.log.zst"))
    frame = replay_readers([trace], Options(keep_operations=True)).operations()
    return frame.filter(pl.col("device").cast(pl.String) == DEVICE)


OPERATION = st.tuples(
    st.sampled_from(["erase", "program", "buffered-program", "status"]),
    st.sampled_from(["done", "refused", "aborted"]),
    st.none() | st.integers(0, 4000),
    st.none() | st.integers(0, 900),
)


def frame_of(rows: list[tuple[str, str, int | None, int | None]]) -> pl.DataFrame:
    names = ["kind", "outcome", "offset", "length"]
    schema = {name: OPERATIONS_SCHEMA[name] for name in names}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize("name", ["aavmf-first-boot", "aavmf-shell-padding"])
def test_cells_as_large_as_blocks_are_the_blocks_of_the_audit(name: str) -> None:
    replayed = replay_readers([reader(sample(f"{name}/trace.log.zst"))], Options(keep_operations=True))
    mine = pl.col("device").cast(pl.String) == DEVICE
    blocks, cells = replayed.blocks().filter(mine), Cells(REGION, BLOCK)
    for metric, column in ((Metric.ERASES, "erases"), (Metric.PROGRAMS, "programs"), (Metric.REFUSED, "refused")):
        found = heat(replayed.operations().filter(mine), cells, metric)
        assert found.values[blocks["block"]].tolist() == blocks[column].to_list()
        assert found.values.sum() == blocks[column].sum()


@given(
    rows=st.lists(OPERATION, max_size=30),
    cell=st.sampled_from([128, 256, 1000]),
    extent=st.none() | st.integers(0, 5000),
    metric=st.sampled_from([metric for metric in Metric if metric not in (Metric.CHANGED, Metric.MODULE)]),
    piece=st.sampled_from([1, 7, PIECE]),
)
def test_binning_is_what_going_through_the_operations_gives(
    rows: list[tuple[str, str, int | None, int | None]],
    cell: int,
    extent: int | None,
    metric: Metric,
    piece: int,
) -> None:
    cells = Cells(5000, cell, extent)
    found = heat(frame_of(rows), cells, metric, piece=piece)
    expected = [0] * cells.count
    touched = [False] * cells.count
    for number, (kind, outcome, offset, length) in enumerate(rows):
        if offset is None:
            continue
        covered = range(cells.at(offset), cells.at(offset + max(length or 1, 1) - 1) + 1)
        for at in covered:
            touched[at] = True
        refused, program = outcome in ("refused", "aborted"), "program" in kind
        writing = kind != "status"
        for at in covered:
            if metric == Metric.LAST:
                expected[at] = number + 1 if writing else expected[at]
            elif metric == Metric.ERASES:
                expected[at] += kind == "erase" and not refused
            elif metric == Metric.PROGRAMS:
                expected[at] += program and not refused
            else:
                expected[at] += writing and refused
    assert found.values.tolist() == expected
    assert found.touched.tolist() == touched


@given(
    rows=st.lists(st.tuples(OPERATION, st.sampled_from(["A", "B", "C", None])), max_size=30),
    cell=st.sampled_from([128, 256, 1000]),
    extent=st.none() | st.integers(0, 5000),
)
@pytest.mark.slow
def test_the_module_of_a_cell_asked_for_most_of_its_writes(
    rows: list[tuple[tuple[str, str, int | None, int | None], str | None]], cell: int, extent: int | None
) -> None:
    cells = Cells(5000, cell, extent)
    by = [module for _, module in rows]
    frame = frame_of([row for row, _ in rows]).with_columns(pl.Series("by", by, pl.String))
    modules = modules_of(frame)
    writes = Counter(module for (kind, *_), module in rows if kind != "status" and module is not None)
    assert list(modules) == sorted(writes, key=lambda module: (-writes[module], module))
    found = heat(frame, cells, Metric.MODULE, None, modules)
    counts: list[Counter[str | None]] = [Counter() for _ in range(cells.count)]
    for (kind, _, offset, length), module in rows:
        if offset is not None and kind != "status":
            for at in range(cells.at(offset), cells.at(offset + max(length or 1, 1) - 1) + 1):
                counts[at][module] += 1
    for count, value in zip(counts, found.values.tolist(), strict=True):
        most = max(count.values(), default=0)
        best = [rank for rank, module in enumerate(modules, 1) if most and count[module] == most]
        assert value == (best[0] if best else 0)
    assert found.touched.tolist() == heat(frame, cells, Metric.PROGRAMS).touched.tolist()


@given(
    region=st.integers(1, 1 << 22),
    cell=st.sampled_from([128, 4096, 1 << 18]),
    extent=st.none() | st.integers(0, 1 << 22),
)
def test_cells_cover_the_region_once_and_none_lies_on_both_sides_of_the_extent(
    region: int, cell: int, extent: int | None
) -> None:
    cells = Cells(region, cell, extent)
    at = 0
    for number in range(cells.count):
        start, end = cells.span(number)
        assert start == at < end
        assert cells.at(start) == cells.at(end - 1) == number
        if extent is not None:
            assert (end <= extent) == (number < cells.inside)
        at = end
    assert at == region


@pytest.mark.parametrize("cell_bytes", cell_sizes(BLOCK))
@pytest.mark.first_quick
def test_the_write_to_the_padding_is_beyond_the_line_at_every_zoom(cell_bytes: int) -> None:
    cells = Cells(REGION, cell_bytes, EXTENT)
    found = heat(padding(), cells, Metric.PROGRAMS)
    assert found.values[cells.at(0x100000)] == 1
    rows = lay_out(cells, found.touched, Shape(64), NAMED)
    line = next(number for number, row in enumerate(rows) if row.kind == "extent")
    hot = next(
        number for number, row in enumerate(rows) if row.kind == "cells" and row.first <= cells.at(0x100000) < row.last
    )
    assert hot > line
    assert [row.kind for row in rows[hot + 1 :]] == ["fold"]
    assert len(rows) < 120


def test_regions_are_named_where_they_begin_and_folds_say_what_they_are() -> None:
    cells = Cells(REGION, 4096, EXTENT)
    rows = lay_out(cells, np.zeros(cells.count, np.bool_), Shape(32), NAMED)
    assert [row.words for row in rows if row.kind == "cells" and row.words] == ["variables", "FTW working", "FTW spare"]
    assert rows[-1].words == "63.25 MiB of padding, untouched"
    assert next(row for row in rows if row.kind == "extent").words == "end of the extent, 768 KiB (0xc0000)"


@given(
    columns=st.integers(1, 200),
    extent=st.none() | st.integers(0, 1 << 20),
    hot=st.sets(st.integers(0, 1023), max_size=8),
)
def test_rows_hold_every_cell_once(columns: int, extent: int | None, hot: set[int]) -> None:
    cells = Cells(1 << 20, 1024, extent)
    touched = np.zeros(cells.count, np.bool_)
    touched[list(hot)] = True
    rows = [row for row in lay_out(cells, touched, Shape(columns)) if row.kind != "extent"]
    assert [row.first for row in rows] == [0, *(row.last for row in rows)][:-1]
    assert rows[-1].last == cells.count
    assert not any(touched[row.first : row.last].any() for row in rows if row.kind == "fold")


def test_the_hottest_cell_has_the_last_shape_and_nothing_has_none() -> None:
    found = heat(padding(), Cells(REGION, BLOCK, EXTENT), Metric.PROGRAMS)
    steps = levels(found)
    assert int(steps.max()) == LEVELS
    assert glyph(LEVELS, touched=True) == GLYPHS[-1]
    assert glyph(0, touched=False) == " "
    assert glyph(0, touched=True) not in GLYPHS + " "
    assert levels(heat(padding().head(0), Cells(REGION, BLOCK), Metric.LAST)).max() == 0


@given(most=st.integers(0, 3000) | st.integers(0, 1 << 40), metric=st.sampled_from(Metric), data=st.data())
def test_the_legend_says_which_values_a_level_stands_for(most: int, metric: Metric, data: st.DataObject) -> None:
    found = bounds(most, metric)
    ends = [end for pair in found.values() for end in pair]
    assert ends == sorted(ends)
    assert bool(found) == bool(most)
    if not most:
        return
    assert (ends[0], ends[-1]) == (1, most)
    values = sorted({*ends, data.draw(st.integers(1, most))})
    cells = Cells(len(values) * 128, 128)
    counted = Heat(metric, cells, np.array(values), np.ones(len(values), np.bool_))
    for value, level in zip(values, levels(counted, most).tolist(), strict=True):
        first, last = found[level]
        assert first <= value <= last


def test_zooming_ends_at_the_smallest_buffer() -> None:
    assert cell_sizes(BLOCK) == [262144, 65536, 16384, 4096, 1024, 256, 128]


@given(
    region=st.integers(1, 5000),
    extent=st.none() | st.integers(0, 5000),
    hot=st.sets(st.integers(0, 4999), max_size=8),
    columns=st.integers(1, 130),
    lines=st.integers(1, 60),
)
def test_cells_grow_to_fill_the_room_and_lie_in_it_where_they_can(
    region: int, extent: int | None, hot: set[int], columns: int, lines: int
) -> None:
    cells = Cells(region, 1, extent)
    touched = np.isin(np.arange(cells.count), list(hot))
    room = Room(columns, lines, Shape(1 << (columns.bit_length() - 1), 2))
    shape, rows = fill(cells, touched, room)
    smallest = lay_out(cells, touched, next(room.shapes()))
    assert shape.columns * shape.width <= columns
    assert len(rows) <= max(lines, len(smallest))
    if len(smallest) <= lines:
        assert shape.columns * shape.width * len(rows) >= room.shape.columns * len(smallest)
    shown = [cell for row in rows if not row.part for cell in range(row.first, row.last)]
    assert shown == list(range(cells.count))


def test_a_small_flash_fills_a_large_screen() -> None:
    cells = Cells(64 << 10, 128)
    shape, rows = fill(cells, np.ones(cells.count, np.bool_), Room(100, 50, Shape(64, 2)))
    assert shape.columns * shape.width * len(rows) > 0.9 * 100 * 50
