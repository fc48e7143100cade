from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tracetool.timeline.query import EVENTS, FINDINGS, OPERATIONS, Column, Type, Vocabulary, parse

if TYPE_CHECKING:
    from polars._typing import PolarsDataType

START = 1_000_000_000


def kept(text: str, vocabulary: Vocabulary, *starts: int | None, **columns: pl.Series) -> list[int]:
    """The numbers of the rows that the query keeps; `starts` are those of the traces."""
    frame = pl.DataFrame(columns).with_row_index("row")
    return frame.filter(parse(text, vocabulary).expression(starts))["row"].to_list()


def series(*values: Any, dtype: PolarsDataType | None = None) -> pl.Series:  # noqa: ANN401
    return pl.Series(values, dtype=dtype)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("outcome == done", [0]),
        ("outcome != done", [1]),
        ("not outcome == done", [1]),
        ("not outcome != done", [0]),
        ("outcome is null", [2]),
        ("not outcome is null", [0, 1]),
        ("outcome is known", [0, 1]),
        ("not outcome == done or outcome is null", [1, 2]),
        ("outcome == done or accesses == 3", [0, 2]),
        ("outcome == done and accesses == 1", [0]),
        ("not (outcome == done and accesses == 9)", [0, 1, 2]),
        ("not (outcome == done or accesses == 3)", [1]),
        ("outcome !~ one", [1]),
        ("outcome not in (done, aborted)", [1]),
    ],
)
def test_what_is_not_known_is_in_neither_a_comparison_nor_its_opposite(text: str, rows: list[int]) -> None:
    columns: dict[str, Any] = {"outcome": series("done", "lost", None), "accesses": series(1, 2, 3)}
    assert kept(text, OPERATIONS, **columns) == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("t == 0", [0]),
        ("t > 250ms", [2]),
        ("t in 250ms..500ms", [1]),
        ("t in 250ms..=500ms", [1, 2]),
        ("t < 0", [4]),
        ("t is null", [3]),
        ("time_ns >= 1500000000", [2]),
    ],
)
def test_time_counts_from_the_start(text: str, rows: list[int]) -> None:
    times = series(START, START + 250_000_000, START + 500_000_000, None, START - 1)
    assert kept(text, EVENTS, START, time_ns=times, trace=series(0, 0, 0, 0, 0)) == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("t == 0", [0, 1]),
        ("t < 7s", [0, 1, 2]),
        ("trace == 1 and t in 1s..7s", [2]),
        ("t > 0", [2, 3]),
        ("t is null", [4, 5]),
    ],
)
def test_time_counts_from_the_start_of_the_rows_own_trace(text: str, rows: list[int]) -> None:
    early = 3
    times = series(START, early, early + 2_000_000_000, START + 9_000_000_000, START, START)
    traces = series(0, 1, 1, 0, 2, None)
    assert kept(text, EVENTS, START, early, None, time_ns=times, trace=traces) == rows


def test_without_a_start_no_time_since_it_is_known() -> None:
    times = series(1, 2, None, dtype=pl.Int64())
    for starts in ((None,), ()):
        assert kept("t > 0 or t <= 0", EVENTS, *starts, time_ns=times, trace=series(0, 0, 0)) == []
        assert kept("t is null", EVENTS, *starts, time_ns=times, trace=series(0, 0, 0)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("seq == 15", [0, 1]),
        ("seq == 20", [0, 1]),
        ("seq != 15", [2]),
        ("seq in 21..30", [1]),
        ("seq in (12, 40)", [0, 2]),
        ("seq < 15", [0]),
        ("seq <= 15", [0, 1]),
        ("seq > 20", [1, 2]),
        ("not seq > 20", [0]),
        ("seq is null", [3, 4]),
    ],
)
def test_an_operation_is_where_one_of_its_events_is(text: str, rows: list[int]) -> None:
    first, last = series(10, 15, 40, None, 1), series(20, 25, 41, 3, None)
    assert kept(text, OPERATIONS, first_seq=first, last_seq=last) == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [("seq == 4370", [0, 1]), ("seq == 412", [0, 1]), ("seq == 500", [0]), ("seq < 412", [0]), ("seq > 4370", [2])],
)
def test_a_finding_over_two_traces_has_its_first_and_its_last_event(text: str, rows: list[int]) -> None:
    columns: dict[str, Any] = {"first_seq": series(10, 4370, 4371), "last_seq": series(4370, 412, 4371)}
    assert kept(text, FINDINGS, **columns, trace=series(0, 0, 2), last_trace=series(0, 1, 2)) == rows


def test_the_end_is_the_first_byte_after() -> None:
    columns: dict[str, Any] = {"offset": series(0, 0x40000, None), "length": series(0x40000, 0x40000, 4)}
    assert kept("end == 256K", OPERATIONS, **columns) == [0]
    assert kept("end is null", OPERATIONS, **columns) == [2]


def test_offsets_of_several_widths_compare_exactly() -> None:
    large = (1 << 64) - 1
    assert kept(f"counter == {large}", EVENTS, counter=series(0, large, None, dtype=pl.UInt64())) == [1]
    assert kept(f"counter < {large}", EVENTS, counter=series(-1, 5, dtype=pl.Int64())) == [0, 1]
    assert kept("counter & 0x8000000000000000 != 0", EVENTS, counter=series(0, large, dtype=pl.UInt64())) == [1]
    assert kept("size == 256", EVENTS, size=series(0, 4, dtype=pl.UInt8())) == []


def test_matching_ignores_case_even_beyond_ascii() -> None:
    texts = series("Block ERASE", "ÄRGER", "x", None)
    assert kept("message ~ erase", FINDINGS, message=texts) == [0]
    assert kept('message ~ "ärger"', FINDINGS, message=texts) == [1]
    assert kept("message ~ /^block|^X$/", FINDINGS, message=texts) == [0, 2]
    assert kept("message ~ /(?-i)^X$/", FINDINGS, message=texts) == []
    assert kept('message !~ ""', FINDINGS, message=texts) == []


def test_equality_of_texts_does_not_ignore_case() -> None:
    assert kept("rule == ext001", FINDINGS, rule=series("EXT001", "ext001")) == [1]


def test_severities_are_in_order() -> None:
    severities = series("note", "warning", "error", None)
    assert kept("severity >= warning", FINDINGS, severity=severities) == [1, 2]
    assert kept("severity < note", FINDINGS, severity=severities) == []


def test_an_enum_of_the_frame_may_lack_a_name() -> None:
    outcomes = pl.Series(["done", None], dtype=pl.Enum(["done"]))
    assert kept("outcome == lost", OPERATIONS, outcome=outcomes) == []
    assert kept("outcome in (done, lost)", OPERATIONS, outcome=outcomes) == [0]
    assert kept("outcome ~ o", OPERATIONS, outcome=outcomes) == [0]


def test_truth_compares_with_true_and_false() -> None:
    blocks = Vocabulary("blocks", (Column("outside", Type.BOOL, "used outside the extent"),))
    outside = pl.Series([True, False, None])
    assert kept("outside == true", blocks, outside=outside) == [0]
    assert kept("outside != true", blocks, outside=outside) == [1]
    assert kept("outside is null", blocks, outside=outside) == [2]
    assert str(parse("outside = false", blocks)) == "outside == false"


def test_an_empty_frame_has_an_empty_answer() -> None:
    frame = pl.DataFrame(schema={"time_ns": pl.Int64, "trace": pl.UInt16})
    assert frame.select(parse("t is null or t > 1s", EVENTS).expression(())).height == 0
