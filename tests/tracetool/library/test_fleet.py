"""Audits of many runs: the table does not depend on who reads them, nor in which order."""

from __future__ import annotations

import hashlib
import os
import shutil
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tracetool as tt
from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tests.tracetool.runs import support
from tracetool.fleet.table import TIMES
from tracetool.library import fleet
from tracetool.library.fleet import Task, completed, run_task
from tracetool.runs.directory import read_run_directory, write_run
from tracetool.runs.run import Flash, SavedImage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor
    from pathlib import Path

    from tracetool.fleet.table import Row

GARBAGE = b"\x00\x01garbage, not a trace\n" * 40


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Runs: two that can be read, a truncated one, garbage, and one that is missing."""
    folder = tmp_path_factory.mktemp("fleet")
    support.FIRST_BOOT.at(folder / "first-boot")
    shutil.copy(PADDING, folder / "padding.log.zst")
    (folder / "cut.log.zst").write_bytes(PADDING.read_bytes()[:9000])
    (folder / "garbage.log").write_bytes(GARBAGE)
    names = ("first-boot", "padding.log.zst", "cut.log.zst", "garbage.log", "missing.log")
    return [str(folder / name) for name in names]


@pytest.fixture(scope="module")
def table(runs: list[str]) -> pl.DataFrame:
    """The fleet, read by a loop."""
    return steady(tt.audit_runs(runs))


def steady(rows: Iterator[Row]) -> pl.DataFrame:
    """The table of the rows without times."""
    return tt.fleet_table(rows).drop(TIMES)


@pytest.mark.slow
def test_a_row_has_what_the_audit_found(runs: list[str], table: pl.DataFrame) -> None:
    audit = tt.open(runs[1]).audit()
    rows = {row["device"]: row for row in table.filter(run=runs[1]).to_dicts()}
    for device in audit.devices:
        row = rows[device.name]
        assert (row["verdict"], row["reasons"]) == (device.verdict, list(device.verdict_reasons))
        assert {key: row[key] for key in device.figures if key in row} == {
            key: figure.value for key, figure in device.figures.items() if key in row
        }
        assert row["hottest_erases"] == device.blocks["erases"].max() or not row["hottest_erases"]
        found = {finding.rule for finding in audit.findings if finding.device in (device.name, None)}
        assert {entry["rule"] for entry in row["findings"]} == found


def test_a_run_that_cannot_be_read_is_a_row_with_the_reason(runs: list[str], table: pl.DataFrame) -> None:
    unreadable = table.filter(verdict="unreadable")
    assert unreadable["run"].to_list() == sorted(runs[-2:])
    assert all(run in reason[0] for run, reason in unreadable["run", "reasons"].iter_rows())
    assert unreadable["device"].to_list() == [None, None]


def test_a_truncated_run_is_not_green(runs: list[str], table: pl.DataFrame) -> None:
    assert "within-extent" not in table.filter(run=runs[2])["verdict"].to_list()


def test_a_run_directory_tells_its_qemu(runs: list[str], table: pl.DataFrame) -> None:
    assert set(table.filter(run=runs[0])["qemu"]) == {"7.2.22"}


def threads() -> Executor:
    return ThreadPoolExecutor(3)


def processes() -> Executor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


@pytest.mark.parametrize("make", [threads, pytest.param(processes, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_any_executor_makes_the_same_table(make: Callable[[], Executor], runs: list[str], table: pl.DataFrame) -> None:
    with make() as executor:
        assert_frame_equal(steady(tt.audit_runs(reversed(runs), executor)), table)


def test_few_runs_are_handed_out_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The futures of 100,000 runs would take more memory than their rows."""
    monkeypatch.setattr(fleet, "IN_FLIGHT", 3)
    taken, most = 0, 0

    def names() -> Iterator[Task]:
        nonlocal taken
        for number in range(20):
            taken += 1
            yield Task(f"missing-{number}")

    with ThreadPoolExecutor(1) as executor:
        for finished, _ in enumerate(completed(names(), executor)):
            most = max(most, taken - finished)
    assert taken == 20
    assert most <= 4


