"""Logs that were cut, damaged, are of another run, or were made to harm: told, and nothing is attributed wrongly."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import polars as pl
import pytest

import tracetool as tt
from tests.tracetool.runs.support import FIRST_BOOT as SAVED
from tests.tracetool.runs.support import SAMPLES
from tests.tracetool.who.captures import callers_of, unpacked
from tracetool.who.log import read_who_log

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick
    from tracetool.who.callers import CodeReport

TRACE = SAMPLES / "aavmf-first-boot" / "trace.log.zst"
_SAMPLE = TRACE.with_name("who.log.zst")
OTHER = SAMPLES / "aavmf-shell-padding" / "trace.log.zst"
CODE = ("pc", "by", "chain")


@pytest.fixture(scope="module")
def whole() -> list[bytes]:
    """The lines of the sample's log."""
    return unpacked(_SAMPLE).splitlines(keepends=True)


@pytest.fixture(scope="module")
def truth() -> pl.DataFrame:
    return tt.open(TRACE, who_log=_SAMPLE).accesses()


def by(log: Path, lines: list[bytes], trace: Path = TRACE) -> tuple[pl.DataFrame, CodeReport]:
    """The accesses of a trace with the code that a log names, and how well that fits."""
    log.write_bytes(b"".join(lines))
    accesses = tt.open(trace, who_log=log).accesses()
    return accesses, callers_of(log, trace).report


def wrong(found: pl.DataFrame, truth: pl.DataFrame) -> int:
    """Accesses with a code that is not theirs."""
    both = found.select(CODE).rename({name: f"{name}_found" for name in CODE}).hstack(truth.select(CODE))
    return both.filter(
        pl.any_horizontal(
            pl.col(f"{name}_found").is_not_null() & (pl.col(f"{name}_found") != pl.col(name)) for name in CODE
        )
    ).height


@pytest.mark.parametrize("part", [0.02, 0.5, 0.97])
@pytest.mark.slow
def test_of_a_log_that_was_cut_the_begin_counts(
    part: float, whole: list[bytes], truth: pl.DataFrame, tmp_path: Path
) -> None:
    kept = whole[: int(part * len(whole))]
    found, report = by(tmp_path / "who.log", [*kept, b"A 0 w 4 virt.fl"])
    assert not wrong(found, truth)
    rows = sum(line.startswith(b"A ") for line in kept)
    assert rows <= report.matched <= rows + 1  # one row is two accesses
    assert found["chain"].count() == report.matched
    assert (report.complete, report.damaged, report.of_another_run) == (False, 0, False)
    assert "is not complete" in report.doubts[0]


