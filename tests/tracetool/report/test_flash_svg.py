from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracetool.report.cases import CASES
from tracetool.analysis.device import Extent
from tracetool.report.flash_svg import CELL_HEIGHT, MOST_CELLS, WIDTH, FlashDrawing, draw_flash
from tracetool.report.formats.html import write_html
from tracetool.timeline.blocks import BLOCKS_SCHEMA

REGION, BLOCK = 64 << 20, 256 << 10
COUNT = REGION // BLOCK

AUDIT = replace(CASES["within"](), findings=())
(DEVICE,) = AUDIT.devices

used = st.sets(st.integers(0, COUNT - 1), max_size=COUNT)
extents = st.none() | st.integers(0, COUNT).map(lambda blocks: blocks * BLOCK) | st.integers(0, REGION)


def blocks(numbers: set[int], block: int = BLOCK) -> pl.DataFrame:
    rows = [
        {
            "device": DEVICE.name,
            "block": number,
            "offset": number * block,
            "length": block,
            "erases": 1,
            "programs": number,
        }
        | {"refused": 0, "bytes_programmed": 4, "first_trace": 0, "first_seq": 0, "last_trace": 0, "last_seq": 0}
        for number in sorted(numbers)
    ]
    return pl.DataFrame(rows, schema=BLOCKS_SCHEMA)


def drawn(numbers: set[int], extent: int | None) -> FlashDrawing | None:
    known = None if extent is None else Extent(extent, "a test")
    return draw_flash(replace(DEVICE, blocks=blocks(numbers), extent=known), AUDIT)


def spans(found: FlashDrawing) -> list[tuple[int, int]]:
    """The bytes that each cell stands for, from its title."""
    offsets = [cell.title.partition(", ")[2].partition(":")[0].split(" to ") for cell in found.cells]
    return [(int(start, 16), int(end, 16)) for start, end in offsets]


@settings(deadline=None)
@given(used, extents)
def test_the_cells_are_the_whole_region_each_byte_once(numbers: set[int], extent: int | None) -> None:
    found = drawn(numbers, extent)
    if found is None or not numbers:
        assert extent is None or found is not None
        return
    stretches = spans(found)
    assert (stretches[0][0], stretches[-1][1]) == (0, REGION)
    assert all(left[1] == right[0] for left, right in pairwise(stretches))
    assert len(found.cells) <= MOST_CELLS


@settings(deadline=None)
@given(used, extents)
def test_cells_lie_beside_each_other_on_the_canvas(numbers: set[int], extent: int | None) -> None:
    found = drawn(numbers, extent)
    for left, right in pairwise(found.cells if found else ()):
        assert (
            right.y >= left.y + CELL_HEIGHT if right.x == 0 else (right.y == left.y and right.x >= left.x + left.width)
        )
        assert right.x + right.width <= WIDTH
        assert found is None or right.y + CELL_HEIGHT <= found.blocks_height


@settings(deadline=None)
@given(used.filter(bool), extents.filter(lambda extent: extent is not None))
def test_the_extent_is_drawn_once_and_where_it_is(numbers: set[int], extent: int) -> None:
    found = drawn(numbers, extent)
    assert found is not None
    assert found.extent == pytest.approx(extent / REGION * WIDTH, abs=0.01)
    ((part, (start, end)),) = [
        (cell.extent, span) for cell, span in zip(found.cells, spans(found), strict=True) if cell.extent is not None
    ]
    assert start + part * (end - start) == pytest.approx(extent, abs=(end - start) / 500)


@settings(deadline=None)
@given(used, extents)
def test_what_was_used_is_neither_folded_nor_left_out(numbers: set[int], extent: int | None) -> None:
    found = drawn(numbers, extent)
    shown = [span for cell, span in zip(found.cells, spans(found), strict=True) if cell.kind == "used"] if found else []
    assert all(any(start <= number * BLOCK < end for start, end in shown) for number in numbers)
    assert not found or all(mark.x >= 0 and mark.x + mark.width <= WIDTH + 0.01 for mark in found.marks)


def test_commands_outside_are_marked_though_they_stored_nothing() -> None:
    """The padding sample's guest programs one word beyond the extent and then only sends commands."""
    audit = CASES["padding"]()
    device = next(found for found in audit.devices if found.name == "virt.flash1")
    commands = tuple(found for found in audit.findings if found.rule == "EXT003")
    inside = replace(device, blocks=device.blocks.filter(~pl.col("outside")))
    found = draw_flash(inside, replace(audit, findings=commands))
    assert found is not None
    assert [mark.title for mark in found.marks if mark.kind == "outside"] == ["EXT003: 0x100000 to 0x100004"]
    assert [cell.bars for cell in found.cells if cell.outside and cell.kind == "used"] == [
        (("commands", 0, "commands"),)
    ]


@pytest.mark.slow
def test_a_flash_of_many_blocks_makes_a_page_of_bounded_size() -> None:
    """Sixteen thousand blocks of 4 KiB, every one of them used."""
    assert DEVICE.geometry is not None
    small = 4 << 10
    device = replace(
        DEVICE,
        geometry=replace(DEVICE.geometry, block=small),
        blocks=blocks(set(range(REGION // small)), small),
        extent=Extent(768 << 10, "a test"),
    )
    assert len(write_html(replace(AUDIT, devices=(device,))).encode()) < 2 << 20
