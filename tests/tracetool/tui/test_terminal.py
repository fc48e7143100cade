"""The program as its users see it: in a terminal of its own, keys in, screen out."""

from __future__ import annotations

import csv
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, wait_until
from tests.terminal import PROGRAM, Terminal
from tests.tracetool.cli.program import FIRST_BOOT, PADDING, tracetool
from tracetool.compression import zstd

SEEN_SECONDS = 10.0
"""Until a finding of a guest that runs is on the screen, on a machine that does much else."""

STUCK_S = 2.0

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["80x24", "200x60"])
def test_the_question_is_answered_shown_and_exported(terminal: Terminal, tmp_path: Path, size: tuple[int, int]) -> None:
    target = tmp_path / "outside.csv"
    terminal.run(f"{PROGRAM} view {shlex.quote(str(PADDING))}", size)
    terminal.wait("OUTSIDE-EXTENT", "0x100000", "virt.flash1")
    terminal.send("e")
    terminal.wait("224 operations", "4368", "The word is stored.")
    terminal.send("f")
    terminal.wait("Filter")
    terminal.write("offset >= 768K")
    terminal.send("Enter")
    terminal.wait("5 of 224 operations, 219 hidden")
    terminal.send("x")
    terminal.wait("Export to", "operations.csv")
    terminal.send("C-u")
    terminal.wait_until(lambda seen: "operations.csv" not in seen)
    terminal.write(str(target))
    terminal.send("Enter")
    terminal.wait("wrote 5 rows")
    with target.open(newline="") as file:
        assert {row["offset"] for row in csv.DictReader(file)} == {str(0x100000)}
    terminal.send("q")
    terminal.wait("ended with 0", "keys are echoed")


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["80x24", "200x60"])
def test_the_padding_is_seen_in_the_map_and_in_the_image(terminal: Terminal, size: tuple[int, int]) -> None:
    terminal.run(f"{PROGRAM} view {shlex.quote(str(PADDING))}", size)
    terminal.wait("OUTSIDE-EXTENT")
    terminal.send("3")
    for key, shapes in (("", "0x100000✖ ▀"), ("s", "0x100000  ✖")):
        if key:
            terminal.send(key)
        seen = terminal.wait("end of the extent, 768 KiB", shapes).splitlines()
        line = next(number for number, text in enumerate(seen) if "end of the extent, 768" in text)
        assert any(shapes in text for text in seen[line:])
    terminal.send("5")
    terminal.wait("00100000* ", " 40 00 40 00 ", "change 55 of 55")
    terminal.send("[")
    terminal.wait_until(lambda seen: "change 54 of 55" in seen and "40 00 40 00" not in seen)
    terminal.send("m")
    terminal.wait("Bookmark event 4,356")
    terminal.write("the padding")
    terminal.send("Enter")
    terminal.wait("bookmarked event 4,356")
    terminal.send("q")
    terminal.wait("ended with 0", "keys are echoed")


def test_a_killed_app_leaves_the_terminal_as_it_was(terminal: Terminal, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"import os; open({str(note)!r}, 'w').write(str(os.getpid())); from tracetool.cli import main; main()"
    command = shlex.join([sys.executable, "-c", script, "view", str(FIRST_BOOT)])
    terminal.run(command, (80, 24))
    terminal.wait("WITHIN-EXTENT")
    terminal.send("4")
    terminal.wait("severity", "WEAR001")
    os.kill(int(note.read_text()), 15)
    seen = terminal.wait("ended with 143", "keys are echoed")
    assert "WITHIN-EXTENT" not in seen
    assert terminal.remembered()["view"] == "findings"


def test_a_second_signal_ends_an_app_whose_terminal_takes_no_output() -> None:
    """Nobody reads the terminal, so that the app cannot write its last screen."""
    master, slave = pty.openpty()
    program = [sys.executable, "-c", "from tracetool.cli import main; main()", "view", "--fresh", str(FIRST_BOOT)]
    with subprocess.Popen(program, stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as process:
        try:
            seen = b""
            while b"WITHIN-EXTENT" not in seen:
                seen += os.read(master, 1 << 16)
            os.write(master, b"24" * 50)
            time.sleep(STUCK_S)
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STUCK_S)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) in (-signal.SIGTERM, 128 + signal.SIGTERM)
        finally:
            process.kill()
            os.close(master)
            os.close(slave)


