"""A QEMU process with sockets to it, which ends when the test does."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from replay.behaviour import Behaviour, behaviour_of_qemu

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PATIENCE_S = 60
"""Silence after which a QEMU is taken for dead."""


class EmulatorError(Exception):
    """QEMU did not start, ended by itself or fell silent."""


class Channel:
    """One stream to QEMU."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._stream.settimeout(PATIENCE_S)
        self._read = bytearray()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self._stream.sendall(data)
        except OSError as error:
            raise EmulatorError(f"QEMU takes nothing: {error}") from error

    def receive(self, timeout_s: float = PATIENCE_S) -> bytes:
        """Give what comes next, at least a byte."""
        self._stream.settimeout(timeout_s)
        try:
            data = self._stream.recv(1 << 20)
        except OSError as error:
            raise EmulatorError(f"QEMU says nothing: {error}") from error
        if not data:
            raise EmulatorError("QEMU ended")
        return data

    def lines(self, count: int) -> list[str]:
        """Give the next lines."""
        whole = self._read.count(b"\n")
        while whole < count:
            data = self.receive()
            whole += data.count(b"\n")
            self._read += data
        *lines, rest = bytes(self._read).split(b"\n", count)
        self._read[:] = rest
        return [line.decode() for line in lines]


class Control:
    """QEMU's control protocol."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        channel.lines(1)
        self._execute("qmp_capabilities")

    def _execute(self, command: str, event: str | None = None) -> None:
        """Run a command; over once it is acknowledged and `event` has come."""
        self._channel.send(json.dumps({"execute": command}).encode() + b"\n")
        answered = False
        while not answered or event is not None:
            message: dict[str, Any] = json.loads(self._channel.lines(1)[0])
            if "error" in message:
                raise EmulatorError(f"{command}: {message['error']}")
            answered |= "return" in message
            if message.get("event") == event:
                event = None

    def reset(self) -> None:
        """Reset the machine."""
        self._execute("system_reset", "RESET")

    def quit(self) -> None:
        """Ask QEMU to end, which writes what it still holds."""
        self._execute("quit")


class Emulator:
    """A running QEMU."""

    def __init__(self, process: subprocess.Popen[bytes], channels: dict[str, Channel]) -> None:
        self._process = process
        self._channels = channels
        self.control = Control(channels["control"])

    def channel(self, name: str) -> Channel:
        """Give one of the streams that it was started with."""
        return self._channels[name]

    def quit(self) -> None:
        """End it and wait until it has."""
        self.control.quit()
        self._process.wait(PATIENCE_S)


@contextmanager
def emulator(program: str, options: Sequence[str], said: Path, **channels: str) -> Iterator[Emulator]:
    """Start a QEMU that ends with this block, whatever happens in it.

    `channels` gives each stream's option: `serial="-serial"`. What QEMU says goes to the file `said`.

    Raises:
        EmulatorError: it did not start; the message has what it said.
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
        with said.open("wb") as talk:
            process = subprocess.Popen(
                [*_tied_to_this_process(), program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=talk,
                stderr=talk,
                pass_fds=[its.fileno() for its in theirs],
            )
        stack.callback(process.wait)
        stack.callback(process.kill)
        for its in theirs:
            its.close()
        try:
            yield Emulator(process, ours)
        except EmulatorError as error:
            raise EmulatorError(f"{error}; it said: {said.read_text(errors='replace').strip()!r}") from error


@cache
def _tied_to_this_process() -> tuple[str, ...]:
    """Let the kernel end QEMU even where this process is killed: QEMU outlives its closed streams."""
    found = shutil.which("setpriv")
    return (found, "--pdeathsig", "KILL", "--") if found else ()


@cache
def behaviour_of(program: str) -> Behaviour:
    """Give what this QEMU's release does with buffered writes."""
    said = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    version = re.search(r"version (\S+)", said)
    return (behaviour_of_qemu(version[1]) if version else None) or Behaviour.UNDETERMINED


@cache
def machines_of(program: str) -> frozenset[str]:
    """Give the names of the machines that this QEMU knows."""
    said = subprocess.run([program, "-M", "help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return frozenset(line.split()[0] for line in said.splitlines()[1:] if line)
