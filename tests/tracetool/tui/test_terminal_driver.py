"""What is typed reaches the app: Esc soon, sequences whole, bytes of other encodings as characters."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
import time
import tty
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from textual import constants, events, messages
from textual.app import App

from tests.patience import wait_until
from tracetool.tui.crash import Crashing
from tracetool.tui.page_driver import PageDriver
from tracetool.tui.terminal_driver import TerminalDriver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.message import Message

PAUSE_S = 0.3
"""Longer than ESCDELAY and than the driver's other waits."""


class Typing:
    """A driver that reads from a terminal, and what came of it."""

    def __init__(self) -> None:
        self._keyboard, self._terminal = pty.openpty()
        tty.setraw(self._terminal)
        self.seen: list[Message] = []
        self.driver = asyncio.run(self._made())
        self._thread = Thread(target=self.driver.run_input_thread)
        self._thread.start()

    async def _made(self) -> TerminalDriver:
        app = App[None]()
        app.post_message = self._note  # type: ignore[method-assign]
        driver = TerminalDriver(app)
        driver.fileno = self._terminal
        driver.process_message = self._note  # type: ignore[method-assign, assignment]
        return driver

    def _note(self, message: Message) -> bool:
        self.seen.append(message)
        return True

    def type(self, *parts: bytes) -> None:
        """Write bytes as a terminal does when keys are pressed."""
        for part in parts:
            os.write(self._keyboard, part)

    def keys(self, count: int) -> list[str]:
        """Wait for so many messages; those of keys."""
        wait_until(lambda: len(self.seen) >= count)
        return [message.key for message in self.seen if isinstance(message, events.Key)]

    def hang_up(self) -> None:
        """Close the terminal, and wait until the driver has noticed."""
        os.close(self._keyboard)
        self._thread.join()

    def close(self) -> None:
        """End the driver."""
        self.driver.exit_event.set()
        self._thread.join()
        os.close(self._terminal)


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Typing]:
    monkeypatch.setattr(constants, "ESCAPE_DELAY", 0.01)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT)}
    made = Typing()
    yield made
    made.close()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_an_esc_is_known_before_textual_would_look_for_it(typing: Typing) -> None:
    waits = []
    for count in range(1, 11):
        start = time.monotonic()
        typing.type(b"\x1b")
        assert typing.keys(count) == ["escape"] * count
        waits.append(time.monotonic() - start)
    assert min(waits) < 0.08  # on a busy machine too: the least of ten


def test_sequences_are_whole_whether_they_come_in_one_piece_or_not(typing: Typing) -> None:
    typing.type(b"\x1b[A", b"\x1b", b"[", b"B", b"\x1bOH")
    assert typing.keys(3) == ["up", "down", "home"]
    time.sleep(PAUSE_S)
    typing.type(b"\x1b[1;2Cx")
    assert typing.keys(5) == ["up", "down", "home", "shift+right", "x"]


def test_esc_and_a_key_a_while_later_are_two_keys(typing: Typing) -> None:
    typing.type(b"\x1b")
    typing.keys(1)
    typing.type(b"f")
    assert typing.keys(2) == ["escape", "f"]


def test_a_paste_of_many_reads_is_one_whose_end_is_found(typing: Typing) -> None:
    text = "offset >= 768K é " * 8_000
    pasting = Thread(target=typing.type, args=(f"\x1b[200~{text}\x1b[201~j".encode(),))
    pasting.start()
    assert typing.keys(2) == ["j"]
    pasting.join()
    (pasted, _) = typing.seen
    assert isinstance(pasted, events.Paste)
    assert pasted.text == text


def test_bytes_that_are_no_utf_8_do_not_end_the_input(typing: Typing) -> None:
    typing.type(b"\xe4\xff", "é".encode(), b"j")
    assert typing.keys(3)[-2:] == ["é", "j"]


def test_an_app_whose_terminal_is_gone_ends(typing: Typing) -> None:
    typing.hang_up()
    assert [type(message) for message in typing.seen] == [messages.ExitApp]


@pytest.mark.parametrize(("given", "seconds"), [({}, 0.025), ({"ESCDELAY": "300"}, 0.3)], ids=["default", "the user's"])
@pytest.mark.slow
def test_the_delay_is_short_unless_the_user_sets_another(given: dict[str, str], seconds: float) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ESCDELAY"} | given
    for module in ("tracetool.tui.app", "tracetool.tui.diff_app", "tracetool.tui.page_driver"):
        script = f"import {module}; from textual import constants; print(constants.ESCAPE_DELAY)"
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        assert float(done.stdout) == seconds


def test_the_apps_read_with_these_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DRIVER", None)
    assert Crashing().driver_class is TerminalDriver
    monkeypatch.setattr(constants, "DRIVER", "tracetool.tui.page_driver:PageDriver")
    monkeypatch.setattr(constants, "ESCAPE_DELAY", 0.01)
    end, other_end = os.pipe()

    async def timeout() -> float:
        app = Crashing()
        driver = app.driver_class(app)
        assert isinstance(driver, PageDriver)
        return driver._input_reader.timeout  # noqa: SLF001  there is no public way to it

    with os.fdopen(end) as keyboard, os.fdopen(other_end):
        monkeypatch.setattr(sys, "__stdin__", keyboard)
        assert asyncio.run(timeout()) == 0.01