FAULTS = {
    "mount": "from tracetool.tui.app import TraceApp as C; C.on_mount = fail",
    "handler": "from tracetool.tui.timeline import TimelineView as C; C.follow = fail",
    "render": "from tracetool.tui.line_grid import LineGrid as C; C.render_line = fail",
    "unmount": "from tracetool.tui.app import TraceApp as C; C.on_unmount = fail",
}


@pytest.mark.parametrize("place", FAULTS)
def test_a_crash_leaves_the_terminal_as_it_was_and_one_line(terminal: Terminal, place: str) -> None:
    fault = f"def fail(*_, **__): raise KeyError('planted')\n{FAULTS[place]}"
    script = f"{fault}\nfrom tracetool.cli import main; main()"
    terminal.run(shlex.join([sys.executable, "-c", script, "view", str(PADDING)]), (100, 24))
    if place != "mount":
        terminal.wait("OUTSIDE-EXTENT", "q quit")
        terminal.send({"unmount": "q"}.get(place, "e"))
    seen = terminal.wait("ended with 3", "keys are echoed")
    assert "OUTSIDE-EXTENT" not in seen
    assert "Traceback" not in seen
    message = "".join(seen.splitlines()).partition("ended with")[0]
    (report,) = terminal.state.rglob("tracetool-crash-*.txt")
    assert message.startswith(f"tracetool: {report}: internal error: KeyError: 'planted'")
    assert "KeyError: 'planted'" in report.read_text()
    assert terminal.modes() == "0 0 1"


def test_a_macro_goes_to_the_prompt_that_it_opens(terminal: Terminal) -> None:
    terminal.run(f"{PROGRAM} view {shlex.quote(str(PADDING))}", (100, 24))
    terminal.wait("OUTSIDE-EXTENT", "q quit")
    terminal.write("fseq == 4368\r")
    terminal.wait("1 of 224 operations", "1 seq == 4368")
    terminal.send("q")
    assert terminal.wait("ended with 0")


def test_a_driver_of_textual_that_is_none_is_wrong_usage(terminal: Terminal) -> None:
    terminal.run(f"TEXTUAL_DRIVER=nonsense {PROGRAM} view {shlex.quote(str(PADDING))}", (200, 24))
    seen = terminal.wait("ended with 2", "keys are echoed")
    assert "tracetool: TEXTUAL_DRIVER=nonsense: no driver of textual" in seen


@pytest.mark.parametrize(
    ("setting", "words"), [("TERM=dumb", "which TERM=dumb cannot"), ("exec <&-;", "standard input, which is closed")]
)
def test_a_terminal_that_cannot_show_it_is_wrong_usage(terminal: Terminal, setting: str, words: str) -> None:
    terminal.run(f"( {setting} {PROGRAM} view {shlex.quote(str(PADDING))} )", (200, 24))
    assert words in terminal.wait("ended with 2")


def test_keys_come_from_the_terminal_where_standard_input_is_something_else(terminal: Terminal) -> None:
    terminal.run(f"{PROGRAM} view {shlex.quote(str(PADDING))} < /dev/null", (100, 24))
    terminal.wait("OUTSIDE-EXTENT", "q quit")
    terminal.send("q")
    assert terminal.wait("ended with 0")


