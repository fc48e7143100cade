"""Waits of the terminal app: the map's cells of ten million operations, and a jump of the image."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from benchmarks.inputs import unpacked
from tracetool.bundled import sample
from tracetool.ingest import open_trace
from tracetool.viewmodel.audit_session import Settings, start
from tracetool.viewmodel.bins import Cells, Metric, heat
from tracetool.viewmodel.hex_model import HexModel

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from tracetool.viewmodel.audit_session import AuditSession

FLASH1 = "virt.flash1"
OPERATIONS = 10_000_000
REGION, EXTENT = 64 << 20, 768 << 10


@pytest.fixture(scope="module", name="reclaim")
def _reclaim(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(unpacked(tmp_path_factory.mktemp("inputs"), "trace.log"))


def load(path: str) -> AuditSession:
    """Load a trace as the app does."""
    job = start([open_trace(path)], Settings())
    job.wait(600)
    assert job.result is not None
    return job.result


@pytest.fixture(scope="module", name="operations")
def _operations(reclaim: str) -> pl.DataFrame:
    found = load(reclaim).operations.filter(pl.col("device").cast(pl.String) == FLASH1)
    return pl.concat([found] * (OPERATIONS // len(found) + 1)).head(OPERATIONS)


@pytest.mark.parametrize("cell_bytes", [256 << 10, 4 << 10, 128])
@pytest.mark.parametrize("metric", Metric)
def test_cells_of_the_map(
    operations: pl.DataFrame, cell_bytes: int, metric: Metric, benchmark: BenchmarkFixture
) -> None:
    found = benchmark(heat, operations, Cells(REGION, cell_bytes, EXTENT), metric)
    assert found.touched.any()


def jumping(path: str, benchmark: BenchmarkFixture) -> bool:
    history = load(path).history(FLASH1)
    assert history is not None
    travel, places = HexModel(history), itertools.cycle(np.random.default_rng(1).integers(0, len(history) + 1, 997))

    def jump() -> int:
        travel.go(int(next(places)))
        travel.first_changed()
        return travel.position

    return bool(0 <= benchmark(jump) <= len(history))


def test_a_jump_in_the_first_boot(benchmark: BenchmarkFixture) -> None:
    assert jumping(str(sample("aavmf-first-boot/trace.log.zst")), benchmark)


def test_a_jump_in_a_long_trace(reclaim: str, benchmark: BenchmarkFixture) -> None:
    assert jumping(reclaim, benchmark)
