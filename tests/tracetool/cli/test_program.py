"""The command line from outside: exit codes, what goes where, and one clear line for whatever is wrong."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from replay import machine
from tests.forms import is_extension
from tests.tracetool.cli.program import COMMAND, FIRST_BOOT, PADDING, environment, tracetool, tracetool_as_user
from tests.tracetool.logs import log
from tests.tracetool.traces import reader
from tracetool.bundled import sample
from tracetool.cli.audit import run_audit
from tracetool.events import EVENTS_SCHEMA
from tracetool.findings import RULES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tracetool.cli.program import Quick

COMMANDS = [
    "demo",
    "info",
    "events",
    "operations",
    "blocks",
    "findings",
    "explain",
    "audit",
    "replay",
    "export",
    "verify",
    "rules",
]
READING = ["info", "events", "operations", "blocks", "findings", "audit", "replay", "verify"]

OK, FOUND, USAGE, UNREADABLE, INCONCLUSIVE, BROKEN_PIPE, INTERRUPTED = 0, 1, 2, 3, 4, 141, 130


def complaint(err: str) -> str:
    """The one line that standard error holds."""
    (line,) = err.splitlines()
    assert line.startswith("tracetool: ")
    assert "internal error" not in line
    return line


def plain_events() -> bytes:
    """A clean, short log."""
    return log("virt.flash1").reset().program(0, 1).read_array().text.encode()


# --- exit codes --------------------------------------------------------------------------------------------------


def test_a_guest_that_stays_inside_ends_with_0(quick: Quick) -> None:
    assert quick("audit", FIRST_BOOT).code == OK


def test_a_write_outside_ends_with_1(quick: Quick) -> None:
    ended = quick("audit", PADDING)
    assert (ended.code, ended.err) == (FOUND, "")
    assert ended.text.startswith("OUTSIDE-EXTENT: the guest wrote beyond the extent of virt.flash1\n")


def test_warnings_end_with_1_where_they_are_asked_to(quick: Quick) -> None:
    assert quick("audit", FIRST_BOOT, "--fail-on", "warning").code == FOUND


def test_an_incomplete_trace_ends_with_4_unless_that_is_allowed(tmp_path: Path, quick: Quick) -> None:
    trace = tmp_path / "t.log"
    trace.write_text(log("virt.flash1").reset().program(0, 1).without("io_write").text)
    assert quick("audit", trace).code == INCONCLUSIVE
    assert quick("audit", trace, "--allow-inconclusive").code == OK


def test_an_unknown_extent_ends_with_4_where_something_was_written(tmp_path: Path, quick: Quick) -> None:
    trace = tmp_path / "t.log"
    trace.write_bytes(plain_events())
    ended = quick("audit", trace)
    assert (ended.code, ended.text.partition(":")[0]) == (INCONCLUSIVE, "NO-EXTENT")
    assert quick("audit", trace, "--extent", "768K").code == OK


@pytest.mark.slow
def test_the_demo_ends_as_the_audit_of_its_sample(quick: Quick) -> None:
    demo, audit = quick("demo"), quick("audit", sample("aavmf-shell-padding/trace.log.zst"))
    assert (demo.code, demo.out) == (audit.code, audit.out) == (FOUND, audit.out)
    assert complaint(demo.err).startswith("tracetool: the same as: tracetool audit ")


def test_a_replay_that_disagrees_with_its_trace_ends_with_4(tmp_path: Path, quick: Quick) -> None:
    trace = tmp_path / "t.log"
    trace.write_text(log("virt.flash1").reset().write(0, 0x700070).read_status(0, 0x900090).text)
    ended = quick("replay", trace)
    assert ended.code == INCONCLUSIVE
    assert "model and trace disagree at event 3" in ended.text


# --- input that is no trace --------------------------------------------------------------------------------------


def jpeg() -> bytes:
    return b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(range(256)) * 40


NO_TRACES: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "cannot be read: No such file or directory; give the path of a trace, or - for stdin"),
    "empty": (b"", "is empty; record a log instead"),
    "jpeg": (jpeg(), "is a picture; give QEMU's log"),
    "one line": (b"hello\n", "no pflash event in 1 line; start QEMU with -trace 'pflash*'"),
    "other": (b"hello\nworld\n", "no pflash event in 2 lines; start QEMU with -trace 'pflash*'"),
}


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("kind", NO_TRACES)
def test_a_file_that_is_no_trace_is_named_in_one_line(kind: str, command: str, tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / kind
    data, says = NO_TRACES[kind]
    if data is not None:
        path.write_bytes(data)
    ended = quick(command, path)
    assert ended.code == UNREADABLE
    assert f"{path}: {says}" in complaint(ended.err)


@pytest.mark.parametrize("command", ["audit", "replay", "operations", "info"])
def test_a_boot_that_nobody_traced_is_no_boot_without_writes(command: str, tmp_path: Path, quick: Quick) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    first.write_bytes(plain_events())
    second.write_text("hello\n")
    ended = quick(command, first, second)
    assert ended.code == UNREADABLE
    assert f"{second}: no pflash event in 1 line" in complaint(ended.err)


def test_an_image_that_no_flash_can_have_is_refused(tmp_path: Path, quick: Quick) -> None:
    """A log that was taken for the image would else say where the flash ends."""
    image = tmp_path / "trace.log"
    image.write_bytes(bytes(0xC0001))
    ended = quick("audit", PADDING, "--image", image)
    assert ended.code == USAGE
    assert f"--image virt.flash1={image}: 786,433 B are no whole number of 512-byte sectors" in complaint(ended.err)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_that_never_ends_is_not_read(device: str, quick: Quick) -> None:
    ended = quick("audit", device)
    assert (ended.code, "never ends" in complaint(ended.err)) == (UNREADABLE, True)


def test_a_directory_is_named_in_one_line(tmp_path: Path, quick: Quick) -> None:
    ended = quick("info", tmp_path)
    assert ended.code == UNREADABLE
    assert f"{tmp_path}: is a directory without a CTF trace" in complaint(ended.err)


def test_a_log_that_is_cut_in_mid_line_is_read_and_not_believed(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "cut.log"
    path.write_bytes(plain_events() + b"pflash_io_wri")
    ended = quick("info", path)
    assert ended.code == OK
    assert "1 of 10 lines not understood, first at line 10" in complaint(ended.err)
    path.write_bytes(plain_events().removesuffix(b"\n"))
    ended = quick("info", path)
    assert ended.code == OK
    assert "the last line has no newline" in complaint(ended.err)
    assert quick("audit", path, "--extent", "768K").code == OK, "the event is whole"
    path.write_bytes(plain_events() + b"pflash_io_wri")
    ended = quick("audit", path, "--extent", "768K")
    assert ended.code == INCONCLUSIVE
    assert "1 of 10 lines were not understood" in ended.text


@pytest.mark.slow
def test_a_packed_trace_that_is_cut_is_read_as_far_as_it_goes(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "cut.zst"
    path.write_bytes(FIRST_BOOT.read_bytes()[:30_000])
    ended = quick("info", path)
    assert ended.code == OK
    assert "Traceback" not in ended.err
    assert f"{path}: the zstd stream ends in the middle of the data after" in ended.err
    assert "the zstd stream ends in the middle" in ended.text
    assert quick("audit", path).code == INCONCLUSIVE


def test_strict_stops_at_the_first_line_that_is_not_understood(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "t.log"
    path.write_bytes(plain_events() + b"pflash_io_write virt.flash1: offset:0x00\n" + plain_events())
    ended = quick("events", path, "--strict", "--format", "csv")
    assert ended.code == UNREADABLE
    assert f"{path}: line {plain_events().count(10) + 1}: " in complaint(ended.err)


# --- wrong usage -------------------------------------------------------------------------------------------------

WRONG_VALUES = [
    (["--policy", "bogus"], "--policy 'bogus': give one of padded, discard, volatile, error, all"),
    (["--extent", "abc"], "--extent: 'abc' is not a size"),
    (["--extent", "virt.flash1="], "--extent 'virt.flash1=' has no value"),
    (["--extent", "=5"], "--extent '=5' names no device; leave out the ="),
    (["--extent", "65M"], "--extent virt.flash1=65 MiB is more than the region of 64 MiB"),
    (["--extent", "1M", "--extent", "2M"], "--extent is given twice"),
    (["--board", "x"], "--board 'x' is not known; known are virt-arm"),
    (["--geometry", "virt.flash1=foo"], "--geometry virt.flash1: 'foo' is not understood"),
    (["--geometry", "virt.flash1=block=3"], "size 67108864 is not a whole number of blocks of 3"),
    (["--geometry", "virt.flash1=block=64K"], "erases blocks of 256 KiB, but the geometry in use has 64 KiB"),
    (["--read-only", "nope"], "no device 'nope' in the trace; it has virt.flash1, virt.flash0"),
    (["--device", "nope"], "no device 'nope' in the trace"),
    (["--qemu", "abc"], "--qemu 'abc': give auto, direct"),
    (["--guests", "0"], "--guests 0 is not in the range x>=1 (see tracetool audit --help)"),
    (["--width", "x"], "--width 'x' is not a valid integer (see tracetool audit --help)"),
    (["--fail-on", "x"], "--fail-on 'x': give one of error, warning, note"),
    (["--format", "x"], "--format 'x': give one of text, json"),
    (["--qqq"], "No such option '--qqq' (see tracetool audit --help)"),
]


@pytest.mark.parametrize(("options", "says"), WRONG_VALUES, ids=[" ".join(options) for options, _ in WRONG_VALUES])
def test_a_wrong_value_is_one_line_and_ends_with_2(options: list[str], says: str, quick: Quick) -> None:
    ended = quick("audit", PADDING, *options)
    assert (ended.code, ended.out) == (USAGE, b"")
    assert says in complaint(ended.err)


WRONG_COMMANDS = [
    (["audit"], "Missing argument; give TRACE... (see tracetool audit --help)"),
    (["explain", str(PADDING)], "Missing argument; give TRACE... [N:]SEQ (see tracetool explain --help)"),
    (["record", "--backend", "x", "--", "true"], "--backend 'x': give one of log, simple"),
    (["findings", str(PADDING), "--policy", "x"], "--policy 'x': give one of padded, discard, volatile, error"),
    (["audit", "-", "-"], "standard input can be read only once"),
    (["nope"], "No such command 'nope'"),
    (["rules", "XX"], "no rule 'XX', and none that speaks of it; rules begin with EXT, VAR,"),
    (["rules", "nor12"], "no rule 'nor12', and none that speaks of it; did you mean NOR011?"),
    (["events", str(PADDING), "--device", "x", "--format", "jsonl"], "no event of a device 'x' in the trace"),
    (["events", str(PADDING), "--format", "x"], "--format 'x': give one of table, csv, jsonl, parquet"),
    (["replay", str(PADDING), "--at", "99999999"], "--at 99999999: the last event of the trace is 4382"),
    (["replay", str(PADDING), "--write-image", "x.fd"], "bytes are not known, the first at 0x40000; give the contents"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG_COMMANDS, ids=[says for _, says in WRONG_COMMANDS])
def test_a_wrong_command_is_one_line_and_ends_with_2(arguments: list[str], says: str, quick: Quick) -> None:
    ended = quick(*arguments)
    assert (ended.code, ended.out) == (USAGE, b"")
    assert says in complaint(ended.err)


def test_the_program_alone_shows_its_help(quick: Quick) -> None:
    ended = quick()
    assert (ended.code, ended.err) == (USAGE, "")
    assert all(f" {command} " in ended.text for command in COMMANDS)


# --- images ------------------------------------------------------------------------------------------------------


def test_an_image_longer_than_the_flash_is_refused(tmp_path: Path, quick: Quick) -> None:
    image = tmp_path / "big.fd"
    with image.open("wb") as file:
        file.truncate(65 << 20)
    ended = quick("audit", PADDING, "--image", image)
    assert ended.code == USAGE
    assert f"--image virt.flash1={image}: 65 MiB are more than the region of 64 MiB" in complaint(ended.err)


@pytest.mark.parametrize(("name", "says"), [("missing.fd", "No such file or directory"), (".", "Is a directory")])
def test_an_image_that_cannot_be_read_is_named(name: str, says: str, tmp_path: Path, quick: Quick) -> None:
    ended = quick("audit", PADDING, "--image", tmp_path / name)
    assert ended.code == UNREADABLE
    reason = f"cannot be read as a flash image: {says}; give the flash's backing file"
    assert f"{tmp_path / name}: {reason}" in complaint(ended.err)


@pytest.mark.slow
def test_contents_at_an_event_are_those_of_that_moment(tmp_path: Path, quick: Quick) -> None:
    """The event before the program that the padding sample is about, and the event itself."""
    before, target = PADDING.with_name("flash1-before.fd.zst"), tmp_path / "at.fd"
    words = []
    for at in ("4369", "4370"):
        assert quick("replay", PADDING, "--image", before, "--storage", target, "--at", at).code == OK
        with target.open("rb") as file:
            file.seek(0x100000)
            words.append(file.read(4).hex(" "))
    assert words == ["00 00 00 00", "40 00 40 00"]


# --- output ------------------------------------------------------------------------------------------------------

OUTPUTS = [
    ["audit", "--format", "text"],
    ["audit", "--format", "json"],
    ["events", "--format", "table"],
    ["events", "--format", "csv"],
    ["events", "--format", "jsonl"],
    ["events", "--format", "parquet"],
    ["operations", "--where", "offset >= 768K"],
    ["blocks", "--format", "csv"],
    ["findings", "--format", "jsonl"],
]


@pytest.mark.parametrize("arguments", OUTPUTS, ids=" ".join)
@pytest.mark.slow
def test_a_file_gets_the_bytes_that_standard_output_gets(arguments: list[str], tmp_path: Path, quick: Quick) -> None:
    target = tmp_path / "out"
    shown = quick(*arguments, PADDING)
    written = quick(*arguments, PADDING, "-o", target)
    assert (shown.code, shown.err) == (written.code, "")
    assert (target.read_bytes(), written.out) == (shown.out, b"")
    assert written.err == f"tracetool: wrote {target}\n"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("target", ["/nonexistent/x", "/", "/dev/full"])
@pytest.mark.parametrize(
    "arguments", [["audit"], ["blocks"], ["events", "--format", "csv"], ["events", "--format", "parquet"]]
)
def test_a_file_that_cannot_be_written_is_named(arguments: list[str], target: str, quick: Quick) -> None:
    ended = quick(*arguments, PADDING, "-o", target)
    assert ended.code == UNREADABLE
    assert f"{target}: cannot be written: " in complaint(ended.err)


@pytest.mark.parametrize("arguments", [["audit"], ["events", "--format", "parquet"]], ids=" ".join)
@pytest.mark.slow
def test_a_full_disk_behind_standard_output_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments, str(PADDING)], stdout=full, stderr=subprocess.PIPE, env=environment(), check=False
        )
    assert done.returncode == UNREADABLE
    assert complaint(done.stderr.decode()) == "tracetool: standard output: No space left on device"


@pytest.mark.slow
def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path) -> None:
    """The folder would allow it."""
    target = tmp_path / "kept"
    target.write_text("kept")
    target.chmod(0o444)
    ended = tracetool_as_user("audit", PADDING, "-o", target)
    assert ended.code == UNREADABLE
    assert f"{target}: cannot be written: Permission denied; name another file" in complaint(ended.err)
    assert target.read_text() == "kept"


@pytest.mark.parametrize(
    ("closed", "trace", "code"), [("2>&-", PADDING, FOUND), (">&-", PADDING, FOUND), ("<&-", "-", UNREADABLE)]
)
@pytest.mark.slow
def test_a_closed_stream_changes_no_exit_code(closed: str, trace: Path | str, code: int) -> None:
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, "audit", str(trace)]
    done = subprocess.run(shell, capture_output=True, env=environment(), check=False)
    assert done.returncode == code
    assert "internal error" not in done.stderr.decode()


@pytest.mark.slow
def test_what_an_encoding_lacks_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "trace.log"
    path.write_text(log("flash\N{GREEK SMALL LETTER ALPHA}").reset().text)
    ended = tracetool("audit", path, PYTHONIOENCODING="ascii")
    assert (ended.code, ended.err) == (INCONCLUSIVE, "")
    assert "flash\\u03b1  inconclusive" in ended.text


@pytest.mark.parametrize("unbuffered", ["", pytest.param("1", marks=pytest.mark.slow)])
@pytest.mark.parametrize("output_format", ["table", "csv", "jsonl"])
@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error(output_format: str, unbuffered: str) -> None:
    """As in `tracetool events TRACE | head -1`; not exit code 1, which would mean findings."""
    command = [*COMMAND, "events", str(PADDING), "--format", output_format]
    settings = environment(PYTHONUNBUFFERED=unbuffered)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=settings) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait() == BROKEN_PIPE


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return pl.concat(reader(PADDING).chunks())


@pytest.mark.parametrize("output_format", ["csv", "jsonl", "parquet"])
def test_events_are_read_back_as_they_were(
    output_format: str, frame: pl.DataFrame, tmp_path: Path, quick: Quick
) -> None:
    target = tmp_path / f"events.{output_format}"
    assert quick("events", PADDING, "--format", output_format, "-o", target).code == OK
    schema = {name: (pl.String if name in ("event", "device") else kind) for name, kind in EVENTS_SCHEMA.items()}
    read_back: dict[str, Callable[[], pl.DataFrame]] = {
        "csv": lambda: pl.read_csv(target, schema=schema),
        "jsonl": lambda: pl.DataFrame(list(map(json.loads, target.read_text().splitlines())), schema=schema),
        "parquet": lambda: pl.read_parquet(target).cast({"event": pl.String, "device": pl.String}),
    }
    assert_frame_equal(read_back[output_format](), frame.cast({"event": pl.String, "device": pl.String}))


def test_the_table_of_events_has_a_line_for_each(frame: pl.DataFrame, quick: Quick) -> None:
    lines = quick("events", PADDING).text.splitlines()
    assert len(lines) == 1 + len(frame)
    assert lines[1 + 4368].split(maxsplit=3)[::3] == [
        "4368",
        "io_write virt.flash1: offset:0x100000 size:4 value:0x400040 wcycle:0",
    ]


@pytest.mark.slow
def test_operations_of_several_traces_name_theirs(quick: Quick) -> None:
    head, *rows = quick("operations", FIRST_BOOT, PADDING, "--where", "op == erase").text.splitlines()
    assert head.split()[:2] == ["trace", "seq"]
    assert [row.split()[0] for row in rows] == ["0"] * 23 + ["1"] * 2
    assert quick("operations", PADDING, "--where", "op == erase").text.split()[0] == "seq"


def test_events_of_one_device_alone(quick: Quick) -> None:
    lines = quick("events", PADDING, "--device", "virt.flash0", "--format", "jsonl").text.splitlines()
    assert len(lines) == 5
    assert {json.loads(line)["device"] for line in lines} == {"virt.flash0"}


@pytest.mark.slow
@pytest.mark.parametrize("command", ["audit", "info"])
def test_standard_input_is_read_for_a_dash(command: str) -> None:
    by_name, by_stream = tracetool(command, PADDING), tracetool(command, "-", stdin=PADDING.read_bytes())
    assert by_stream.code == by_name.code
    assert by_stream.text == by_name.text.replace(str(PADDING), "standard input")


@pytest.mark.parametrize(
    "arguments",
    [
        ["events", "TRACE", "-o", "TRACE"],
        ["operations", "TRACE", "-o", "TRACE"],
        ["blocks", "TRACE", "-o", "LINK"],
        ["findings", "TRACE", "-o", "./TRACE"],
        ["audit", "TRACE", "-o", "TRACE"],
        ["audit", "TRACE", "--image", "IMAGE", "-o", "IMAGE"],
        ["replay", "TRACE", "--write-image", "TRACE"],
        ["replay", "TRACE", "--image", "IMAGE", "--write-image", "IMAGE"],
        ["replay", "TRACE", "--image", "IMAGE", "--storage", "virt.flash1=LINK"],
        ["replay", "TRACE", "--image", "IMAGE", "--write-image", "new", "--storage", "./new"],
    ],
    ids=" ".join,
)
def test_what_is_read_is_not_written_over(
    arguments: list[str], tmp_path: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trace, image = tmp_path / "TRACE", tmp_path / "IMAGE"
    trace.write_bytes(PADDING.read_bytes())
    image.write_bytes((PADDING.parent / "flash1-before.fd.zst").read_bytes())
    (tmp_path / "LINK").symlink_to(trace)
    ended = quick(*arguments)
    assert ended.code == 2
    assert "name another file" in ended.err
    assert trace.read_bytes() == PADDING.read_bytes()
    assert image.read_bytes() == (PADDING.parent / "flash1-before.fd.zst").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["IMAGE", "LINK", "TRACE"]


@pytest.mark.parametrize("option", ["--write-image", "--storage"])
def test_an_option_without_its_file_is_named(option: str, quick: Quick) -> None:
    ended = quick("replay", str(PADDING), option, "virt.flash1=")
    assert (ended.code, ended.err) == (2, f"tracetool: {option} 'virt.flash1=' has no value\n")


def test_a_file_stays_what_it_was_where_there_is_nothing_to_write(tmp_path: Path, quick: Quick) -> None:
    target = tmp_path / "events.csv"
    target.write_text("of another trace")
    assert quick("events", PADDING, "--device", "nope", "-o", target).code == USAGE
    assert target.read_text() == "of another trace"
    assert list(tmp_path.iterdir()) == [target]


# --- terminals ---------------------------------------------------------------------------------------------------


def on_a_terminal(*arguments: str, talk: bool = False, **changes: str) -> str:
    """What the program writes where standard output is a terminal; with `talk` standard error is it too."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=follower,
        stderr=follower if talk else subprocess.DEVNULL,
        env=environment(TERM="xterm", **changes),
    ) as running:
        os.close(follower)
        shown = b""
        try:
            while data := os.read(leader, 1 << 16):
                shown += data
        except OSError:  # what Linux gives where the last writer has gone
            pass
        running.wait()
    os.close(leader)
    return shown.decode()