def test_an_app_whose_terminal_is_closed_ends_and_remembers_where_it_was(terminal: Terminal, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"import os; open({str(note)!r}, 'w').write(str(os.getpid())); from tracetool.cli import main; main()"
    terminal.run(shlex.join([sys.executable, "-c", script, "view", str(FIRST_BOOT)]), (80, 24))
    terminal.wait("WITHIN-EXTENT")
    terminal.send("3")
    terminal.wait("end of the extent, 768 KiB", "▸▀▄ cursor")
    terminal.close()
    wait_until(lambda: not Path(f"/proc/{note.read_text()}").exists(), "the app lives")
    assert terminal.remembered()["view"] == "map"


@pytest.mark.parametrize("options", ["", " --boot last"], ids=["", "with an option that needs the whole trace"])
def test_a_packed_trace_may_come_through_a_pipe(terminal: Terminal, options: str) -> None:
    terminal.run(f"cat {shlex.quote(str(PADDING))} | {PROGRAM} view -{options}", (100, 24))
    terminal.wait("OUTSIDE-EXTENT", "standard input")
    terminal.send("2")
    terminal.wait("224 operations")
    terminal.send("q")
    assert terminal.wait("ended with 0")


def test_a_pipe_without_events_is_waited_for_and_left(terminal: Terminal) -> None:
    terminal.run(f"trap : INT; sleep 600 | {PROGRAM} view -", (120, 24))
    terminal.wait("waiting for the first event; Ctrl-C ends")
    terminal.send("C-c")
    assert "Traceback" not in terminal.wait("ended with 130", "keys are echoed")


def test_the_keyboard_is_no_trace(terminal: Terminal) -> None:
    terminal.run(f"{PROGRAM} view -", (120, 24))
    assert "standard input is the keyboard, not a trace" in terminal.wait("ended with 2")


def test_what_cannot_be_read_is_one_line(terminal: Terminal, tmp_path: Path) -> None:
    silent = tmp_path / "silent.log"
    silent.write_text("nothing of a flash\n")
    terminal.run(f"{PROGRAM} view {shlex.quote(str(silent))}", (200, 24))
    seen = terminal.wait("ended with 3")
    assert "no pflash event in 1 line; start QEMU with -trace" in seen


def test_without_a_terminal_there_is_nothing_to_see() -> None:
    ended = tracetool("view", str(PADDING))
    assert ended.code == 2
    assert ended.err.strip() == (
        "tracetool: view needs a terminal to show itself in; `tracetool audit` writes to files and pipes"
    )


WRITER = """
import sys, time
lines = open(sys.argv[1], "rb").read().splitlines(keepends=True)
out = open(sys.argv[2], "ab") if len(sys.argv) > 2 else sys.stdout.buffer
for part in (lines[:4000], lines[4000:4374]):
    out.write(b"".join(part))
    out.flush()
    while not GO.exists():
        time.sleep(0.05)
time.sleep(600)
"""
"""Writes a trace up to its write into the padding: that follows once a file is there."""


@pytest.mark.parametrize("pipe", [False, True], ids=["file", "pipe"])
def test_a_write_into_the_padding_is_seen_without_a_key_while_the_guest_runs(
    terminal: Terminal, tmp_path: Path, pipe: bool
) -> None:
    go, source, grown = tmp_path / "go", tmp_path / "whole.log", tmp_path / "guest.log"
    source.write_bytes(zstd.decompress(PADDING.read_bytes()))
    script = f"from pathlib import Path; GO = Path({str(go)!r})\n{WRITER}"
    writer = [sys.executable, "-c", script, str(source), *([] if pipe else [str(grown)])]
    if pipe:
        terminal.run(f"{shlex.join(writer)} | {PROGRAM} view -", (150, 30))
    else:
        grown.touch()
        terminal.run(f"{shlex.join(writer)} & {PROGRAM} view --follow {shlex.quote(str(grown))}; kill %1", (150, 30))
    seen = terminal.wait("4,000 events, following", "virt.flash1")
    assert "EXT001" not in seen
    start = time.monotonic()
    go.touch()
    terminal.wait("new finding", "error EXT001 virt.flash1: 1 program of 4 B")  # gone again after some seconds
    terminal.wait("OUTSIDE-EXTENT", "EXT001")
    assert time.monotonic() - start < SEEN_SECONDS
    terminal.send("2")
    terminal.wait("0x100000", "4370")
    terminal.send("q")
    if pipe:
        return  # the shell waits for the writer
    terminal.wait("ended with", "keys are echoed")
