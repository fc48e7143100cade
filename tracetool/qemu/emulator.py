"""A QEMU process with sockets to it, which ends when its block does.

QEMU outlives its closed streams, so it is ended in every case: by its own `quit`, else by a signal, and by the kernel
where this process is killed.
"""

from __future__ import annotations

import json
import select
import shutil
import socket
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracetool.errors import EmulatorError, MissingDependencyError
from tracetool.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Channel", "Control", "Emulator", "emulator", "tied_to_this_process"]

PATIENCE_S = 60
"""Silence after which a QEMU is taken for dead."""


class Channel:
    """One stream to QEMU."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._stream.settimeout(PATIENCE_S)
        self._read = bytearray()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self._stream.settimeout(PATIENCE_S)
            self._stream.sendall(data)
        except OSError as error:
            raise EmulatorError(f"QEMU takes nothing: {error}") from error

    def receive(self) -> bytes:
        """Give what comes next, at least a byte."""
        try:
            data = self._stream.recv(1 << 20)
        except OSError as error:
            raise EmulatorError(f"QEMU says nothing: {error}") from error
        if not data:
            raise EmulatorError("QEMU ended")
        return data

    def receive_within(self, seconds: float) -> bytes | None:
        """Give what comes within a time; None if nothing does, which is no error here."""
        ready, _, _ = select.select([self._stream], [], [], seconds)
        return self.receive() if ready else None

    def lines(self, count: int) -> list[str]:
        """Give the next lines."""
        whole = self._read.count(b"\n")
        while whole < count:
            data = self.receive()
            whole += data.count(b"\n")
            self._read += data
        *lines, rest = bytes(self._read).split(b"\n", count)
        self._read[:] = rest
        return [line.decode(errors="replace") for line in lines]


class Control:
    """QEMU's control protocol."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._message()
        self.execute("qmp_capabilities")

    def execute(self, command: str, event: str | None = None) -> Any:  # noqa: ANN401  JSON
        """Run a command and give its answer, once `event` has come too where one is named."""
        self._channel.send(json.dumps({"execute": command}).encode() + b"\n")
        answer = None
        answered = False
        while not answered or event is not None:
            message = self._message()
            if "error" in message:
                raise EmulatorError(f"{command}: {message['error']}")
            if "return" in message:
                answer, answered = message["return"], True
            if message.get("event") == event:
                event = None
        return answer

    def _message(self) -> dict[str, Any]:
        (line,) = self._channel.lines(1)
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise EmulatorError(f"the control protocol has {line[:80]!r}") from error
        return message


class Emulator:
    """A running QEMU."""

    def __init__(self, process: subprocess.Popen[bytes], channels: dict[str, Channel]) -> None:
        self._process = process
        self._channels = channels
        self.control = Control(channels["control"])

    def channel(self, name: str) -> Channel:
        """Give one of the streams that it was started with."""
        return self._channels[name]

    def executable(self) -> str | None:
        """Give the file that runs, with links resolved, also where a script started it; None: it cannot be told."""
        found = None
        with suppress(OSError):
            pid = str(self._process.pid)
            while pid:
                found = str(Path(f"/proc/{pid}/exe").readlink())
                pid = Path(f"/proc/{pid}/task/{pid}/children").read_text().partition(" ")[0]
        return found

    def quit(self) -> None:
        """Ask it to end, which writes what it still holds, and wait until it has."""
        self.control.execute("quit")
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise EmulatorError(f"QEMU does not end within {PATIENCE_S} s of its quit") from error


@contextmanager
def emulator(program: str, options: Sequence[str], said: Path, **channels: str) -> Iterator[Emulator]:
    """Start a QEMU that ends with this block, whatever happens in it.

    `channels` gives each stream's option: `serial="-serial"`. What QEMU says goes to the file `said`.

    Raises:
        EmulatorError: it did not start, ended by itself or fell silent; the message has what it said.
        MissingDependencyError: `program` cannot be run.
    """
    with ExitStack() as stack:
        ours, arguments, theirs = {}, list(options), []
        for name, option in {**channels, "control": "-qmp"}.items():
            mine, its = socket.socketpair()
            stack.callback(mine.close)
            stack.callback(its.close)
            arguments += ["-chardev", f"socket,id={name},fd={its.fileno()}", option, f"chardev:{name}"]
            ours[name] = Channel(mine)
            theirs.append(its)
        process = _start([*tied_to_this_process(), program, *arguments], said, theirs)
        stack.callback(process.wait)
        stack.callback(process.kill)
        for its in theirs:
            its.close()
        try:
            yield Emulator(process, ours)
        except EmulatorError as error:
            talk = said.read_text(errors="replace").strip()
            if not talk:
                raise EmulatorError(f"{error}: is {program} a QEMU?") from error
            raise EmulatorError(f"{error}; it said: {sanitize(talk)}") from error


def _start(command: Sequence[str], said: Path, sockets: Sequence[socket.socket]) -> subprocess.Popen[bytes]:
    """Start QEMU in a process group of its own: an interrupt from the terminal is for this process, which ends it."""
    with said.open("wb") as talk:
        try:
            return subprocess.Popen(  # noqa: S603  the program that the user names
                command,
                stdin=subprocess.DEVNULL,
                stdout=talk,
                stderr=talk,
                pass_fds=[its.fileno() for its in sockets],
                process_group=0,
            )
        except OSError as error:
            raise MissingDependencyError(f"{command[0]}: cannot be run: {error.strerror or error}") from error


@cache
def tied_to_this_process() -> tuple[str, ...]:
    """Words before a command that let the kernel end it where this process is killed: QEMU outlives its streams."""
    found = shutil.which("setpriv")
    return (found, "--pdeathsig", "KILL", "--") if found else ()
