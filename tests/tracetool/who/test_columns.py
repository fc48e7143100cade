"""The columns `pc`, `by` and `chain`: of operations, accesses and events, in the library and in the app."""

from __future__ import annotations

import json
import logging
import shutil
from typing import TYPE_CHECKING

import polars as pl
import pytest

import tracetool as tt
from tests.tracetool.runs.support import FIRST_BOOT, SAMPLES
from tests.tracetool.viewmodel.samples import finished, job
from tracetool.errors import InputError, UsageError
from tracetool.timeline.query import parse
from tracetool.viewmodel.audit_session import Settings
from tracetool.viewmodel.filters import selected, vocabulary
from tracetool.viewmodel.tables import Level, Tables

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

TRACE = SAMPLES / "aavmf-first-boot" / "trace.log.zst"
LOG = TRACE.with_name("who.log.zst")


def run_at(folder: Path, log: Path = LOG) -> Path:
    """A run directory with the log of the guest's code."""
    FIRST_BOOT.at(folder, who="who.log.zst")
    shutil.copyfile(log, folder / "who.log.zst")
    return folder


@pytest.mark.slow
def test_an_operation_has_the_code_of_its_first_access() -> None:
    table = tt.open(TRACE, who_log=LOG).operations()
    assert table.schema == tt.OPERATIONS_SCHEMA
    assert not table["by"].null_count()
    (stray,) = table.filter(pl.col("kind") == "stray").select("pc", "by", "chain").rows()
    assert stray[:2] == (0x1C444, "DxeIpl")
    assert stray[2].startswith("DxeIpl+0x3444 < PeiCore+0x5ea0 < ")
    assert table["by"].value_counts().sort("count")[-1].row(0) == ("BdsDxe", 801)


@pytest.mark.slow
def test_an_access_has_its_own_code_and_a_reset_none() -> None:
    trace = tt.open(TRACE, who_log=LOG)
    accesses, operations = trace.accesses(), trace.operations()
    made = accesses["event"].cast(pl.String).is_in(["io_read", "io_write"])
    assert not accesses.filter(made)["chain"].null_count()
    assert accesses.filter(~made)["chain"].null_count() == 2
    first = operations.select("device", "first_seq", "pc").join(
        accesses.rename({"pc": "own"}), left_on=["device", "first_seq"], right_on=["device", "seq"]
    )
    assert first.height > 1000
    assert (first["pc"] == first["own"]).all()


@pytest.mark.slow
def test_without_a_log_the_columns_are_null() -> None:
    trace = tt.open(TRACE)
    for table in (trace.operations(), trace.accesses()):
        assert table.select(pl.col("pc", "by", "chain").is_null().all()).row(0) == (True, True, True)
    assert trace.operations("by != BdsDxe").is_empty(), "unknown is not another"
    with pytest.raises(InputError, match="holds no log of the guest's code"):
        trace.who()


@pytest.mark.slow
def test_a_run_directory_brings_its_log(tmp_path: Path) -> None:
    found = tt.open(run_at(tmp_path / "run")).operations()
    expected = tt.open(TRACE, who_log=LOG).operations()
    assert found.select("pc", "by", "chain").equals(expected.select("pc", "by", "chain"))


@pytest.mark.slow
def test_of_several_runs_each_has_its_own_log(tmp_path: Path) -> None:
    runs = [run_at(tmp_path / "one"), FIRST_BOOT.at(tmp_path / "two"), run_at(tmp_path / "three")]
    table = tt.open(*runs).operations()
    known = table.group_by("trace", maintain_order=True).agg(pl.col("by").is_not_null().sum())
    assert known.rows() == [(0, 1020), (1, 0), (2, 1020)]
    with pytest.raises(UsageError, match="one log is of one run"):
        tt.open(*runs, who_log=LOG).operations()


@pytest.mark.slow
def test_a_part_of_the_trace_has_the_same_code() -> None:
    whole = tt.open(TRACE, who_log=LOG).operations("device ~ flash1")
    device = tt.open(TRACE, who_log=LOG, device="virt.flash1").operations()
    assert device["chain"].equals(whole["chain"])
    boot = tt.open(TRACE, who_log=LOG, boot=0).operations("device ~ flash1")
    assert boot["chain"].equals(whole["chain"])


def test_a_log_that_is_gone_from_its_run_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = run_at(tmp_path / "run")
    (run / "who.log.zst").unlink()
    trace = tt.open(run)
    with caplog.at_level(logging.WARNING):
        assert trace.operations()["by"].null_count() == 1020
    assert "who.log.zst" in caplog.text
    with pytest.raises(InputError, match="nowhere"):
        tt.open(TRACE, who_log=tmp_path / "nowhere").operations()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("by == BdsDxe and op == erase", 12),
        ("module == MonotonicCounterRuntimeDxe", 37),
        ("module == DxeCore", 1018),
        ("module == VariableRuntimeDxe and module != BdsDxe", 122),
        ("module == Nobody", 0),
        ('chain ~ "DxeIpl+0x3444 <"', 2),
        ("pc == 0x1c444", 2),
    ],
)
@pytest.mark.slow
def test_operations_are_chosen_by_code(query: str, count: int) -> None:
    """As counted in the answers of the capture, which were worked out independently."""
    assert tt.open(TRACE, who_log=LOG).operations(query).height == count


@pytest.mark.slow
def test_events_are_chosen_by_the_code_of_their_operation() -> None:
    trace = tt.open(TRACE, who_log=LOG)
    events = pl.concat(trace.chunks_with_operations())
    chosen = events.filter(pl.col("by") == "DxeIpl")
    assert chosen["event"].cast(pl.String).to_list()[:1] == ["io_write"]
    assert set(chosen["device"].cast(pl.String)) == {"virt.flash0"}


@pytest.mark.slow
def test_the_app_filters_by_code_and_offers_the_modules() -> None:
    tables = Tables(finished(job(TRACE, settings=Settings(tt.open(TRACE, who_log=LOG).options))))
    for level in (Level.OPERATIONS, Level.EVENTS):
        words = vocabulary(tables, level)
        column, every = words.column("by"), words.column("module")
        assert column is not None
        assert "BdsDxe" in column.values
        assert "?" not in column.values
        assert every is not None
        assert {"DxeCore", "BdsDxe", "PeiCore"} <= set(every.values)
        found = selected(tables, level, parse("module == DxeIpl", words))
        assert len(found) >= 1


@pytest.mark.slow
def test_info_and_health_say_how_well_the_log_fits(tmp_path: Path, quick: Quick) -> None:
    run = run_at(tmp_path / "run")
    assert "guest code         8,972 rows, every one of 8,973 accesses has one\n" in quick("info", run).text
    (code,) = json.loads(quick("audit", run, "--format", "json").text)["health"]["guest_code"]
    assert (code["rows"], code["accesses"], code["matched"], code["doubts"]) == (8972, 8973, 8973, [])
    assert json.loads(quick("audit", TRACE, "--format", "json").text)["health"]["guest_code"] == []
