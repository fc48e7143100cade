"""Input from the terminal: the key Esc is told from the start of a sequence within ESCDELAY.

Textual's own loop looks for that every 100 ms only, whatever ESCDELAY is, ends with an exception at a byte that is not
UTF-8, and spins where the terminal is gone.
"""

from __future__ import annotations

import os
from codecs import getincrementaldecoder
from select import select

from textual import constants, messages
from textual._xterm_parser import XTermParser  # there is no public way to it
from textual.drivers.linux_driver import LinuxDriver

__all__ = ["TerminalDriver"]

_LOOK_S = 0.1
"""Between looks at whether the app has ended."""


class TerminalDriver(LinuxDriver):
    """Driver of terminals of Unix."""

    def run_input_thread(self) -> None:
        """Parse what is typed until the app or the terminal ends."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        wait = _LOOK_S
        while not self.exit_event.is_set():
            if select([self.fileno], [], [], wait)[0]:
                typed = self._read()
                if not typed:
                    self._app.post_message(messages.ExitApp())
                    return
                found, wait = parser.feed(decode(typed)), constants.ESCAPE_DELAY
            else:  # nothing follows: an Esc that came last was the key
                found, wait = parser.tick(), _LOOK_S
            for event in found:
                self.process_message(event)

    def _read(self) -> bytes:
        """Read what has come; empty where the terminal is gone."""
        try:
            return os.read(self.fileno, 4096)
        except OSError:
            return b""
