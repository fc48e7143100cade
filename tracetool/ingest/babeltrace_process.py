"""The child process that reads with libbabeltrace2: start it, take its blocks and messages, end it."""

from __future__ import annotations

import json
import mmap
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import tracetool
from tracetool.babeltrace.errors import logged
from tracetool.babeltrace.layout import COLUMNS
from tracetool.errors import InputError
from tracetool.sanitize import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from tracetool.ingest.following import Following

__all__ = ["BabeltraceProcess"]

PATIENCE_S = 6.0
"""Processor time that the process may use between two messages; it sends one every 100,000 events.

A damaged trace makes libbabeltrace2 loop for ever. Processor time, as on a busy machine every process is slow.
"""

PATIENCE_PER_BYTE_S = 10.0 / (1 << 30)
"""Added for each byte of the streams, which are looked through before their first message."""

SILENCE_S = 300.0
"""Wall time that may pass between two messages."""

LOOK_S = 0.5

SLOTS = 3
PIPE = 1 << 16
LIBRARY_VARIABLE = "TRACETOOL_LIBBABELTRACE2"

# Python's own start-up looks at the installation and the environment; the parent knows its result.
_START = "import sys; sys.path[:] = {path!r}; from tracetool.babeltrace.child import main; main()"


class BabeltraceProcess:
    """The child process that reads one trace; to be closed.

    Args:
        name: of the trace, for messages.
        rows: how many rows a block has room for.
        request: the first line sent to it; see `tracetool.babeltrace.child`.
        size: of the streams, in bytes.

    Raises:
        InputError: there is no memory for it, or it cannot be started.
    """

    def __init__(self, name: str, rows: int, request: dict[str, Any], size: int = 0) -> None:
        self._name = name
        self._patience_s = PATIENCE_S + size * PATIENCE_PER_BYTE_S
        self._rows = rows
        self._received = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        memory = _shared(SLOTS * COLUMNS * rows * 8)
        try:
            self._blocks = mmap.mmap(memory, SLOTS * COLUMNS * rows * 8)
            self._process = self._start(memory)
        except OSError as error:
            self._errors.close()
            raise InputError(f"{name}: no process can be started to read it: {error.strerror}") from error
        finally:
            os.close(memory)
        library = os.environ.get(LIBRARY_VARIABLE)
        own = {"memory": memory, "slots": SLOTS, "rows": rows, "library": library}
        self._send(json.dumps(request | own).encode())

    def _start(self, memory: int) -> subprocess.Popen[bytes]:
        path = [str(Path(str(tracetool.__file__)).parents[1]), *sys.path]
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", "-c", _START.format(path=path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            pass_fds=(memory,),
            bufsize=0,
            # Ctrl-C is for the parent, which then ends the process.
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def listen(self, following: Following | None = None) -> Iterator[dict[str, Any]]:
        """Messages of the process, to the last; while it is followed, it may be silent, and is told to end at a stop.

        Raises:
            InputError: it ended without saying so, or is not heard of any more.
        """
        while True:
            message: dict[str, Any] = json.loads(self._line(following))
            yield message
            if "end" in message:
                return

    def block(self, slot: int, rows: int) -> npt.NDArray[np.int64]:
        """The rows of a block: int64, columns by rows. Valid until it is freed."""
        size = COLUMNS * self._rows
        words = np.frombuffer(self._blocks, np.int64, size, slot * size * 8)
        return words.reshape(COLUMNS, self._rows)[:, :rows]

    def free(self) -> None:
        """Release the oldest block, for the process to fill again."""
        self._send(b"")

    def explained(self, causes: str) -> str:
        """Causes of an error as the library names them, with its log."""
        detail = logged(self._log())
        return f"{causes}: {detail}" if detail and detail not in causes else causes

    def close(self) -> None:
        """End the process at once."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait()
        self._errors.close()
        # An array may still look at it; then it goes with that.
        with suppress(BufferError):
            self._blocks.close()

    def _send(self, line: bytes) -> None:
        """Send a line; that the process has ended is noticed in `listen`."""
        assert self._process.stdin is not None  # noqa: S101
        left = memoryview(line + b"\n")
        with suppress(BrokenPipeError):
            while left:
                left = left[self._process.stdin.write(left) or 0 :]

    def _line(self, following: Following | None) -> bytes:
        assert self._process.stdout is not None  # noqa: S101
        pipe = self._process.stdout.fileno()
        heard = select.poll()
        heard.register(pipe, select.POLLIN)
        until, used_s = time.monotonic() + SILENCE_S, _processor_s(self.pid)
        while b"\n" not in self._received:
            if not heard.poll(LOOK_S * 1000):
                if following is not None:
                    if following.stopped:
                        self._process.terminate()
                        following = None  # from now on it is waited for as any other
                    until, used_s = time.monotonic() + SILENCE_S, _processor_s(self.pid)
                    continue
                if time.monotonic() > until:
                    raise self._hang(SILENCE_S)
                if _processor_s(self.pid) - used_s > self._patience_s:
                    raise self._hang(self._patience_s)
                continue
            data = os.read(pipe, PIPE)
            if not data:
                raise InputError(f"{self._name}: babeltrace2 {self._ending()}; babeltrace2 DIR shows how far it comes")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return line

    def _hang(self, seconds: float) -> InputError:
        why = f"babeltrace2 hangs: nothing was read for {seconds:.0f} s"
        return InputError(f"{self._name}: {why}; its metadata may be cut or damaged: copy or record it again")

    def _log(self) -> str:
        """Its standard error, the first 64 KiB."""
        return os.pread(self._errors.fileno(), PIPE, 0).decode("utf-8", "replace")

    def _ending(self) -> str:
        """Its exit code or signal in words, with the last line of its standard error."""
        code = self._process.wait()
        lines = self._log().strip().splitlines()
        last = f" ({excerpt(lines[-1])})" if lines else ""
        if code >= 0:
            return f"ended with {code}{last}"
        known = {number.value: number.name for number in signal.Signals}
        return f"crashed with {known.get(-code, f'signal {-code}')}{last}"


def _processor_s(pid: int) -> float:
    """Processor time that a process has used so far, in seconds; 0 where the system does not say.

    Ref: proc_pid_stat(5), utime and stime, the twelfth and thirteenth after the name.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _shared(size: int) -> int:
    """A file descriptor of memory that another process can use."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("tracetool")
    else:
        with tempfile.TemporaryFile() as file:
            memory = os.dup(file.fileno())
    os.truncate(memory, size)
    return memory
