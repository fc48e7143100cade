"""`tracetool fleet`: many runs, one table, one page."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.captures import ROOT
from tests.patience import PATIENCE_S, wait_until
from tests.tracetool.cli.program import COMMAND, FIRST_BOOT, PADDING, SAMPLES, environment
from tests.tracetool.library.test_fleet import GARBAGE
from tests.tracetool.runs import support
from tracetool.timeline.operations import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

GOLDEN = ROOT / "tests" / "tracetool" / "cli" / "golden"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tracetool" / "fleet"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs in the current folder: one good, one that wrote outside, one cut, one without its trace."""
    folder = tmp_path / "runs"
    folder.mkdir()
    support.FIRST_BOOT.at(folder / "boot-1")
    shutil.copy(PADDING, folder / "boot-2.log.zst")
    (folder / "boot-10.log.zst").write_bytes(PADDING.read_bytes()[:9000])
    support.FIRST_BOOT.at(folder / "boot-3")
    (folder / "boot-3" / "trace.log.zst").unlink()
    (folder / "notes.txt").write_text("nothing about flash\n")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.usefixtures("runs")
@pytest.mark.slow
def test_the_report_answers_for_all_runs(quick: Quick) -> None:
    ended = quick("fleet", "runs", "--guests", "100")
    assert ended.code == 1
    assert ended.text.startswith("OUTSIDE-EXTENT: 1 of 4 runs within-extent, 1 inconclusive, 1 unreadable, 1 outside")
    assert "boot-3: trace.log.zst: No such file or directory" in " ".join(ended.text.split())
    assert re.search(r"virt\.flash1 +not known: 2 of 4 runs do not tell; the others need 1\.25 MiB", ended.text)
    assert "no traces: 1 file in folders" in ended.err


@pytest.mark.parametrize(
    ("given", "code"),
    [(["boot-1"], 0), (["boot-1", "boot-3"], 4), (["boot-1", "boot-10.log.zst"], 4), (["boot-2.log.zst"], 1)],
)
@pytest.mark.first_quick
def test_the_exit_code_is_that_of_the_worst_run(quick: Quick, runs: Path, given: list[str], code: int) -> None:
    assert quick("fleet", *(runs / name for name in given)).code == code


@pytest.mark.usefixtures("runs")
@pytest.mark.slow
def test_the_table_is_the_same_in_every_form(quick: Quick) -> None:
    document = json.loads(quick("fleet", "runs", "--format", "json", "-o", "fleet.parquet").text)
    csv = pl.read_csv(quick("fleet", "runs", "--format", "csv").out)
    table = pl.read_parquet("fleet.parquet")
    assert document["schema"] == "tracetool.fleet/1"
    assert [row["run"] for row in document["rows"]] == csv["run"].to_list() == table["run"].to_list()
    assert csv["programmed_end"].to_list() == table["programmed_end"].to_list()
    assert csv["findings"].drop_nulls()[0] == "RO001:2"
    assert document["exit_code"] == 1


@pytest.mark.slow
def test_the_table_does_not_depend_on_the_moment_but_with_times(quick: Quick, runs: Path) -> None:
    for name in ("first", "second"):
        quick("fleet", "runs", "-o", name)
    quick("fleet", "runs", "-o", "timed", "--times")
    first, second = (runs.with_name(name).read_bytes() for name in ("first", "second"))
    assert first == second
    assert pl.read_parquet("first")["seconds"].null_count() == pl.read_parquet("first").height
    assert pl.read_parquet("timed")["seconds"].null_count() == 0


@pytest.mark.slow
def test_merged_shards_are_the_whole(quick: Quick, runs: Path) -> None:
    quick("fleet", "runs", "-o", "whole.parquet")
    for number in (1, 2, 3):
        quick("fleet", "runs", "--shard", f"{number}/3", "-o", f"part-{number}.parquet")
    heights = [pl.read_parquet(f"part-{number}.parquet").height for number in (1, 2, 3)]
    quick("fleet", *(f"part-{number}.parquet" for number in (3, 1, 2)), "-o", "merged.parquet")
    assert runs.with_name("merged.parquet").read_bytes() == runs.with_name("whole.parquet").read_bytes()
    assert max(heights) < pl.read_parquet("whole.parquet").height


@pytest.mark.usefixtures("runs")
@pytest.mark.slow
def test_resume_reads_only_what_is_missing(quick: Quick, cache: Path) -> None:
    whole = quick("fleet", "runs")
    kept = sorted(cache.iterdir())
    assert len(kept) == 4
    assert "4 runs known from earlier, 0 read" in quick("fleet", "runs", "--resume").err
    kept[0].unlink()
    again = quick("fleet", "runs", "--resume")
    assert "3 runs known from earlier, 1 read" in again.err
    assert again.out == whole.out


@pytest.mark.slow
def test_old_results_are_removed(quick: Quick, runs: Path, cache: Path) -> None:
    quick("fleet", runs / "boot-1")
    (kept,) = cache.iterdir()
    month_ago = time.time() - 31 * 24 * 3600
    os.utime(kept, (month_ago, month_ago))
    assert "0 runs known from earlier, 1 read" in quick("fleet", runs / "boot-1", "--resume").err


