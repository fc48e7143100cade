"""A QEMU that is stopped before a flash access, or killed there, leaves the file that the model predicts.

One boot is stopped many times and its file copied: what QEMU has written is the kernel's, which a kill does not take
back. The last stop is a kill.
"""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import termios
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

import tracetool
from tests.live.firmware import padded
from tests.patience import PATIENCE_S
from tests.requirements import needed_file, needed_program
from tracetool.analysis.power_cuts import store_commits
from tracetool.qemu.about import about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replay.powercut import Commit

pytestmark = pytest.mark.live

REGION = 64 << 20
VOLUME = 768 << 10
PIPE_BYTES = 4096
STOPS = 48
SETTLED_S = 0.05
EVENTS_WITH_COMMITS = 7000
"""A first boot of AAVMF writes to its flash some 8,000 times."""


class Stop(NamedTuple):
    """The volume in the image file while QEMU was stopped, after this many bytes of its log."""

    log_bytes: int
    volume: bytes


class _Stopped:
    """A QEMU whose log is a full pipe: it waits in the middle of writing an event, before the access takes effect."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: int, image: Path) -> None:
        self.process = process
        self.log = b""
        self._pipe = pipe
        self._image = image

    def take(self, count: int) -> None:
        """Let it go on until the log is `count` bytes longer."""
        end = len(self.log) + count
        deadline = time.monotonic() + PATIENCE_S
        while len(self.log) < end:
            assert time.monotonic() < deadline, f"QEMU wrote nothing to its flash for {PATIENCE_S} s"
            if self._waiting():
                self.log += os.read(self._pipe, end - len(self.log))
            else:
                time.sleep(0.001)

    def stop(self) -> Stop:
        """Wait until it stands still, and copy the volume."""
        while True:
            before = self._settled()
            with self._image.open("rb") as file:
                volume = file.read(VOLUME)
            if self._waiting() == before:
                return Stop(len(self.log) + before, volume)

    def kill(self) -> Stop:
        """Cut its power."""
        self._settled()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        while piece := os.read(self._pipe, PIPE_BYTES):
            self.log += piece
        with self._image.open("rb") as file:
            return Stop(len(self.log), file.read(VOLUME))

    def _waiting(self) -> int:
        """Bytes in the pipe."""
        return int.from_bytes(fcntl.ioctl(self._pipe, termios.FIONREAD, bytes(4)), "little")

    def _settled(self) -> int:
        """Bytes in the pipe, once it is full or the guest does nothing."""
        before, since = -1, time.monotonic()
        while time.monotonic() - since < SETTLED_S or before <= 0:
            now = self._waiting()
            if now != before or self._runs:
                before, since = now, time.monotonic()
            time.sleep(0.005)
        return before

    @property
    def _runs(self) -> bool:
        """True while a thread of QEMU runs, or waits for a processor, between an event and its effect perhaps."""
        states = []
        for stat in Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            with suppress(OSError):  # a thread that has ended
                states.append(stat.read_text().rpartition(")")[2].split()[0])
        return "R" in states


@contextmanager
def _stopped_qemu(program: str, folder: Path, image: Path) -> Iterator[_Stopped]:
    """The first boot of AAVMF, with a pipe for a log that holds some 60 events."""
    code = padded(needed_file("/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64"), folder / "code.fd", REGION)
    log = folder / "log"
    os.mkfifo(log)
    pipe = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(pipe, True)
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    # Only events that come before their access: one that comes in its middle would stop it half done.
    options = ["-M", "virt", "-cpu", "cortex-a57", "-m", "256", "-accel", "tcg", "-nodefaults", "-net", "none"]
    options += ["-display", "none", "-trace", "pflash_io_write", "-trace", "pflash_reset", "-D", str(log)]
    options += ["-drive", f"if=pflash,format=raw,file={code},readonly=on"]
    options += ["-drive", f"if=pflash,format=raw,file={image}"]
    with (folder / "qemu.txt").open("wb") as said, subprocess.Popen([program, *options], stderr=said) as process:
        try:
            yield _Stopped(process, pipe, image)
        finally:
            process.kill()
            os.close(pipe)


def test_the_file_of_a_stopped_qemu_is_the_state_of_that_commit(tmp_path: Path) -> None:
    program = needed_program("qemu-system-aarch64", "qemu-system-arm")
    before, image = tmp_path / "before.fd", tmp_path / "flash1.fd"
    for path in (before, image):
        with path.open("wb") as file:
            file.truncate(REGION)
    chosen = random.Random(1)  # noqa: S311  reproducible, not secret
    with _stopped_qemu(program, tmp_path, image) as qemu:
        qemu.take(1)
        stops = []
        for _ in range(STOPS):
            stops.append(qemu.stop())
            qemu.take(chosen.randint(1, 2 * EVENTS_WITH_COMMITS * 60 // STOPS))
        stops.append(qemu.kill())
    (tmp_path / "trace.log").write_bytes(qemu.log[: qemu.log.rindex(b"\n") + 1])
    trace = tracetool.open(
        tmp_path / "trace.log", image={"virt.flash1": before}, qemu=about(program).version, board="virt-arm"
    )
    commits = store_commits(trace.replay(journal=True))
    seqs = list(commits)
    reached = {_commits_before(seqs, qemu.log[: stop.log_bytes].count(b"\n")) for stop in stops}
    assert len(reached) >= 30, "too many stops at the same commit"
    volume = bytearray(commits.before)
    done = 0
    for stop in stops:
        seen = _commits_before(seqs, qemu.log[: stop.log_bytes].count(b"\n"))
        for commit in seqs[done:seen]:
            volume[commit.offset : commit.offset + len(commit.after)] = commit.after
        done = seen
        unequal = np.flatnonzero(np.frombuffer(volume, np.uint8) != np.frombuffer(stop.volume, np.uint8))
        assert not len(unequal), f"after {seen} commits {len(unequal)} bytes differ, the first at {unequal[0]:#x}"


def _commits_before(commits: list[Commit], events: int) -> int:
    """How many commits the first `events` events made."""
    return sum(commit.seq < events for commit in commits)