@pytest.mark.slow
def test_of_the_logs_of_two_runs_in_one_file_nothing_is_attributed_by_a_number_of_both(
    whole: list[bytes], truth: pl.DataFrame, tmp_path: Path
) -> None:
    """Each run numbers its chains from 0."""
    chains = [line for line in whole if line.startswith(b"C ")]
    others = [b"C %d %s" % (number, line.split(b" ")[2]) for number, line in enumerate(chains[100:])]
    found, report = by(tmp_path / "who.log", [*whole, *others])
    assert not wrong(found, truth)
    assert report.damaged >= len(others)
    assert not report.complete
    assert "damaged lines" in report.doubts[0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.slow
def test_of_a_log_that_lost_lines_the_others_count(
    seed: int, whole: list[bytes], truth: pl.DataFrame, tmp_path: Path
) -> None:
    """Without a word in the log, as where a part of a file is gone."""
    chosen = random.Random(seed)  # noqa: S311  reproducible, not secret
    lines = [line for line in whole if not line.startswith(b"A ") or chosen.random() > 0.02]
    lost = len(whole) - len(lines)
    start = chosen.randrange(len(lines) // 2)
    found, report = by(tmp_path / "who.log", lines[:start] + lines[start + 900 * (seed % 2) :])
    assert not wrong(found, truth)
    assert report.accesses_without_row + report.ambiguous >= lost
    assert report.matched > 6000
    assert not report.complete
    assert any("have no row" in doubt or "may have one row or another" in doubt for doubt in report.doubts)


@pytest.mark.slow
def test_damaged_lines_are_counted_and_the_others_count(
    whole: list[bytes], truth: pl.DataFrame, tmp_path: Path
) -> None:
    chosen = random.Random(1)  # noqa: S311  reproducible, not secret
    lines = [line if chosen.random() > 0.01 or line[:1] != b"A" else b"\x00\xff" + line for line in whole]
    damaged = sum(line[:1] == b"\x00" for line in lines)
    found, report = by(tmp_path / "who.log", lines)
    assert report.damaged == damaged > 50
    assert not wrong(found, truth)
    assert report.matched > 8000


@pytest.mark.slow
def test_a_trace_that_lost_events_has_rows_over(whole: list[bytes], tmp_path: Path) -> None:
    text = unpacked(TRACE).splitlines(keepends=True)
    chosen = random.Random(2)  # noqa: S311  reproducible, not secret
    kept = [line for line in text if b"io_" not in line or chosen.random() > 0.01]
    trace, log = tmp_path / "trace.log", tmp_path / "who.log"
    trace.write_bytes(b"".join(kept))
    log.write_bytes(b"".join(whole))
    report = callers_of(log, trace).report
    assert report.rows_without_access == len(text) - len(kept) - report.contradictions > 50
    assert not report.of_another_run


@pytest.mark.slow
def test_of_a_boot_that_the_trace_has_twice_the_log_is_of_either(
    whole: list[bytes], truth: pl.DataFrame, tmp_path: Path
) -> None:
    text = unpacked(TRACE)
    trace = tmp_path / "trace.log"
    trace.write_bytes(text + text)
    found, report = by(tmp_path / "who.log", whole, trace)
    assert report.matched < 100
    assert report.ambiguous > 17_000
    assert found.height == 2 * truth.height
    assert "may have one row or another" in report.doubts[0]


@pytest.mark.parametrize("part", [0.1, 0.8])
@pytest.mark.slow
def test_of_a_trace_that_was_cut_every_access_has_its_row(
    part: float, whole: list[bytes], truth: pl.DataFrame, tmp_path: Path
) -> None:
    lines = unpacked(TRACE).splitlines(keepends=True)
    trace = tmp_path / "trace.log"
    trace.write_bytes(b"".join(lines[: int(part * len(lines))]))
    found, report = by(tmp_path / "who.log", whole, trace)
    assert report.matched == report.accesses > 700
    assert not wrong(found, truth.head(found.height))


@pytest.mark.slow
def test_of_another_run_of_the_same_firmware_nothing_is_attributed(whole: list[bytes], tmp_path: Path) -> None:
    found, report = by(tmp_path / "who.log", whole, OTHER)
    assert report.of_another_run
    assert report.matched == 0
    assert found.select(CODE).null_count().row(0) == (found.height,) * 3
    assert report.doubts == (
        f"{tmp_path / 'who.log'}: does not fit the trace, so it is of another run, and nothing is attributed by it",
    )


def test_a_log_that_was_put_in_place_of_the_recorded_one_is_refused(
    whole: list[bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = SAVED.at(tmp_path / "run", who="who.log", who_sha256="0" * 64)
    (run / "who.log").write_bytes(b"".join(whole))
    assert tt.open(run).operations()["by"].null_count() == 1020
    assert "is not the log that was recorded" in caplog.text


@pytest.mark.slow
def test_events_of_several_qemus_are_not_mixed(whole: list[bytes], tmp_path: Path) -> None:
    events = tt.open(TRACE).events.head(6000)
    frames = [events.with_columns(process=pl.lit(process, pl.UInt32)) for process in (41, 42)]
    both = pl.concat(frames).sort("seq", maintain_order=True).with_columns(seq=pl.int_range(12_000, dtype=pl.Int64))
    trace, log = tmp_path / "two.parquet", tmp_path / "who.log"
    both.write_parquet(trace)
    log.write_bytes(b"".join(whole))
    assert tt.open(trace, who_log=log).operations()["by"].null_count() == tt.open(trace).operations().height
    chosen = tt.open(trace, who_log=log, process=42).operations()
    assert not chosen["by"].null_count()


HEAD = b"V 1 target=aarch64 api=0..1\n"


@pytest.mark.parametrize(
    "lines",
    [
        [b"C 0 %s\n" % b",".join([b"ffffffffffffffff"] * 256), b"A 0 w 4 virt.flash1 7fffffffffffffff 0 0\n" * 2000],
        [b"C 0 ffffffffffffffffff\n", b"A 0 w 4 virt.flash1 0 0 0\n"],
        [b"I 1 1 fffffff PE aa64 0 - x\n" * 1200, b"C 0 1\n", b"A 0 w 4 virt.flash1 4000000 0 0\n" * 9000],
        [b"I %x %x fffffff PE aa64 0 - x\n" % (n << 28, n << 28) for n in range(1, 40)],
        [b"C %d %x\n" % (n, n) for n in range(300_000)],
        [b"V 1\n" * 100_000],
        [b"A 0 r 16 virt.flash1 1 0 0\n" * 50_000],
    ],
    ids=["addresses", "wide", "images", "pages", "chains", "heads", "unaligned"],
)
@pytest.mark.first_quick
def test_a_log_made_to_harm_is_read_and_told(lines: list[bytes], tmp_path: Path) -> None:
    found, report = by(tmp_path / "who.log", [HEAD, *lines])
    assert found.height == 8975
    assert report.doubts
    assert report.matched <= 8973


@pytest.mark.slow
def test_names_of_modules_hold_nothing_that_a_terminal_or_a_chain_takes_for_its_own(
    whole: list[bytes], tmp_path: Path, quick: Quick
) -> None:
    evil = "/x/\x1b]0;title\x07 < BdsDxe+0x1 < \u202eeliF.dll".encode()
    lines = [line[: line.rindex(b" ") + 1] + evil + b"\n" if b"DxeIpl" in line else line for line in whole]
    log = tmp_path / "who.log"
    log.write_bytes(b"".join(lines))
    ended = quick("who", TRACE, "--who-log", log, "--operations", "--where", "op == stray")
    assert all(line.isprintable() for line in ended.text.splitlines())
    assert "eliF" in ended.text
    found, true = (tt.open(TRACE, who_log=path).operations("op == stray")["chain"][0] for path in (log, _SAMPLE))
    assert found.count(" < ") == true.count(" < "), "a name adds no caller"


@pytest.mark.slow
def test_a_million_chains_are_read() -> None:
    log = read_who_log(HEAD + b"".join(b"C %d 1000,1\n" % number for number in range(1_000_000)))
    assert len(log.chains) == 1_000_000
