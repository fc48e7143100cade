"""QEMU ends with the test, however the test ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.captures import ROOT
from tests.live.machines import MACHINES
from tests.patience import PATIENCE_S, wait_until
from tests.requirements import lacking
from tracetool.errors import EmulatorError
from tracetool.qemu import qtest

pytestmark = pytest.mark.live

_KEEPS_ONE = """
import signal, sys, time
from pathlib import Path
from tracetool.qemu import qtest
signal.signal(signal.SIGINT, signal.default_int_handler)  # where it runs in the background, it is ignored
with qtest.bus(sys.argv[1], "none", [], Path(sys.argv[2])):
    print("up", flush=True)
    time.sleep(600)
"""


def _running(folder: Path) -> bool:
    """True while a QEMU that writes its trace to `folder` runs."""
    trace = str(folder / "trace.log").encode()
    return any(trace in _command_line(entry).split(b"\0") for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _command_line(entry: Path) -> bytes:
    """Arguments of a process; empty when it has ended."""
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_qemu_outlives_the_process_that_started_it(how: signal.Signals, tmp_path: Path) -> None:
    if shutil.which("setpriv") is None:
        lacking("setpriv is not installed: apt-get install -y util-linux")
    program = MACHINES["virt-arm"].needed()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    owner = subprocess.Popen(
        [sys.executable, "-c", _KEEPS_ONE, program, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    with owner:
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == b"up\n"
            assert _running(tmp_path)
            owner.send_signal(how)
            owner.wait(PATIENCE_S)
        finally:
            owner.kill()
    wait_until(lambda: not _running(tmp_path), "the emulator lives")


def test_a_qemu_that_does_not_start_says_why(tmp_path: Path) -> None:
    program = MACHINES["virt-arm"].needed()
    with pytest.raises(EmulatorError, match="unsupported machine"), qtest.bus(program, "no-such-machine", [], tmp_path):
        pass


def test_a_qemu_that_has_ended_is_noticed(tmp_path: Path) -> None:
    program = MACHINES["virt-arm"].needed()
    with qtest.bus(program, "none", [], tmp_path) as bus:
        bus.quit()
        with pytest.raises(EmulatorError, match="QEMU"):
            bus.do([qtest.read(0, 4)])
