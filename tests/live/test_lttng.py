"""A session of LTTng, read from its relay daemon while a stand-in for QEMU is traced."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import pytest

from tests.patience import PATIENCE_S, wait_until
from tests.requirements import needed_program
from tests.tracetool.cli.program import COMMAND, PADDING, environment, tracetool
from tests.tracetool.ctf_traces import needed_babeltrace
from tracetool.compression import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live

SESSION = f"flash-{os.getpid()}"
EVENTS = re.compile(r"pflash_(?:reset|io_write|io_read) .*")


class Session:
    """A session that is recorded over a relay daemon, and the guest that is traced."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        tools = {name: needed_program(name, "lttng-tools") for name in ("lttng", "lttng-sessiond", "lttng-relayd")}
        needed_program("lttng-gen-tp", "liblttng-ust-dev")
        self._lttng = tools["lttng"]
        self._environment = {**os.environ, "LTTNG_HOME": str(folder), "LTTNG_UST_REGISTER_TIMEOUT": "30000"}
        ports = [_free_port() for _ in range(3)]
        addresses = [f"tcp://127.0.0.1:{port}" for port in ports]
        relay = ("-v", "-C", addresses[0], "-D", addresses[1], "-L", addresses[2], "-o", str(folder / "relayed"))
        for command in ((tools["lttng-relayd"], *relay), (tools["lttng-sessiond"], "--no-kernel")):
            # A session daemon that runs already is used.
            stack.enter_context(_running(command, self._environment, folder / Path(command[0]).name))
        self._said = folder / "lttng-relayd"
        self.url = f"net://127.0.0.1:{ports[2]}/host/{socket.gethostname()}/{SESSION}"
        self._until_ready(ports)
        self.tell("create", SESSION, "--live=200000", "--ctrl-url", addresses[0], "--data-url", addresses[1])
        stack.callback(self._destroy)
        self.tell("enable-event", "--userspace", "qemu:*", "--session", SESSION)
        self.tell("start", SESSION)
        self.guest = stack.enter_context(_guest(folder, self._environment))

    def tell(self, *arguments: str) -> None:
        """Give a command to LTTng."""
        command = [self._lttng, *arguments]
        subprocess.run(command, env=self._environment, check=True, capture_output=True, timeout=PATIENCE_S)

    def _destroy(self) -> None:
        with suppress(subprocess.CalledProcessError):  # where the test has done so
            self.tell("destroy", SESSION)

    def _until_ready(self, ports: list[int]) -> None:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                for port in ports:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                self.tell("list")
            except (OSError, subprocess.CalledProcessError):
                assert time.monotonic() < end, "the daemons of LTTng do not answer"
                time.sleep(0.1)
            else:
                return

    @property
    def is_watched(self) -> bool:
        """True once a viewer has attached itself and asks for more: it is sent what comes from then on."""
        return "Viewer get next index" in self._said.read_text(errors="replace")

    def trace(self, lines: list[str]) -> None:
        """Have the guest trace these events."""
        assert self.guest.stdin is not None
        self.guest.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.guest.stdin.flush()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class _running:  # noqa: N801  a context manager
    """A daemon in the foreground of a process that is ended."""

    def __init__(self, command: tuple[str, ...], variables: dict[str, str], output: Path) -> None:
        with output.open("ab") as file:
            self._process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _guest(folder: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    program, source = folder / "guest", Path(__file__).with_name("lttng_guest.c")
    compiler = needed_program("gcc", "gcc")
    subprocess.run([compiler, "-I", source.parent, "-o", program, source, "-llttng-ust", "-ldl"], check=True)
    return subprocess.Popen([program], env=variables, stdin=subprocess.PIPE)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session that is recorded."""
    needed_babeltrace()
    # One at a time: traced programs of root look for the session daemon in one place, and it ends with its test.
    with (Path(tempfile.gettempdir()) / f"lttng-{os.getuid()}.lock").open("w") as lock, ExitStack() as stack:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Session(tmp_path, stack)


def sample() -> list[str]:
    """The events of the padding sample that the guest can trace, without times."""
    return EVENTS.findall(zstd.decompress(PADDING.read_bytes()).decode())


@contextmanager
def followed(session: Session, command: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A command that follows the session, once it is connected to the daemon; killed if it takes too long."""
    arguments = [*COMMAND, command, "--follow", *options, session.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, env=environment(), text=True) as process:
        watchdog = Timer(PATIENCE_S, process.kill)
        watchdog.start()
        wait_until(lambda: session.is_watched or process.poll() is not None)
        yield process
        watchdog.cancel()


def test_a_session_is_audited_while_it_is_recorded(session: Session, tmp_path: Path) -> None:
    lines = sample()
    outside = next(number for number, line in enumerate(lines) if "offset:0x100000" in line)
    extent = ("--extent", "virt.flash1=768K")
    with followed(session, "audit", *extent) as process:
        session.trace(lines[:outside])
        assert process.stderr is not None
        told = process.stderr.readline()
        assert "RO001" in told
        session.trace(lines[outside:])
        assert any("EXT001" in told for told in process.stderr)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
    assert process.returncode == 130
    log = tmp_path / "guest.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    assert out.partition("\n\n")[0] == tracetool("audit", *extent, log).text.partition("\n\n")[0]
    assert "OUTSIDE-EXTENT" in out


def test_a_session_that_is_destroyed_ends_the_trace(session: Session) -> None:
    lines = sample()[:400]
    with followed(session, "info") as process:
        session.trace(lines)
        assert session.guest.stdin is not None
        session.guest.stdin.close()
        session.guest.wait(PATIENCE_S)
        session.tell("destroy", SESSION)
        out, _ = process.communicate()
    assert process.returncode == 0
    assert f"{len(lines):,}" in out


def test_a_session_that_is_not_there_is_one_line(session: Session) -> None:
    for url in (session.url + "-not", f"net://127.0.0.1:{_free_port()}/host/here/{SESSION}"):
        ended = tracetool("audit", "--follow", url)
        assert (ended.code, len(ended.err.splitlines())) == (3, 1), ended.err
        assert f"{url}: babeltrace2 cannot read it: " in ended.err
