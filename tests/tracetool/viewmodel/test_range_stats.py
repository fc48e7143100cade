from __future__ import annotations

import polars as pl

from tests.tracetool.logs import log
from tests.tracetool.traces import reader
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.bundled import sample
from tracetool.timeline.operations import OPERATIONS_SCHEMA
from tracetool.viewmodel.range_stats import statistics, within

DEVICE = "virt.flash1"


def operations() -> pl.DataFrame:
    trace = reader(sample("aavmf-shell-padding/trace.log.zst"))
    return replay_readers([trace], Options(keep_operations=True)).operations()


def test_a_range_is_added_up_as_the_audit_has_it() -> None:
    found = statistics(operations().filter(pl.col("device").cast(pl.String) == DEVICE))
    assert (found.erases, found.programs, found.bytes_programmed, found.scattered) == (2, 53, 6660, False)
    words = list(found.words())
    assert "2 erases" in words
    assert "53 programs" in words
    assert any(word.startswith("gaps ") for word in words)


def test_gaps_are_between_the_end_of_one_and_the_begin_of_the_next() -> None:
    frame = OPERATIONS_SCHEMA.to_frame()
    rows = pl.DataFrame({"trace": [0, 0, 0, 0], "time_ns": [0, 100, 300, 1300], "duration_ns": [50, 50, None, 10]})
    found = statistics(pl.concat([frame, rows.cast({"trace": pl.UInt16})], how="diagonal"))
    assert found.gaps is not None
    assert (found.gaps.least, found.gaps.median, found.gaps.most) == (50, 150, 1000)
    assert str(found.gaps) == "50 ns / 150 ns / 1 µs"


def test_what_touches_a_stretch_of_the_flash_is_chosen() -> None:
    found = within(operations().filter(pl.col("device") == DEVICE), 0x100000, 0x100001)
    assert statistics(found).programs == 1
    assert statistics(found).bytes_programmed == 4
    assert len(within(operations(), 0x200000, 0x300000)) == 0


def test_what_lies_between_scattered_words_of_a_buffer_is_not_programmed() -> None:
    row = {"kind": "buffered-program", "outcome": "done", "offset": 0, "length": 1 << 26, "accesses": 35}
    frame = pl.DataFrame([row], schema={name: OPERATIONS_SCHEMA[name] for name in row})
    found = statistics(pl.concat([OPERATIONS_SCHEMA.to_frame(), frame], how="diagonal"))
    assert found.programs == 1
    assert 128 <= found.bytes_programmed <= 140
    assert "~140 B programmed" in found.words()


def test_unknown_contents_have_no_changed_bytes() -> None:
    made = log(DEVICE).reset().program(0, 1).text
    frame = replay_readers([reader(made)], Options(keep_operations=True)).operations()
    assert statistics(frame).bytes_changed is None
    assert statistics(frame).gaps is None


def test_nothing_adds_up_to_nothing() -> None:
    found = statistics(OPERATIONS_SCHEMA.to_frame())
    assert found.operations == 0
    assert next(iter(found.words())) == "0 operations"
