"""`tracetool export` from outside: what goes where, and one line for what cannot be done."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.captures import capture_path
from tests.tracetool.cli.program import COMMAND, FIRST_BOOT, PADDING, environment, tracetool_as_user
from tests.tracetool.ingest.support import collect
from tests.tracetool.traces import audited
from tracetool.compression import zstd
from tracetool.errors import UsageError
from tracetool.export.formats import FORMATS, format_of
from tracetool.ingest import open_trace
from tracetool.ingest.formats import FORMATS as TRACE_FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

USAGE, UNREADABLE, BROKEN_PIPE = 2, 3, 141
READ_AS = {"log": "text"}
"""Names of trace formats that exports have another name for."""

TRACES = [name for name in FORMATS if READ_AS.get(name, name) in TRACE_FORMATS]


@pytest.fixture
def complaint(quick: Quick) -> Callable[..., str]:
    """The one line that is said, where the program ends with `code`."""

    def say(*arguments: str | Path, code: int) -> str:
        ended = quick("export", *arguments)
        assert ended.code == code, ended.err
        (line,) = ended.err.splitlines()
        assert line.startswith("tracetool: ")
        assert "internal error" not in line
        return line

    return say


@pytest.mark.parametrize("name", FORMATS)
def test_the_ending_or_the_option_says_the_format(name: str, tmp_path: Path, quick: Quick) -> None:
    by_ending, by_option = tmp_path / f"x{FORMATS[name].endings[-1].upper()}", tmp_path / "any"
    ended = quick("export", PADDING, "-o", by_ending)
    assert (ended.code, ended.out) == (0, b"")
    assert f"tracetool: wrote {by_ending}\n" in ended.err
    assert quick("export", PADDING, "-o", by_option, "--format", name).code == 0
    out = quick("export", PADDING, "-o", "-", "--format", name)
    assert out.code == 0
    assert "wrote" not in out.err
    assert by_ending.read_bytes() == by_option.read_bytes() == out.out != b""


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("source", [FIRST_BOOT, PADDING], ids=["first boot", "padding"])
def test_a_trace_says_the_same_in_every_format(name: str, source: Path, tmp_path: Path, quick: Quick) -> None:
    target = tmp_path / f"x{FORMATS[name].endings[0]}"
    quick("export", source, "-o", target)
    found, expected = (collect(open_trace(str(path))) for path in (target, source))
    # A record of the simple format holds a process, and a log with times only the thread.
    lost = ("thread", "process") if name == "simple" else ()
    assert_frame_equal(found.frame.drop(lost), expected.frame.drop(lost), categorical_as_str=True)
    assert found.meta.format == READ_AS.get(name, name)
    ours, theirs = audited(target).document, audited(source).document
    assert (ours["devices"], ours["findings"]) == (theirs["devices"], theirs["findings"])


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.slow
def test_losses_outlive_every_conversion(name: str, tmp_path: Path, quick: Quick) -> None:
    target = tmp_path / "x"
    lossy = capture_path("lossy/trace.simple.zst")
    quick("export", lossy, "-o", target, "--format", name)
    (before,), (after,) = audited(lossy).findings("TRC002"), audited(target).findings("TRC002")
    assert (after.count, after.first_seq) == (before.count, before.first_seq)
    assert audited(target).exit_code == audited(lossy).exit_code == 4


@pytest.mark.parametrize("name", TRACES)
def test_damage_outlives_every_conversion(name: str, tmp_path: Path, quick: Quick) -> None:
    damaged = tmp_path / "damaged.log"
    with zstd.open(FIRST_BOOT) as packed:
        lines = packed.read().splitlines(keepends=True)
    damaged.write_bytes(b"".join([*lines[:100], b"pflash_io_write virt.flash1: offset:0x\n", *lines[100:]]))
    target = tmp_path / "x"
    ended = quick("export", damaged, "-o", target, "--format", name)
    assert "1 of 18,586 lines not understood, first at line 101" in ended.err
    assert audited(target).exit_code == 4


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - TRACES))
def test_what_a_file_does_not_say_is_said_beside_it(name: str, tmp_path: Path, quick: Quick) -> None:
    ended = quick("export", capture_path("lossy/trace.simple.zst"), "-o", tmp_path / "x", "--format", name)
    assert ended.code == 0
    assert "the trace does not show everything, and the file does not say so" in ended.err


def test_one_device_alone(tmp_path: Path, quick: Quick) -> None:
    target = tmp_path / "x.parquet"
    assert quick("export", FIRST_BOOT, "-o", target, "--device", "virt.flash0").code == 0
    found = collect(open_trace(str(target)))
    assert found.frame["seq"].to_list() == [0, 1, 2, 3, 4]
    assert set(found.frame["device"].cast(pl.String)) == {"virt.flash0"}


@pytest.mark.parametrize("device", ["virt.flash0", "virt.flash1"])
@pytest.mark.parametrize("name", TRACES)
@pytest.mark.first_quick
def test_devices_that_are_left_out_are_missing_to_an_audit_of_the_file(
    name: str, device: str, tmp_path: Path, quick: Quick
) -> None:
    """Else a trace of a write outside becomes green by leaving out the flash that was written."""
    target = tmp_path / f"x.{name}"
    ended = quick("export", PADDING, "-o", target, "--device", device)
    whole = collect(open_trace(str(PADDING))).frame.height
    found = collect(open_trace(str(target)))
    assert found.frame.height + found.health.lost == whole
    assert f"{found.health.lost:,} events that were not chosen are left out" in ended.err
    assert "what the trace lost" not in ended.err
    assert quick("audit", target).code == (4 if device == "virt.flash0" else 1)
    assert quick("audit", target, "--extent", f"{device}=64M").code == 4


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.slow
def test_several_traces_become_one(name: str, tmp_path: Path, quick: Quick) -> None:
    target = tmp_path / f"x.{name}"
    parts = [collect(open_trace(str(path))).frame for path in (FIRST_BOOT, PADDING)]
    assert quick("export", FIRST_BOOT, PADDING, "-o", target).code == 0
    found = collect(open_trace(str(target))).frame
    told = ("device", "event", "offset", "value")
    assert_frame_equal(found.select(told), pl.concat(parts).select(told))
    assert found["boot"].max() == 1
    assert quick("audit", target).code == 1


def test_what_each_of_several_traces_lost_stays_known(tmp_path: Path, quick: Quick) -> None:
    lossy, target = capture_path("lossy/trace.simple.zst"), tmp_path / "x.parquet"
    alone = collect(open_trace(str(lossy)))
    assert quick("export", PADDING, lossy, "-o", target).code == 0
    health = collect(open_trace(str(target))).health
    events = collect(open_trace(str(PADDING))).frame.height
    assert health.lost == alone.health.lost > 0
    assert [place.seq for place in health.lost_places] == [events + place.seq for place in alone.health.lost_places]


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.slow
def test_a_later_trace_without_its_beginning_stays_incomplete(name: str, tmp_path: Path, quick: Quick) -> None:
    lines = zstd.decompress(PADDING.read_bytes()).splitlines(keepends=True)[:-15]
    late = [line for line in lines if b"pflash_reset" not in line or b"flash1" not in line]
    begun, headless, target = tmp_path / "begun.log", tmp_path / "headless.log", tmp_path / f"x.{name}"
    begun.write_bytes(b"".join(lines))
    headless.write_bytes(b"".join(late))
    assert quick("audit", begun, headless).code == 4
    assert quick("export", begun, headless, "-o", target).code == 0
    assert quick("audit", target).code == 4
    assert quick("export", begun, begun, "-o", target).code == 0
    assert quick("audit", target).code == 0


def test_rows_are_those_of_events(tmp_path: Path, quick: Quick) -> None:
    for name in ("csv", "jsonl"):
        target = tmp_path / f"x.{name}"
        quick("export", PADDING, "-o", target)
        assert target.read_bytes() == quick("events", PADDING, "--format", name).out


# --- what cannot be done -----------------------------------------------------------------------------------------


def test_an_unknown_ending_is_named_with_those_that_are_known(complaint: Callable[..., str]) -> None:
    says = "-o x.zip: the name does not say the format; give --format, or end it in one of .simple, .log, .parquet"
    assert says in complaint(PADDING, "-o", "x.zip", code=USAGE)
    with pytest.raises(UsageError, match="does not say the format"):
        format_of("-", None)


def test_wrong_options_are_named(complaint: Callable[..., str]) -> None:
    assert "--format 'x': give one of simple, log" in complaint(PADDING, "-o", "x", "--format", "x", code=USAGE)
    says = complaint(PADDING, "-o", "x.log", "--board", "virt-arm", code=USAGE)
    assert "--board says nothing to --format log; only perfetto replays the trace" in says
    says = complaint(PADDING, "-o", "x.log", "--qemu", "9.0", code=USAGE)
    assert "--qemu says nothing to --format log" in says
    assert "Missing option" in complaint(PADDING, code=USAGE)


@pytest.mark.parametrize("name", FORMATS)
def test_a_device_that_is_not_there_is_named_and_nothing_written(
    name: str, tmp_path: Path, complaint: Callable[..., str]
) -> None:
    target = tmp_path / "x"
    says = complaint(PADDING, "-o", target, "--format", name, "--device", "no.such", code=USAGE)
    assert "device 'no.such'" in says
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_trace_without_events_writes_nothing(name: str, tmp_path: Path, complaint: Callable[..., str]) -> None:
    (tmp_path / "empty.log").write_text("nothing\n")
    says = complaint(tmp_path / "empty.log", "-o", tmp_path / "x", "--format", name, code=UNREADABLE)
    assert "no pflash event in 1 line;" in says
    assert [path.name for path in tmp_path.iterdir()] == ["empty.log"]


def test_the_trace_itself_is_not_overwritten(tmp_path: Path, complaint: Callable[..., str]) -> None:
    trace, link = tmp_path / "trace.log", tmp_path / "link.log"
    trace.write_text("pflash_reset a: reset\n")
    link.symlink_to(trace)
    for target in (trace, link):
        says = complaint(trace, "-o", target, code=USAGE)
        assert f"{target}: is read by this command, and would be overwritten; name another file" in says
    assert trace.read_text() == "pflash_reset a: reset\n"


@pytest.mark.parametrize("name", FORMATS)
def test_targets_that_cannot_be_written_are_named(name: str, tmp_path: Path, complaint: Callable[..., str]) -> None:
    for target in (tmp_path, tmp_path / "no" / "such", "/dev/full"):
        says = complaint(FIRST_BOOT, "-o", target, "--format", name, code=UNREADABLE)
        assert f"{target}: cannot be written: " in says


@pytest.mark.slow
def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "x.log"
    target.write_text("mine")
    target.chmod(0o444)
    ended = tracetool_as_user("export", PADDING, "-o", target)
    assert (ended.code, ended.err) == (
        UNREADABLE,
        f"tracetool: {target}: cannot be written: Permission denied; name another file\n",
    )
    assert target.read_text() == "mine"


@pytest.mark.parametrize(
    "name", [name if name in ("log", "parquet") else pytest.param(name, marks=pytest.mark.slow) for name in FORMATS]
)
@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error(name: str) -> None:
    command = [*COMMAND, "export", str(FIRST_BOOT), "-o", "-", "--format", name]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=False, env=environment()
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        said = started.stderr.read()
        code = started.wait()
    assert (code, said) == (BROKEN_PIPE, b"")


@pytest.mark.parametrize("name", FORMATS)
def test_strict_stops_and_leaves_nothing(name: str, tmp_path: Path, complaint: Callable[..., str]) -> None:
    (tmp_path / "bad.log").write_text("pflash_reset a: reset\npflash_io_write a: offset\n")
    says = complaint(tmp_path / "bad.log", "-o", tmp_path / "x", "--format", name, "--strict", code=UNREADABLE)
    assert "line 2: arguments do not match the event" in says
    assert [path.name for path in tmp_path.iterdir()] == ["bad.log"]


def test_parquet_on_standard_input_says_what_to_do(
    tmp_path: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.parquet"
    target.write_bytes(quick("export", PADDING, "-o", "-", "--format", "parquet").out)
    with target.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        ended = quick("audit", "-")
    assert ended.code == UNREADABLE
    assert ended.err == (
        "tracetool: standard input: is Parquet, which cannot be read packed or from a stream; give the file itself\n"
    )
