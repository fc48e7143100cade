"""Parts that take most of the time of a long trace: `make bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

import replay.engine
from benchmarks.inputs import ctf_directory, unpacked
from replay.behaviour import Behaviour
from replay.boards import boards
from replay.engine import Config
from tests.forms import plain
from tests.tracetool.ctf_traces import needed_babeltrace
from tracetool.analysis.machine_rows import to_cfi02_rows, to_rows
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.ingest import open_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from replay.geometry import Geometry
    from replay.tables import RowColumns

EVENTS = 1_821_433
FLASH1 = "virt.flash1"


@pytest.fixture(scope="session", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inputs")


def read(path: Path) -> int:
    """Read a trace to its end and count its events."""
    return sum(frame.height for frame in open_trace(str(path)).chunks())


@pytest.mark.parametrize("name", ["trace.log", "trace.simple"])
def test_reading(name: str, folder: Path, benchmark: BenchmarkFixture) -> None:
    assert benchmark(read, unpacked(folder, name)) == EVENTS


def test_reading_ctf(folder: Path, benchmark: BenchmarkFixture) -> None:
    needed_babeltrace()
    assert benchmark(read, ctf_directory(folder)) == EVENTS


def _reclaim(folder: Path) -> tuple[RowColumns, Geometry | None]:
    """A CFI01 flash that gets most of its bytes in buffered writes."""
    frame = next(open_trace(str(unpacked(folder, "trace.simple"))).chunks())
    rows = to_rows(frame.filter(frame["device"] == FLASH1).head(50_000))
    return rows, boards()["virt-arm"].geometry(FLASH1)


def _u_boot(folder: Path) -> tuple[RowColumns, Geometry | None]:
    """A CFI02 flash, word by word, with polls."""
    frames = open_trace(str(unpacked(folder, "zynq-u-boot.log", "cfi02"))).chunks()
    return to_cfi02_rows(pl.concat(frames), quiet=False), boards()["xilinx-zynq-a9"].geometry("zynq.pflash")


@pytest.mark.parametrize("stream", [_reclaim, _u_boot])
@pytest.mark.parametrize("engine", [replay.engine, plain("replay.engine")], ids=["compiled", "plain"])
def test_the_machine(
    folder: Path,
    benchmark: BenchmarkFixture,
    engine: Any,  # noqa: ANN401  a module
    stream: Callable[[Path], tuple[RowColumns, Geometry | None]],
) -> None:
    rows, geometry = stream(folder)
    assert geometry is not None
    image = np.full(1 << 20, 0xFF, np.uint8)

    def replay() -> int:
        machine = engine.Machine(Config(geometry, Behaviour.STAGED_AT_COUNT, image=image, count_changes=True))
        return int(machine.feed(rows)[0])

    assert benchmark(replay) == len(rows.kind)


@pytest.mark.parametrize("name", ["trace.log", "trace.simple"])
def test_a_session(name: str, folder: Path, benchmark: BenchmarkFixture) -> None:
    path = str(unpacked(folder, name))
    found = benchmark(lambda: replay_readers([open_trace(path)], Options()))
    assert found.devices[FLASH1].tally.totals.erases == 17
