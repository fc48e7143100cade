from __future__ import annotations

import pytest

from tests.tracetool.viewmodel.samples import both, first_boot, padding
from tracetool.viewmodel.block_rows import block_rows, blocks, range_rows
from tracetool.viewmodel.heatmap import subjects


@pytest.mark.parametrize("session", [padding, first_boot, both])
def test_blocks_are_those_of_the_audit(session: object) -> None:
    loaded = session()  # type: ignore[operator]
    for subject in subjects(loaded):
        device = loaded.device(subject.device)
        found = blocks(subject)
        for column in ("block", "offset", "erases", "programs", "refused", "first_trace", "first_seq", "outside"):
            assert found[column].to_list() == device.blocks[column].to_list(), column


def test_the_rows_have_bars_and_times_and_sort_by_what_they_count() -> None:
    rows = block_rows(blocks(subjects(padding())[0]))
    assert [column.id for column in rows.columns][:4] == ["block", "region", "erases", "programs"]
    (first, second) = rows.lines(0, 10)
    assert [cell.text.strip() for cell in first][:4] == ["0", "variables", "2 ██████", "52 ██████"]
    assert [cell.text.strip() for cell in second][:4] == ["✖4", "", "", "1 ▏"]
    order = rows.order("programs", descending=False)
    assert order is not None
    assert order.tolist() == [1, 0]
    assert rows.order("no column", descending=False) is None
    assert rows.gather([1, 0]) == [second, first]


def test_what_wrote_to_a_range_is_listed_and_reads_are_not() -> None:
    subject = subjects(padding())[0]
    rows = range_rows(subject, 0x100000, 0x100080)
    assert [cell.text for cell in rows.lines(0, 9)[0]][2:7] == ["program", "0x100000", "4 B", "?", "done"]
    assert len(rows) == 1
    assert len(range_rows(subject, 0x200000, 0x300000)) == 0
