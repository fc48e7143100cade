"""Blocks: what was done to each erase block."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.columns import OpKind, Outcome
from tests.captures import capture_path
from tests.tracetool.logs import BLOCK, log
from tests.tracetool.traces import replayed
from tracetool.analysis.options import Options
from tracetool.timeline.blocks import BLOCKS_SCHEMA, BlockTable
from tracetool.timeline.sums import Sums

if TYPE_CHECKING:
    import polars as pl

FLASH1 = "virt.flash1"


def blocks(trace: str, extent: int | None = None) -> pl.DataFrame:
    device = replayed([trace], Options()).devices[FLASH1]
    assert device.blocks is not None
    return device.blocks.table(FLASH1, extent)


def test_erases_and_programs_are_counted_by_block() -> None:
    trace = log(FLASH1).reset().erase(0).erase(0).buffered(0x80, 1, 2).erase(BLOCK).program(BLOCK + 4, 7)
    table = blocks(trace.text, BLOCK)
    assert table.schema == BLOCKS_SCHEMA
    assert table.select("block", "erases", "programs", "bytes_programmed", "outside").rows() == [
        (0, 2, 1, 8, False),
        (1, 1, 1, 4, True),
    ]


def test_a_program_that_is_given_up_is_no_program() -> None:
    trace = log(FLASH1).reset().write(0, 0xE800E8).write(0, 0, wcycle=1).write(0, 1, wcycle=2).write(0, 0, wcycle=3)
    assert blocks(trace.text).select("programs", "refused", "bytes_programmed").rows() == [(0, 1, 0)]


def test_without_an_extent_nothing_is_inside_or_outside() -> None:
    assert blocks(log(FLASH1).reset().erase(0).text)["outside"].to_list() == [None]


def test_a_flash_that_nobody_wrote_to_has_no_rows() -> None:
    assert blocks(log(FLASH1).reset().read_array().text).is_empty()


@pytest.mark.parametrize(("limit", "count"), [(0, 3), (4, 2), (14, 1), (15, 0)])
def test_the_first_boot_erases_its_live_block_fifteen_times(limit: int, count: int) -> None:
    device = replayed([capture_path("aavmf-first-boot/trace.log.zst")], Options()).devices[FLASH1]
    assert device.blocks is not None
    assert device.blocks.most_erased() == (0, 15)
    assert device.blocks.erased_more_than(limit) == count


def programs(spans: list[tuple[int, int]]) -> Sums:
    """Programs at these offsets, of so many bytes."""
    low, length = np.array(spans, np.int64).T
    alike = dict.fromkeys(("erased", "flags", "unknown"), 0) | {"kind": OpKind.PROGRAM, "outcome": Outcome.DONE}
    columns = {name: np.full(len(low), value, np.int64) for name, value in alike.items()}
    places = {"low": low, "high": low + length, "command_offset": low, "programmed": length, "bytes_changed": length}
    return Sums(columns | places | {"first_seq": low, "last_seq": low + 1}, 0)


@given(st.lists(st.tuples(st.integers(0, 0x4000), st.integers(1, 0x3000)), min_size=1, max_size=30), st.integers(0, 30))
def test_an_operation_counts_in_every_block_that_it_spans_and_its_bytes_in_the_first(
    spans: list[tuple[int, int]], cut: int
) -> None:
    table = BlockTable(0x1000)
    for start, end in pairwise((0, min(cut, len(spans)), len(spans))):
        if start < end:
            table.add(programs(spans[start:end]))
    found = table.table(FLASH1, None)
    expected: dict[int, tuple[int, int, int, int]] = {}
    for number, (low, length) in enumerate(spans):
        for block in range(low // 0x1000, (low + length - 1) // 0x1000 + 1):
            own = length if block == low // 0x1000 else 0
            first, count, total, _ = expected.get(block, (number, 0, 0, number))
            expected[block] = first, count + 1, total + own, number
    assert found.select("block", "programs", "bytes_programmed", "first_seq", "last_seq").rows() == [
        (block, count, total, spans[first][0], spans[last][0] + 1)
        for block, (first, count, total, last) in sorted(expected.items())
    ]
