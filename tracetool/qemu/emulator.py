"""QEMU process with sockets to it, terminated at the end of its block.

QEMU outlives its closed streams, so it is terminated in every case: by `quit`, else by a signal, or by the kernel if
this process is killed.
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
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Channel", "Control", "Emulator", "emulator", "tied_to_this_process"]

PATIENCE_S = 60
"""Timeout for a silent QEMU."""


class Channel:
    """One stream to QEMU, read either in lines or in pieces."""

    def __init__(self, stream: socket.socket) -> None:
        stream.settimeout(PATIENCE_S)
        self._stream = stream
        self._reader = stream.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send all of the data. Raises EmulatorError if QEMU does not take it."""
        try:
            self._stream.sendall(data)
        except OSError as error:
            raise EmulatorError(f"QEMU takes nothing: {error}") from error

    def receive_within(self, seconds: float) -> bytes | None:
        """Return the bytes that arrive within a time, None if there are none. Raises EmulatorError if QEMU ended."""
        if not select.select([self._stream], [], [], seconds)[0]:
            return None
        return self._checked(lambda: self._stream.recv(1 << 20))

    def lines(self, count: int) -> list[str]:
        """Return the next lines. Raises EmulatorError if QEMU ended or fell silent."""
        return [self._checked(self._reader.readline).rstrip(b"\n").decode(errors="replace") for _ in range(count)]

    def packet(self, begin: bytes, end: bytes) -> bytes:
        """Return what comes between two bytes; skips what is before the first. Raises as `lines`."""
        found = bytearray()
        while self._checked(lambda: self._reader.read(1)) != begin:
            pass
        while (byte := self._checked(lambda: self._reader.read(1))) != end:
            found += byte
        return bytes(found)

    def _checked(self, receive: Callable[[], bytes]) -> bytes:
        try:
            data = receive()
        except ConnectionError:
            data = b""
        except OSError as error:
            raise EmulatorError(f"QEMU says nothing: {error}") from error
        if not data:
            raise EmulatorError("QEMU ended")
        return data


class Control:
    """Client of QEMU's control protocol, QMP."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._message()
        self.execute("qmp_capabilities")

    def execute(self, command: str, event: str | None = None, **arguments: Any) -> Any:  # noqa: ANN401  JSON
        """Run a command, wait for `event` if one is named, and return the command's result."""
        message = {"execute": command} | ({"arguments": arguments} if arguments else {})
        self._channel.send(json.dumps(message).encode() + b"\n")
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
    """Running QEMU."""

    def __init__(self, process: subprocess.Popen[bytes], channels: dict[str, Channel]) -> None:
        self._process = process
        self._channels = channels
        self.control = Control(channels["control"])

    def channel(self, name: str) -> Channel:
        """Return a stream by the name it was started with."""
        return self._channels[name]

    def executable(self) -> str | None:
        """Return the process image, links resolved, also below a starting script; None if unknown."""
        found = None
        with suppress(OSError):
            pid = str(self._process.pid)
            while pid:
                found = str(Path(f"/proc/{pid}/exe").readlink())
                pid = Path(f"/proc/{pid}/task/{pid}/children").read_text().partition(" ")[0]
        return found

    def quit(self) -> None:
        """Quit, which flushes images and logs, and wait for the end."""
        self.control.execute("quit")
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise EmulatorError(f"QEMU does not end within {PATIENCE_S} s of its quit") from error


@contextmanager
def emulator(program: str, options: Sequence[str], said: Path, **channels: str) -> Iterator[Emulator]:
    """Start a QEMU for the time of the block.

    `channels` maps streams to their options: `serial="-serial"`. QEMU's own output goes to the file `said`.

    Raises:
        EmulatorError: it did not start, exited or fell silent; the message includes its output.
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
    """Start QEMU in a separate process group, so that Ctrl-C reaches only this process, which terminates it."""
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
    """Command prefix that has the kernel kill the command if this process is killed; empty without `setpriv`."""
    found = shutil.which("setpriv")
    return (found, "--pdeathsig", "KILL", "--") if found else ()
