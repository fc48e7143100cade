"""What it costs to follow a log that grows, beside reading it once: `python -m benchmarks.follow [COMMAND...]`.

Prints for each command and pace the processor seconds of both, their ratio with and without the program's start, the
peak memory, and what an idle log costs, in hundredths of a core. The ratio is the median of `--rounds` pairs.
"""

from __future__ import annotations

import argparse
import os
import pty
import signal
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.app_keys import sized
from benchmarks.inputs import unpacked
from benchmarks.measure import tracetool

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = ("audit", "info", "operations", "events", "view")
PACES = ("20x0.1", "20x0.5", "60x1", "600x0.05")
"""Steps in which the log grows, and seconds between them."""

_BEGIN_BYTES = 1 << 14
_QUIET_S = 2.5
"""Seconds without work after which everything was read and shown."""

_IDLE_S = 10.0
_IDLE_SHARE = 0.02
"""Part of a core below which a program is idle; a cursor blinks."""


class Cost(NamedTuple):
    """Processor seconds of a program, its peak memory in bytes, and the part of a core that it takes when idle."""

    seconds: float
    memory: int
    idle: float = 0.0


class Program:
    """The program, with a terminal for the app and without one for all else; its output is thrown away."""

    def __init__(self, command: str, *arguments: str | Path) -> None:
        self._is_app = command == "view"
        line = [str(part) for part in tracetool(command, *arguments, *(["--fresh"] if self._is_app else []))]
        self.pid, terminal = pty.fork()
        if not self.pid:
            os.environ.update(TERM="xterm-256color", XDG_STATE_HOME=tempfile.gettempdir())
            if not self._is_app:
                for number in range(3):
                    os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.execv(line[0], line)  # noqa: S606  this program
        self._terminal = terminal
        sized(terminal)
        Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        with suppress(OSError):  # it has ended
            while os.read(self._terminal, 1 << 16):
                pass

    @property
    def seconds(self) -> float:
        """Processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settle(self) -> None:
        """Wait until it does nothing."""
        used, since = self.seconds, time.monotonic()
        while time.monotonic() - since < _QUIET_S:
            time.sleep(0.1)
            if self.seconds - used > _IDLE_SHARE * (time.monotonic() - since + 1):
                used, since = self.seconds, time.monotonic()

    def idle(self) -> float:
        """Part of a core that it takes."""
        used = self.seconds
        time.sleep(_IDLE_S)
        return (self.seconds - used) / _IDLE_S

    def end(self, idle: float = 0.0, *, stop: bool = True) -> Cost:
        """Leave the app, interrupt what is followed; what it has cost."""
        if self._is_app:
            self.settle()
            os.write(self._terminal, b"q")
        elif stop:
            os.kill(self.pid, signal.SIGINT)
        _, _, usage = os.wait4(self.pid, 0)
        os.close(self._terminal)
        return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10, idle)


def _once(command: str, log: Path) -> Cost:
    return Program(command, log).end(stop=False)


def _followed(command: str, data: bytes, path: Path, pace: str) -> Cost:
    """Follow a log while it is written."""
    path.write_bytes(data[:_BEGIN_BYTES])
    program = Program(command, "--follow", path)
    program.settle()
    for piece, pause in _pieces(data, pace):
        with path.open("ab") as file:
            file.write(piece)
        time.sleep(pause)
    program.settle()
    return program.end(program.idle())


def _pieces(data: bytes, pace: str) -> Iterator[tuple[bytes, float]]:
    steps, pause = pace.split("x")
    size = -(-(len(data) - _BEGIN_BYTES) // int(steps))
    for start in range(_BEGIN_BYTES, len(data), size):
        yield data[start : start + size], float(pause)


def _compare(command: str, pace: str, log: Path, rounds: int) -> str:
    data, path, begun = log.read_bytes(), log.with_name("growing.log"), log.with_name("begun.log")
    begun.write_bytes(data[:_BEGIN_BYTES])
    pairs = [(_once(command, log), _followed(command, data, path, pace), _once(command, begun)) for _ in range(rounds)]
    once, followed, start = (statistics.median(each.seconds for each in part) for part in zip(*pairs, strict=True))
    whole = statistics.median(growing.seconds / read.seconds for read, growing, _ in pairs)
    alone = statistics.median((f.seconds - s.seconds) / (o.seconds - s.seconds) for o, f, s in pairs)
    growing = pairs[0][1]
    return (
        f"{command:<11} {pace:<9} once {once:5.2f} s, followed {followed:5.2f} s, start {start:.2f} s: {whole:.2f} x, "
        f"{alone:.2f} x without the start; {growing.memory >> 20} MiB beside {pairs[0][0].memory >> 20}; "
        f"idle {100 * growing.idle:.1f} %"
    )


def main() -> None:
    """Print a line for each command and pace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)}; default: all")
    parser.add_argument("--pace", action="append", metavar="STEPSxSECONDS", help=f"default: {', '.join(PACES)}")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = unpacked(Path(folder), "trace.log")
        for command in chosen.commands or COMMANDS:
            for pace in chosen.pace or PACES:
                print(_compare(command, pace, log, chosen.rounds))  # noqa: T201
                sys.stdout.flush()


if __name__ == "__main__":
    main()