@pytest.mark.slow
def test_a_terminal_gets_colours() -> None:
    assert "\x1b[" in on_a_terminal("audit", str(PADDING))


@pytest.mark.slow
def test_no_progress_bar_stands_between_the_rows() -> None:
    assert "\x1b" not in on_a_terminal("events", str(PADDING), talk=True)
    assert "\x1b" in on_a_terminal("operations", str(PADDING), talk=True)


@pytest.mark.slow
def test_no_color_is_respected() -> None:
    """Of what a terminal is told only weight is left."""
    shown = on_a_terminal("audit", str(PADDING), NO_COLOR="1")
    assert "OUTSIDE-EXTENT" in shown
    assert not re.findall(r"\x1b\[[0-9;]*(?:3[0-9]|4[0-9]|9[0-9])m", shown)


@pytest.mark.slow
def test_a_pipe_gets_neither_colours_nor_trailing_blanks(quick: Quick) -> None:
    shown = quick("audit", PADDING).text
    assert "\x1b" not in shown
    assert [line for line in shown.splitlines() if line != line.rstrip()] == []


# --- interruption ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["audit"],
        ["events", "--format", "csv"],
        ["export", "--format", "perfetto"],
        *(
            pytest.param(command.split(), marks=pytest.mark.slow)
            for command in (
                "info",
                "operations --format jsonl",
                "audit --format json",
                "export --format simple",
            )
        ),
    ],
    ids=" ".join,
)
@pytest.mark.slow
def test_an_interruption_ends_with_130_and_leaves_nothing(tmp_path: Path, command: list[str]) -> None:
    """A trace that never ends, so that the run is surely still on."""
    fifo, out = tmp_path / "trace", tmp_path / "out"
    os.mkfifo(fifo)
    out.mkdir()
    output = ["-o", str(out / "file")] if command not in (["audit"], ["info"]) else []
    with (
        subprocess.Popen(
            [*COMMAND, *command, str(fifo), *output], stderr=subprocess.PIPE, env=environment()
        ) as running,
        fifo.open("wb") as feed,
    ):
        feed.write(plain_events() * 2000)
        feed.flush()
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        assert running.stderr.read() == b"tracetool: interrupted\n"
        assert running.wait() == INTERRUPTED
    assert list(out.iterdir()) == []


