"""Real workers of dask: processes of this machine, and those of a scheduler, of which some are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tracetool as tt
from tests.patience import PATIENCE_S, wait_until
from tests.requirements import lacking
from tests.tracetool.cli.program import COMMAND, FIRST_BOOT, PADDING, environment, tracetool
from tests.tracetool.runs import support
from tracetool.errors import InputError, MissingDependencyError, UsageError
from tracetool.fleet.table import without_times
from tracetool.library import workers
from tracetool.library.fleet import run_task
from tracetool.library.workers import check_scheduler, local_workers, remote_workers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future
    from pathlib import Path

    from tracetool.library.fleet import Done, Task


@pytest.fixture(scope="module", autouse=True)
def dask() -> None:
    """The extra `fleet`."""
    try:
        import distributed  # noqa: F401, PLC0415  the extra need not be installed
    except ImportError:
        lacking("dask is not installed: pip install 'pflash-tracetool[fleet]'")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Some runs; the last is missing."""
    folder = tmp_path_factory.mktemp("fleet")
    for number in range(6):
        shutil.copy(FIRST_BOOT if number % 3 else PADDING, folder / f"run-{number}.log.zst")
    support.FIRST_BOOT.at(folder / "run-6")
    return [*map(str, sorted(folder.iterdir())), str(folder / "run-7")]


def table(runs: list[str], executor: Executor | None = None) -> pl.DataFrame:
    return without_times(tt.fleet_table(tt.audit_runs(runs, executor)))


# --- this machine ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_workers_make_the_table_of_the_loop(runs: list[str]) -> None:
    with local_workers(2) as executor:
        assert_frame_equal(table(runs, executor), table(runs))
        about = executor.submit(_about_worker).result()
    assert about == {"POLARS_MAX_THREADS": "1", "threads": 1}


def _about_worker() -> dict[str, Any]:
    return {"POLARS_MAX_THREADS": os.environ.get("POLARS_MAX_THREADS"), "threads": pl.thread_pool_size()}


def deadly(task: Task) -> Done:
    """Read a run; one of this name ends the process, as one does that the system finds too large."""
    if task.path.endswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return run_task(task)


