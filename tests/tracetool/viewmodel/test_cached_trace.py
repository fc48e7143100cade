from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.tracetool.cli.program import PADDING
from tests.tracetool.viewmodel.samples import padding
from tracetool.ingest import open_trace
from tracetool.viewmodel.cached_trace import CachedTrace


def whole() -> pl.DataFrame:
    return pl.concat(list(open_trace(str(PADDING)).chunks()))


@pytest.fixture(scope="module")
def kept() -> CachedTrace:
    """Give the sample, kept in small chunks."""
    trace = CachedTrace(open_trace(str(PADDING), chunk_bytes=5_000))
    list(trace.chunks())
    return trace


def test_what_is_read_again_is_what_was_read(kept: CachedTrace) -> None:
    assert_frame_equal(pl.concat(list(kept.chunks())), whole())
    assert kept.events == len(whole())


@pytest.mark.parametrize("end", [1, 700, 4_382, 4_383, 9_000])
def test_the_beginning_is_read_again_without_the_rest(kept: CachedTrace, end: int) -> None:
    told: list[tuple[int, int | None]] = []
    part = kept.again(lambda done, total: told.append((done, total)), end)
    assert_frame_equal(pl.concat(list(part.chunks())), whole().head(end))
    assert {total for _, total in told} == {min(end, len(whole()))}
    assert kept.events == len(whole())


@pytest.mark.slow
def test_a_long_chunk_is_read_again_in_pieces(kept: CachedTrace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracetool.viewmodel.cached_trace._AT_ONCE", 7)
    pieces = list(kept.kept())
    assert max(len(frame) for _, frame in pieces) == 7
    assert all(frame["seq"][0] == start for start, frame in pieces)
    assert_frame_equal(pl.concat([frame for _, frame in pieces]), whole())


@pytest.mark.parametrize("device", ["virt.flash0", "virt.flash1", "virt.flash2"])
@pytest.mark.parametrize("start", [0, 3, 1_000, 4_382, 9_000])
def test_the_events_of_a_device_are_read_from_any_on(kept: CachedTrace, device: str, start: int) -> None:
    expected = whole().filter(pl.col("seq") >= start, pl.col("device").cast(pl.String) == device)
    found = list(kept.of_device(device, start))
    assert all(len(frame) for frame in found)
    assert_frame_equal(pl.concat([expected.clear(), *found]), expected)


def test_the_number_of_the_trace_is_that_of_the_reading(kept: CachedTrace) -> None:
    assert set(pl.concat(list(kept.chunks(3)))["trace"]) == {3}


@given(start=st.integers(0, 5_000), count=st.integers(0, 5_000))
@pytest.mark.slow
def test_a_window_is_a_slice_of_the_whole(start: int, count: int) -> None:
    assert_frame_equal(padding().traces[0].rows(start, count), whole().slice(start, count))


def test_rows_are_gathered_by_their_seq(kept: CachedTrace) -> None:
    seqs = np.array([0, 7, 1_000, 4_382], np.int64)
    assert_frame_equal(kept.gather(seqs), whole()[seqs])


def test_a_condition_selects_seqs(kept: CachedTrace) -> None:
    condition = pl.col("event").cast(pl.String) == "write_block_erase"
    assert kept.select(condition).tolist() == whole().filter(condition)["seq"].to_list()


def test_offsets_beyond_32_bits_are_kept() -> None:
    row = whole().head(1).with_columns(pl.lit(1 << 40, pl.Int64).alias("offset"))

    class Reader:
        meta = health = None
        rereadable = True

        @staticmethod
        def chunks(_trace: int = 0) -> list[pl.DataFrame]:
            return [row]

    trace = CachedTrace(Reader())  # type: ignore[arg-type]
    list(trace.chunks())
    assert_frame_equal(trace.rows(0, 1), row.with_columns(pl.lit(0, pl.Int64).alias("seq")))