@pytest.mark.slow
def test_a_program_that_is_ended_leaves_no_half_written_file(tmp_path: Path) -> None:
    fifo, target = tmp_path / "trace", tmp_path / "out" / "events.csv"
    target.parent.mkdir()
    os.mkfifo(fifo)
    command = [*COMMAND, "events", str(fifo), "--format", "csv", "-o", str(target)]
    with subprocess.Popen(command, env=environment()) as running, fifo.open("wb") as feed:
        feed.write(plain_events() * 2000)
        feed.flush()
        while running.poll() is None and not list(target.parent.iterdir()):
            time.sleep(0.01)
        running.terminate()
        assert running.wait() == 128 + signal.SIGTERM
    assert list(target.parent.iterdir()) == []


# --- help --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_help(command: str, option: str, quick: Quick) -> None:
    ended = quick(command, option)
    assert (ended.code, ended.err) == (OK, "")
    assert f"Usage: tracetool {command}" in ended.text


def test_the_program_s_help_says_the_exit_codes(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conftest.COLUMNS", "80")
    said = " ".join(quick("--help").text.split())
    assert (
        "Exit codes: 0 nothing found; 1 findings, or a write outside the extent; 2 wrong usage; 3 unreadable input or "
        "a missing dependency; 4 inconclusive; 130 interrupted." in said
    )


def test_the_version_is_that_of_the_package(quick: Quick) -> None:
    form = "compiled" if is_extension(machine) else "plain Python"
    assert re.fullmatch(rf"tracetool \d+\.\d+\.\d+ \({form}\)\n", quick("--version").text)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_explained(rule: str, quick: Quick) -> None:
    ended = quick("rules", rule.lower())
    assert (ended.code, ended.err) == (OK, "")
    words = RULES[rule]
    assert ended.text.startswith(f"{rule} ({words.severity.label}): {words.title}\n")
    assert all(text in ended.text for text in (words.why, words.cause, words.remedy))


@pytest.mark.parametrize(
    "text", ["pflash_write: Write to buffer emulation is flawed", "Write to Buffer emulation", "issue 2343"]
)
def test_a_rule_is_found_by_what_it_speaks_of(text: str, quick: Quick) -> None:
    assert quick("rules", text).text.startswith("SEQ002 (error)")


def test_every_rule_is_listed(quick: Quick) -> None:
    listed = [line.split(maxsplit=2) for line in quick("rules").text.splitlines()]
    assert listed == [[rule.id, rule.severity.label, rule.title] for rule in RULES.values()]


@pytest.mark.slow
def test_an_error_can_be_traced(tmp_path: Path) -> None:
    assert "Traceback" in tracetool("info", tmp_path, "--debug").err


# --- queries -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["events", "operations", "findings"])
def test_a_wrong_query_is_one_line_and_a_picture_of_the_place(command: str, quick: Quick) -> None:
    ended = quick(command, PADDING, "--where", "offset >= 768K and devic ~ flash1")
    assert ended.code == USAGE
    line, query, marker = ended.err.splitlines()
    assert line.startswith("tracetool: query, character 20: ")
    assert "'device'" in line
    assert query.index("devic") == marker.index("~~~~~^")
    assert not ended.out


def test_a_query_chooses_rows(quick: Quick) -> None:
    ended = quick("operations", PADDING, "--where", "offset >= 768K and op == program", "--format", "csv")
    assert ended.code == OK
    header, row = ended.text.splitlines()
    assert header.startswith("trace,boot,device,kind,")
    assert row.startswith("0,0,virt.flash1,program,4368,4370,")


def test_what_device_leaves_out_is_said(quick: Quick) -> None:
    document = json.loads(quick("audit", PADDING, "--device", "virt.flash0", "--format", "json").text)
    (device,) = document["devices"]
    assert "4,378 events of virt.flash1 left out (--device)" in device["verdict_reasons"]
    assert "devices-not-chosen" in device["verdict_codes"]
    whole = json.loads(quick("audit", PADDING, "--format", "json").text)
    assert not [device for device in whole["devices"] if "devices-not-chosen" in device["verdict_codes"]]


# --- rows that are asked for -------------------------------------------------------------------------------------


def seqs_of(quick: Quick, *arguments: str | Path) -> list[int]:
    table = pl.read_csv(quick(*arguments, "--format", "csv").out)
    return table["first_seq"].to_list()


@pytest.mark.slow
def test_operations_are_found_by_their_block(quick: Quick) -> None:
    assert seqs_of(quick, "operations", PADDING, "--where", "block == 4") == [4368, 4373, 4375, 4377, 4380]
    whole = pl.read_csv(quick("operations", FIRST_BOOT, "--format", "csv").out)
    assert (whole["block"] == whole["offset"] // (256 << 10)).all()


@pytest.mark.parametrize(
    ("rule", "seqs"), [("EXT001", [4368]), ("ext003", [4373, 4375, 4377, 4380]), ("RO001", [2, 4])]
)
@pytest.mark.slow
def test_operations_are_found_by_their_rule(rule: str, seqs: list[int], quick: Quick) -> None:
    assert seqs_of(quick, "operations", PADDING, "--rule", rule) == seqs
    assert seqs_of(quick, "operations", FIRST_BOOT, PADDING, "--rule", rule, "--where", "trace == 1") == seqs


@pytest.mark.slow
def test_a_rule_without_cases_has_no_operations(quick: Quick) -> None:
    assert seqs_of(quick, "operations", FIRST_BOOT, "--rule", "EXT001") == []


def test_blocks_are_asked_for(quick: Quick) -> None:
    assert seqs_of(quick, "blocks", PADDING, "--where", "outside == true") == [4368]
    assert seqs_of(quick, "blocks", FIRST_BOOT, "--where", "erases > 10") != []
    assert quick("blocks", PADDING, "--where", "boot == 1").code == USAGE


# --- several traces, and numbers -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_events_of_several_traces_name_theirs(quick: Quick) -> None:
    lines = quick("events", FIRST_BOOT, PADDING).text.splitlines()
    assert lines[0].split() == ["trace", "seq", "time", "boot", "event"]
    first = next(line for line in lines if line.split()[0] == "1")
    assert first.split()[:3] == ["1", "0", "0.000000"], "times count from the start of the trace"
    chosen = quick("events", FIRST_BOOT, PADDING, "--where", "trace == 1 and seq == 4370", "--format", "csv").text
    assert chosen.splitlines()[1].startswith("1,0,4370,")


@pytest.mark.parametrize("output_format", ["table", "csv", "jsonl"])
def test_a_choice_that_is_not_there_writes_nothing(output_format: str, quick: Quick) -> None:
    ended = quick("events", PADDING, "--process", "3", "--format", output_format)
    assert (ended.code, ended.out) == (USAGE, b"")


@pytest.mark.slow
def test_an_event_of_one_of_several_traces_is_explained(quick: Quick) -> None:
    alone = quick("explain", PADDING, "4370")
    assert quick("explain", PADDING, "0x1112").out == alone.out
    assert quick("explain", PADDING, FIRST_BOOT, "0:4370").text.splitlines()[0] == alone.text.splitlines()[0]
    assert quick("explain", FIRST_BOOT, PADDING, "1:0x1112").text.splitlines()[0] == alone.text.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((FIRST_BOOT, PADDING, "4370"), "name the trace too, 0:4370 to 1:4370"),
        ((FIRST_BOOT, PADDING, "2:1"), "there is no trace 2"),
        ((PADDING, "1:1"), "there is no trace 1"),
        ((PADDING, "x"), "SEQ 'x' is not a number"),
        ((PADDING, "0:"), "SEQ '' is not a number"),
        ((PADDING, ":1"), "N '' is not a number"),
        ((PADDING, "0x"), "is not a number"),
        ((PADDING, "9" * 40), "is not a number"),
        ((PADDING, "²"), "is not a number"),
        ((PADDING, "4383"), "there is no event 4383"),
    ],
)
def test_an_event_that_does_not_exist_is_named(arguments: tuple[str, ...], says: str, quick: Quick) -> None:
    ended = quick("explain", *arguments)
    assert ended.code == USAGE
    assert says in complaint(ended.err)


