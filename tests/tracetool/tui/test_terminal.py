"""The program as its users see it: in a terminal of its own, keys in, screen out."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.captures import ROOT
from tests.requirements import needed_program
from tests.tracetool.cli.program import FIRST_BOOT, PADDING, tracetool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = f"{sys.executable} -c 'from tracetool.cli import main; main()'"
_PATIENCE = 60.0

pytestmark = pytest.mark.slow


class Terminal:
    """A terminal of tmux, with a server of its own."""

    def __init__(self, tmux: str, socket: Path) -> None:
        self._tmux = (tmux, "-S", str(socket), "-f", "/dev/null")
        self.state = socket.parent / "state"

    def run(self, command: str, size: tuple[int, int]) -> None:
        """Start a command, and show its exit code once it has ended."""
        script = f"{command}; echo ended with $?; stty -a | grep -q ' echo ' && echo keys are echoed; sleep 600"
        environment = {**os.environ, "TEXTUAL_ANIMATIONS": "none", "TERM": "xterm-256color"}
        environment["XDG_STATE_HOME"] = str(self.state)
        start = ("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "sh", "-c", script)
        subprocess.run([*self._tmux, *start], cwd=ROOT, env=environment, check=True)

    def send(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def write(self, text: str) -> None:
        """Type a text."""
        subprocess.run([*self._tmux, "send-keys", "-l", text], check=True)

    def screen(self) -> str:
        """What is seen."""
        return subprocess.run([*self._tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True).stdout

    def wait(self, *words: str) -> str:
        """Wait until all of these are seen."""
        return self.wait_until(lambda seen: all(word in seen for word in words), words)

    def wait_until(self, condition: Callable[[str], bool], what: object = "") -> str:
        """Wait until the screen is like that, and give it."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            seen = self.screen()
            if condition(seen):
                return seen
            time.sleep(0.03)
        raise AssertionError(f"not seen: {what} in\n{self.screen()}")

    def modes(self) -> str:
        """Whether the alternate screen and the mouse are on, and whether the cursor is shown."""
        form = "#{alternate_on} #{mouse_any_flag} #{cursor_flag}"
        show = [*self._tmux, "display-message", "-p", form]
        return subprocess.run(show, capture_output=True, text=True, check=True).stdout.strip()

    def remembered(self) -> dict[str, object]:
        """What the app has kept of the one trace that was shown."""
        (file,) = self.state.rglob("*.json")
        found: dict[str, object] = json.loads(file.read_text())
        return found

    def close(self) -> None:
        """End the terminal, and what runs in it."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """Give a terminal."""
    found = Terminal(needed_program("tmux", "tmux"), tmp_path / "tmux")
    yield found
    found.close()


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
    terminal.wait("00100000* 40 00 40 00", "change 55 of 55")
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
    terminal.wait("severity", "WEAR003")
    os.kill(int(note.read_text()), 15)
    seen = terminal.wait("ended with 143", "keys are echoed")
    assert "WITHIN-EXTENT" not in seen
    assert terminal.remembered()["view"] == "findings"


FAULTS = {
    "mount": "from tracetool.tui.app import TraceApp as C; C.on_mount = fail",
    "handler": "from tracetool.tui.timeline import TimelineView as C; C.go_to_event = fail",
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
    terminal.wait("1 of 224 operations", "filter: seq == 4368")
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
    end = time.monotonic() + _PATIENCE
    while Path(f"/proc/{note.read_text()}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{note.read_text()}").exists()
    assert terminal.remembered()["view"] == "map"


def test_a_trace_may_come_through_a_pipe(terminal: Terminal) -> None:
    terminal.run(f"cat {shlex.quote(str(PADDING))} | {PROGRAM} view -", (100, 24))
    terminal.wait("OUTSIDE-EXTENT", "standard input")
    terminal.send("2")
    terminal.wait("224 operations")
    terminal.send("q")
    assert terminal.wait("ended with 0")


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