class Broken(ThreadPoolExecutor):
    """An executor, some of whose tasks end as those of a killed process do."""

    def submit(self, run: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:  # noqa: ANN401
        """Run a task, or lose it."""
        task: Task = arguments[0]
        if task.path.endswith("fatal"):
            lost: Future[Any] = Future()
            lost.set_exception(type("KilledWorker", (Exception,), {})("finalize-hlgfinalize"))
            return lost
        if task.path.endswith("refused"):
            raise RuntimeError("cannot schedule new futures after shutdown")
        return super().submit(run, *arguments, **keywords)


@pytest.mark.slow
def test_a_run_that_kills_its_worker_is_named_and_the_others_are_kept(runs: list[str]) -> None:
    with Broken(2) as executor:
        found = steady(tt.audit_runs([runs[0], "fatal", "refused", runs[1]], executor))
    reasons = {run: why[0] for run, why in found.filter(verdict="unreadable")["run", "reasons"].iter_rows()}
    assert "out of memory, or killed" in reasons["fatal"]
    assert "after shutdown" in reasons["refused"]
    assert set(found.filter(pl.col("verdict") != "unreadable")["run"]) == {runs[0], runs[1]}


def test_an_error_that_nobody_foresaw_does_not_end_the_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by accident")

    monkeypatch.setattr(fleet, "open_traces", fail)
    (row,) = tt.audit_run("run")
    assert row["reasons"] == ["internal error: ZeroDivisionError: by accident; please report it"]


def test_options_are_those_of_open_and_audit() -> None:
    (written,) = tt.audit_run(PADDING, {"device": "virt.flash1", "extent": "2M", "variables": True})
    assert written["verdict"] == "within-extent"
    assert written["extent_bytes"] == 2 << 20
    assert written["variables"] > 0
    assert written["store_free_bytes"] > 0


def test_a_firmware_is_known_by_its_hash_and_the_release_that_it_names(tmp_path: Path) -> None:
    run = support.FIRST_BOOT.at(tmp_path / "run")
    data = b"\0" * 5000 + b"/build/edk2-2022.11/Build/PeiCore.dll" + b"\0" * 5000
    data += b"\0" * (4096 - len(data) % 4096)
    (run / "before" / "virt.flash0.fd").write_bytes(data)
    saved = SavedImage("before/virt.flash0.fd", len(data), hashlib.sha256(data).hexdigest())
    code = Flash(0, "virt.flash0", read_only=True, image="/code.fd", format="raw", before=saved)
    write_run(run, replace(read_run_directory(str(run)).run, flashes=(code,)))
    rows = tt.audit_run(run)
    assert {(row["firmware"], row["firmware_version"]) for row in rows} == {(saved.sha256, "2022.11")}


# --- the cache ---------------------------------------------------------------------------------------------------


@pytest.fixture
def cached(tmp_path: Path) -> Callable[..., fleet.Done]:
    (tmp_path / "cache").mkdir()

    def run(path: Path | str, *, resume: bool = True, **options: Any) -> fleet.Done:  # noqa: ANN401
        return run_task(Task(str(path), options, cache=tmp_path / "cache", resume=resume))

    return run


def test_what_was_read_is_not_read_again(cached: Callable[..., fleet.Done]) -> None:
    first, second = cached(FIRST_BOOT), cached(FIRST_BOOT)
    assert (first.cached, second.cached) == (False, True)
    assert first.rows == second.rows


def test_without_resume_it_is_read_again(cached: Callable[..., fleet.Done]) -> None:
    cached(FIRST_BOOT)
    assert not cached(FIRST_BOOT, resume=False).cached


@pytest.mark.slow
def test_other_contents_and_other_options_are_read(cached: Callable[..., fleet.Done], tmp_path: Path) -> None:
    path = tmp_path / "run.log.zst"
    shutil.copy(FIRST_BOOT, path)
    cached(path)
    assert not cached(path, extent="2M").cached
    times = path.stat().st_mtime_ns
    shutil.copy(PADDING, path)
    os.utime(path, ns=(times, times))
    assert not cached(path).cached


def test_the_image_of_a_run_counts(cached: Callable[..., fleet.Done], tmp_path: Path) -> None:
    run = support.FIRST_BOOT.at(tmp_path / "run")
    cached(run)
    assert cached(run).cached
    image = run / "before" / "virt.flash1.fd"
    with image.open("r+b") as file:
        file.write(b"x")
    found = cached(run)
    assert not found.cached
    assert found.rows[0]["verdict"] == "unreadable"


@pytest.mark.slow
def test_a_damaged_entry_is_no_result(cached: Callable[..., fleet.Done], tmp_path: Path) -> None:
    cached(FIRST_BOOT)
    for damage in (b"[", b"{}", b"[]", b'[{"verdict": 1, "nonsense": 2}]'):
        (entry,) = (tmp_path / "cache").iterdir()
        entry.write_bytes(damage)
        assert not cached(FIRST_BOOT).cached


def test_a_pipe_is_not_hashed(tmp_path: Path, cached: Callable[..., fleet.Done]) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert fleet._digest(Task(str(tmp_path / "pipe")), "pipe") is None  # noqa: SLF001  opening it would wait for a writer
    assert not cached(tmp_path / "missing").cached


def test_a_file_of_a_folder_that_is_no_trace_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("nothing about flash\n")
    assert run_task(Task(str(path), certain=False)).rows == []
    assert run_task(Task(str(path))).rows[0]["verdict"] == "unreadable"