class Deadly:
    """An executor whose workers do not survive some runs."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, _run: object, task: Task) -> Future[Done]:
        """Have a worker read a run."""
        return self._executor.submit(deadly, task)


@pytest.mark.slow
def test_a_run_that_kills_its_workers_is_named_and_all_others_are_kept(
    runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "distributed.scheduler.allowed-failures"
    monkeypatch.setitem(workers._CONFIGURATION, key, 2)  # noqa: SLF001  10 take half a minute
    with local_workers(2) as executor:
        found = table([*runs, "deadly"], Deadly(executor))  # type: ignore[arg-type]
    (lost,) = found.filter(run="deadly").to_dicts()
    assert (lost["verdict"], lost["reasons"]) == (
        "unreadable",
        ["every process that read it ended before it was done: out of memory, or killed"],
    )
    assert_frame_equal(found.filter(pl.col("run") != "deadly"), table(runs))


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_reaches_the_workers_too_and_leaves_a_table(runs: list[str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "z-waits")  # no worker gets to the end of it
    command = [*COMMAND, "fleet", *runs, str(tmp_path / "z-waits"), "--jobs", "2", "-o", str(tmp_path / "table")]
    settings = environment(XDG_CACHE_HOME=str(tmp_path))
    process = subprocess.Popen(command, env=settings, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_until(lambda: len(list(tmp_path.glob("tracetool/fleet/*.json"))) >= len(runs) - 1)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, said
    assert [line for line in said.splitlines() if not line.startswith("tracetool: ")] == []
    assert "interrupted: 1 of 9 runs were not read" in said
    found = pl.read_parquet(tmp_path / "table")
    assert found.filter(pl.col("codes").list.contains("not-read"))["run"].to_list() == [str(tmp_path / "z-waits")]
    assert_frame_equal(found.filter(~pl.col("codes").list.contains("not-read")), table(runs))


@pytest.mark.slow
def test_without_dask_several_processes_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'pflash-tracetool\[fleet\]'"), local_workers(2):
        pass


# --- a scheduler -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.1:8786", "10.0.0.1:8786", "127.0.0.1:8786", "TLS://x:1", "inproc://x"]
)
def test_a_scheduler_without_tls_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="whoever reaches a scheduler without TLS"):
        check_scheduler(address, insecure=False)
    check_scheduler(address, insecure=True)


def test_one_with_tls_is_taken() -> None:
    check_scheduler("tls://10.0.0.1:8786", insecure=False)


@pytest.mark.slow
def test_no_scheduler_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_CONNECT_SECONDS", 1)
    with (
        pytest.raises(InputError, match="no scheduler answers there"),
        remote_workers("tcp://127.0.0.1:9", insecure=True),
    ):
        pass


def test_tls_without_certificates_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match=r"tls://127\.0\.0\.1:9"), remote_workers("tls://127.0.0.1:9"):
        pass


class Cluster:
    """A scheduler and two workers, as `dask scheduler` and `dask worker` start them."""

    def __init__(self, folder: Path, settings: dict[str, str], protocol: str) -> None:
        self.settings = settings
        self.file = folder / "scheduler.json"
        self.protocol = protocol
        self.address = ""
        self.workers: list[subprocess.Popen[bytes]] = []

    @contextmanager
    def running(self) -> Iterator[Cluster]:
        """Start them; they are ended after the block."""
        dask = [sys.executable, "-m", "dask"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": self.settings}
        where = ["--protocol", self.protocol, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        with ExitStack() as stack:

            def start(*arguments: str) -> subprocess.Popen[bytes]:
                process = stack.enter_context(subprocess.Popen([*dask, *arguments], **quiet))
                stack.callback(process.terminate)
                return process

            start("scheduler", *where, "--scheduler-file", str(self.file))
            wait_until(self.file.exists)
            self.address = pl.read_json(self.file)["address"][0]
            one = ("--nthreads", "1", "--no-dashboard", "--protocol", self.protocol, "--host", "127.0.0.1")
            self.workers = [start("worker", self.address, *one) for _ in range(2)]
            yield self


@pytest.fixture
def plain(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path, environment(POLARS_MAX_THREADS="1"), "tcp")


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_no_run(plain: Cluster, runs: list[str]) -> None:
    with plain.running(), remote_workers(plain.address, insecure=True) as executor:
        rows = tt.audit_runs(runs, executor)
        first = [next(rows)]
        plain.workers[0].kill()
        found = without_times(tt.fleet_table([*first, *rows]))
    assert_frame_equal(found, table(runs))


def _certificate(folder: Path) -> dict[str, Any]:
    """Write a certificate; returns the settings by which dask finds it."""
    from distributed import Security  # noqa: PLC0415  the extra need not be installed

    made = Security.temporary()
    (folder / "key.pem").write_text(made.tls_client_key)
    (folder / "cert.pem").write_text(made.tls_client_cert)
    settings: dict[str, Any] = {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(folder / "cert.pem")}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        settings[f"DASK_DISTRIBUTED__COMM__TLS__{role}__CERT"] = str(folder / "cert.pem")
        settings[f"DASK_DISTRIBUTED__COMM__TLS__{role}__KEY"] = str(folder / "key.pem")
    return settings


@pytest.mark.slow
def test_the_command_line_takes_a_scheduler_with_tls(runs: list[str], tmp_path: Path) -> None:
    settings = _certificate(tmp_path) | {"XDG_CACHE_HOME": str(tmp_path)}
    with Cluster(tmp_path, environment(**settings), "tls").running() as cluster:
        assert cluster.address.startswith("tls://")
        output = tmp_path / "table"
        ended = tracetool("fleet", *runs, "--scheduler", cluster.address, "-o", output, **settings)
        assert ended.code == 1, ended.err
        assert_frame_equal(pl.read_parquet(output), table(runs))
        stranger = tracetool("fleet", *runs, "--scheduler", cluster.address, XDG_CACHE_HOME=str(tmp_path))
        assert stranger.code in (2, 3)
        assert "Traceback" not in stranger.err
