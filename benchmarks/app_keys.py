"""Waits of the terminal app as its user has them: `python -m benchmarks.app_keys TRACE [KEY...]`.

Runs the program in a pseudoterminal of 120x40 and prints, for the verdict, its seconds and processor seconds; for each
key, milliseconds until the first and the last bytes that it makes the app write; at the end, the peak memory.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

from benchmarks.measure import tracetool

COLUMNS, LINES = 120, 40
KEYS = "23456783bb5b2bGe/\x1bf\x1b3mmv+5[41"
"""Every view, its first time and again, a jump in each, prompts, and what the map and the image draw anew."""

_QUIET = 0.35
"""Seconds without output after which a key is done; a cursor blinks every half second."""

_LONGEST = 4.0
"""Seconds after which a key is done in any case."""

_VERDICT = b"EXTENT"


def sized(terminal: int) -> None:
    """Make a pseudoterminal as large as the measurements have it."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))


class Terminal:
    """The program in a pseudoterminal."""

    def __init__(self, trace: str) -> None:
        self.pid, self._terminal = pty.fork()
        if not self.pid:
            with tempfile.TemporaryDirectory() as state:
                os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", XDG_STATE_HOME=state)
                command = [str(part) for part in tracetool("view", "--fresh", trace)]
                os.execv(command[0], command)  # noqa: S606  this program
        sized(self._terminal)

    def press(self, key: str) -> None:
        """Type a key."""
        os.write(self._terminal, key.encode())

    def read(self, patience: float) -> bytes:
        """Output; empty after `patience` seconds without."""
        ready, _, _ = select.select([self._terminal], [], [], patience)
        return os.read(self._terminal, 1 << 16) if ready else b""

    def drain(self) -> list[tuple[float, float, int]]:
        """Seconds, processor seconds and bytes of each output, until it ends."""
        begin, cpu, found = time.perf_counter(), self.drawing_seconds, []
        while time.perf_counter() - begin < _LONGEST and (got := self.read(_QUIET)):
            found.append((time.perf_counter() - begin, self.drawing_seconds - cpu, len(got)))
        return found or [(0.0, 0.0, 0)]

    @property
    def drawing_seconds(self) -> float:
        """Processor time of the thread that draws, so far: what a wait is without the other processes' part."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    @property
    def cpu_seconds(self) -> float:
        """Processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def peak(self) -> int:
        """Peak memory in MiB."""
        (line,) = [text for text in Path(f"/proc/{self.pid}/status").read_text().splitlines() if "VmHWM" in text]
        return int(line.split()[1]) >> 10


def main(trace: str, *keys: str) -> None:
    """Measure the verdict, keys, and memory."""
    begin = time.perf_counter()
    terminal = Terminal(trace)
    seen = b""
    while _VERDICT not in seen:
        seen = seen[-len(_VERDICT) :] + terminal.read(60)
    print(f"verdict  {time.perf_counter() - begin:.2f} s, processor {terminal.cpu_seconds:.2f} s")  # noqa: T201
    terminal.drain()
    print(f"loaded   {terminal.cpu_seconds:.2f} s, {terminal.peak} MiB")  # noqa: T201
    for key in keys or KEYS:
        before = terminal.cpu_seconds
        terminal.press(key)
        outputs = terminal.drain()
        cpu = terminal.cpu_seconds - before
        waits = "  ".join(f"{wall * 1000:4.0f} {own * 1000:4.0f}" for wall, own, _ in (outputs[0], outputs[-1]))
        drawn = sum(size for *_, size in outputs)
        print(f"{key!r:8} {waits}  {cpu * 1000:4.0f}  {drawn:6} B  {terminal.peak} MiB")  # noqa: T201
    terminal.press("q")
    os.waitpid(terminal.pid, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
