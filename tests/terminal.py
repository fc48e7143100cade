"""A terminal with a program in it: keys in, screen out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.captures import ROOT
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRAM = f"{sys.executable} -c 'from tracetool.cli import main; main()'"


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
        for name in ("COLUMNS", "LINES"):  # of the tests' own terminal: they would be taken for the size of this one
            environment.pop(name, None)
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
        end = time.monotonic() + PATIENCE_S
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
        """End the terminal, and what runs in it; another may be started then."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            ended = subprocess.run([*self._tmux, "kill-server"], capture_output=True, text=True, check=False)
            if ended.returncode and "server exited" not in ended.stderr:
                return  # none is left; one that is about to end still answers
            time.sleep(0.03)