@pytest.mark.usefixtures("runs")
@pytest.mark.slow
def test_where_chooses_rows(quick: Quick) -> None:
    ended = quick("fleet", "runs", "--where", "device == virt.flash1 and verdict == within-extent", "--format", "json")
    assert [row["run"] for row in json.loads(ended.text)["rows"]] == ["runs/boot-1"]
    assert ended.code == 0


@pytest.mark.usefixtures("runs")
@pytest.mark.slow
def test_outliers_are_named_by_the_first_operation_that_differs(quick: Quick) -> None:
    ended = quick("fleet", "runs", "--outliers", "--format", "json")
    fork = json.loads(ended.text)["forks"][0]
    assert fork["device"].startswith("virt.flash")
    assert {run for branch in fork["branches"] for run in branch["runs"]} == {
        "runs/boot-1",
        "runs/boot-2.log.zst",
        "runs/boot-10.log.zst",
    }
    assert {branch["operation"]["kind"] for branch in fork["branches"]} <= {*KINDS}


@pytest.mark.slow
def test_options_are_those_of_an_audit(quick: Quick, runs: Path) -> None:
    ended = quick("fleet", runs / "boot-2.log.zst", "--extent", "virt.flash1=2M", "--variables", "--format", "json")
    (row,) = (row for row in json.loads(ended.text)["rows"] if row["device"] == "virt.flash1")
    assert (row["verdict"], row["extent_bytes"]) == ("within-extent", 2 << 20)
    assert row["variables"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs", "--board", "toaster"], "--board 'toaster' is not known"),
        (["runs", "--extent", "much"], "--extent: 'much' is not a size"),
        (["-"], "standard input is no run"),
        (["runs", "--shard", "4/3"], "--shard 4/3: write K/N"),
        (["runs", "--where", "colour == red"], "colour"),
        (["runs", "-o", "-"], "name a file for the table"),
        (["runs", "-o", "fleet.html"], "-o writes the table as Parquet"),
        (["runs", "-o", "runs/boot-2.log.zst"], "no table of an earlier fleet"),
        (["runs", "--scheduler", "tcp://somewhere:8786"], "whoever reaches a scheduler without TLS runs code"),
        (["runs", "--scheduler", "127.0.0.1:8786"], "is not tls://"),
        (["runs", "--scheduler", "tls://x:1", "--jobs", "2"], "give one of them"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_read(quick: Quick, runs: Path, arguments: list[str], said: str) -> None:
    ended = quick("fleet", *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert (runs / "boot-2.log.zst").read_bytes() == PADDING.read_bytes()


def test_a_folder_without_runs_is_an_error(quick: Quick, runs: Path) -> None:
    (runs.parent / "empty").mkdir()
    ended = quick("fleet", "empty")
    assert (ended.code, ended.out) == (3, b"")
    assert "no run found" in ended.err


def test_a_part_without_runs_is_an_empty_table(quick: Quick, runs: Path) -> None:
    ended = [quick("fleet", runs / "boot-1", "--shard", f"{part}/2", "-o", f"{part}.parquet") for part in (1, 2)]
    assert [each.code for each in ended] == [0, 0]
    assert sorted(pl.read_parquet(f"{part}.parquet").height for part in (1, 2)) == [0, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="waits for a file in the cache")
@pytest.mark.slow
def test_ctrl_c_leaves_a_whole_table_of_what_is_done(runs: Path, cache: Path) -> None:
    """What was not read is in it, too, so that nobody takes the part for the whole."""
    os.mkfifo(runs / "boot-99")  # read last, and never ends
    command = [*COMMAND, "fleet", *map(str, (runs / "boot-1", runs / "boot-2.log.zst", runs / "boot-99"))]
    process = subprocess.Popen([*command, "-o", "fleet.parquet"], env=environment(), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(list(cache.glob("*.json"))) == 2, "two runs were not read")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, said
    assert "interrupted: 1 of 3 runs were not read" in said
    table = pl.read_parquet("fleet.parquet")
    assert table["verdict"].to_list() == ["no-extent", "within-extent", "no-extent", "outside-extent", "unreadable"]
    assert table["codes"].to_list()[-1] == ["not-read"]


def test_a_hostile_name_does_not_reach_terminal_or_page(quick: Quick, runs: Path) -> None:
    (runs / "\x1b[31m<b>evil.log").write_bytes(GARBAGE)
    text = quick("fleet", *runs.glob("*evil*")).text
    page = quick("fleet", *runs.glob("*evil*"), "--format", "html").text
    assert "\x1b" not in text + page
    assert "<b>evil" not in page


@pytest.mark.parametrize("form", ["text", "json", "html", "csv"])
def test_each_form_is_as_it_was_found_right(
    quick: Quick, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`UPDATE_GOLDEN=1` writes the files anew."""
    (tmp_path / "samples").symlink_to(SAMPLES)
    monkeypatch.chdir(tmp_path)
    given = [path.relative_to(ROOT) for path in (FIRST_BOOT, PADDING)]
    ended = quick("fleet", *given, "missing.log", "--outliers", "--guests", "100", "--width", "72", "--format", form)
    path = GOLDEN / f"fleet.{ {'text': 'txt'}.get(form, form) }"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_bytes(ended.out)
    assert ended.out == path.read_bytes()
