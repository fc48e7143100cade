"""The lazy frame of events: equal to the events whatever is pushed down to it, and read no further than needed."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tracetool as tt
from tracetool.library.inputs import open_readers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracetool.ingest import TraceReader

TRACES = [tt.sample("aavmf-first-boot/trace.log.zst"), tt.sample("aavmf-shell-padding/trace.log.zst")]
CONDITIONS = [None, pl.col("event") == "io_write", (pl.col("trace") == 1) & (pl.col("offset") >= 768 << 10)]
SELECTIONS = [[pl.all()], [pl.col("seq", "device")], [pl.len()]]
LIMITS = [None, 1, 6000]


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of events in each piece that was read, with many pieces to a trace."""
    read: list[int] = []

    def counted(paths: list[str], **how: object) -> list[TraceReader]:
        readers = open_readers(paths, **how)  # type: ignore[arg-type]
        for reader in readers:
            whole = reader.chunks

            def each(trace: int = 0, whole: object = whole) -> Iterator[pl.DataFrame]:
                for frame in whole(trace):  # type: ignore[operator]
                    read.append(frame.height)
                    yield frame

            reader.chunks = each  # type: ignore[method-assign]
        return readers

    monkeypatch.setattr("tracetool.library.scan.open_readers", counted)
    monkeypatch.setattr("tracetool.library.scan.CHUNK_BYTES", 1 << 16)
    return read


def test_a_scan_equals_the_events() -> None:
    assert_frame_equal(tt.scan(*TRACES).collect(), tt.open(*TRACES).events)


@pytest.mark.parametrize("engine", ["streaming", "in-memory"])
@pytest.mark.slow
def test_whatever_is_pushed_down_the_answer_is_that_of_the_eager_frame(engine: str) -> None:
    twice = [TRACES[1]] * 2
    events, lazy = tt.open(*twice).events, tt.scan(*twice)
    for condition, selection, limit in product(CONDITIONS, SELECTIONS, LIMITS):

        def ask(frame: pl.LazyFrame, condition: pl.Expr | None, selection: list[pl.Expr], limit: int | None) -> object:
            frame = frame if condition is None else frame.filter(condition)
            frame = frame if limit is None else frame.head(limit)
            return frame.select(selection).collect(engine=engine)  # type: ignore[call-overload]

        asked = (condition, selection, limit)
        assert_frame_equal(ask(lazy, *asked), ask(events.lazy(), *asked))  # type: ignore[arg-type]


def test_reading_ends_where_the_query_has_enough(chunks: list[int]) -> None:
    query = tt.scan(TRACES[0]).filter(pl.col("event") == "write_block_erase").select("seq", "offset").head(2)
    assert_frame_equal(
        query.collect(), tt.open(TRACES[0]).events.filter(event="write_block_erase")[:2, ["seq", "offset"]]
    )
    assert 0 < sum(chunks) < 18_585 // 2


def test_a_limit_alone_reads_about_as_many_events(chunks: list[int]) -> None:
    assert tt.scan(TRACES[0]).head(10).collect()["seq"].to_list() == list(range(10))
    assert sum(chunks) < 100


def test_a_query_can_be_asked_twice_and_joined_with_itself() -> None:
    lazy = tt.scan(TRACES[1])
    writes, both = lazy.filter(event="io_write"), lazy.join(lazy, on="seq")
    assert writes.collect().equals(writes.collect())
    assert both.select(pl.len()).collect().item() == 4383


def test_errors_keep_their_type_through_a_query(tmp_path: Path) -> None:
    log = tmp_path / "damaged.log"
    log.write_text("pflash_reset pflash: reset\npflash_io_write pflash: offset:\n")
    with pytest.raises(tt.InputError, match="line 2"):
        tt.scan(log, strict=True).collect()
    with pytest.raises(tt.InputError, match="cannot be read"):
        tt.scan(tmp_path / "missing.log")