# --- the report and the person who reads it ----------------------------------------------------------------------


@pytest.mark.slow
def test_a_report_in_a_file_fits_a_mail(tmp_path: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conftest.COLUMNS", "")
    target = tmp_path / "report.txt"
    shown = quick("audit", PADDING)
    assert quick("audit", PADDING, "-o", target).code == FOUND
    assert target.read_bytes() == shown.out
    assert max(map(len, shown.text.splitlines())) <= 72
    assert not [line for line in shown.text.splitlines() if line != line.rstrip()]


@pytest.mark.parametrize("width", [40, 60, 72])
@pytest.mark.first_quick
def test_an_explanation_is_no_wider_than_it_is_asked_to_be(width: int, quick: Quick) -> None:
    told = quick("explain", PADDING, 4370, "--width", width).text
    assert max(map(len, told.splitlines())) <= width


@pytest.mark.parametrize("width", [40, 100])
@pytest.mark.slow
def test_a_report_is_as_wide_as_it_is_asked_to_be(width: int, monkeypatch: pytest.MonkeyPatch, quick: Quick) -> None:
    whole = quick("audit", PADDING).text
    asked = quick("audit", PADDING, "--width", width).text
    assert asked.split() == whole.split(), "wrapping loses no word"
    assert max(map(len, asked.splitlines())) <= width < max(map(len, whole.splitlines()))
    monkeypatch.setattr("tests.conftest.COLUMNS", str(width))
    assert quick("audit", PADDING).text == asked


def test_a_report_calls_traces_by_the_names_they_are_given(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of runs that are not kept: a path that is gone helps nobody."""
    monkeypatch.setenv("COLUMNS", "1000")
    trace = tmp_path / "trace.log"
    trace.write_bytes(plain_events() + b"pflash_io_write virt.flash1: offset:0x0\n")
    assert run_audit([str(trace)], names=["boot-0"]) == INCONCLUSIVE
    said = capfd.readouterr()
    assert "boot-0: " in said.out
    assert str(tmp_path) not in said.out + said.err


def test_quiet_says_nothing_but_the_answer(tmp_path: Path, quick: Quick) -> None:
    target = tmp_path / "report.json"
    assert quick("audit", FIRST_BOOT, "--format", "json", "-o", target, "-q").err == ""
    assert quick("audit", FIRST_BOOT, "--format", "json", "-o", target).err == f"tracetool: wrote {target}\n"
    assert "cannot be read" in quick("audit", tmp_path / "none", "--quiet").err


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        ((), FOUND, "the guest wrote outside the extent; 3 findings of severity error"),
        (
            ("--fail-on", "warning"),
            FOUND,
            "the guest wrote outside the extent; 5 findings of severity warning or worse",
        ),
        (("--extent", "64M"), OK, ""),
        (("--extent", "64M", "--fail-on", "warning"), FOUND, "2 findings of severity warning or worse"),
    ],
)
@pytest.mark.slow
def test_the_report_says_why_it_does_not_end_with_0(
    options: tuple[str, ...], code: int, why: str, quick: Quick
) -> None:
    ended = quick("audit", PADDING, *options)
    assert ended.code == code
    assert f"exit code {code}: {why}\n" in ended.text if why else "exit code" not in ended.text
    document = json.loads(quick("audit", PADDING, *options, "--format", "json").text)
    assert document["exit_code"] == code
    assert document["verdict"] == ("within-extent" if "--extent" in options else "outside-extent")
