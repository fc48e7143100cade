"""Worker processes for fleets: dask's, on this machine or behind a scheduler, as an executor."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tracetool.errors import InputError, MissingDependencyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

__all__ = ["check_scheduler", "local_workers", "remote_workers"]

_TLS = "tls://"
_CONFIGURATION = {
    "distributed.scheduler.allowed-failures": 10,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "500ms",
    "distributed.worker.preload": [
        "import gc, signal; gc.set_threshold(50_000); signal.signal(signal.SIGINT, signal.SIG_IGN)"
    ],
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}
"""A run that ends so many workers is given up, so one that was lost with a killed worker is not. No pages, no profiler,
no garbage looked for among the objects of imports (as in `tracetool.cli`), and few looks at the clock: these were a
quarter of a worker's time. Ctrl-C in a terminal reaches the workers too, and it is for the fleet to end them."""

_ENVIRONMENT = {"POLARS_MAX_THREADS": "1"}
"""Of a worker: as many workers as processors, of one thread each."""

_NO_DASHBOARD = "127.0.0.1:0"
"""Dask always starts its web server, here one without pages that nobody else reaches."""

_CONNECT_SECONDS = 20
_INSTALL = "several processes need dask: pip install 'pflash-tracetool[fleet]'; without it leave out --jobs"


@contextmanager
def local_workers(jobs: int) -> Iterator[Executor]:
    """An executor of `jobs` new processes, which are ended after the block.

    They talk over TLS with a certificate made for this fleet: others on this machine could run code in them otherwise.

    Raises:
        MissingDependencyError: dask is not installed.
    """
    distributed = _distributed()
    with (
        distributed.LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            processes=True,
            security=distributed.Security.temporary(),
            dashboard_address=_NO_DASHBOARD,
            worker_dashboard_address=_NO_DASHBOARD,
            silence_logs=logging.CRITICAL,
            env=_ENVIRONMENT,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client.get_executor(pure=False)


def check_scheduler(address: str, *, insecure: bool) -> None:
    """UsageError for a scheduler without TLS: who reaches it, or poses as it, runs code here and in its workers."""
    if not insecure and not address.startswith(_TLS):
        raise UsageError(
            f"--scheduler {address}: is not tls://: whoever reaches a scheduler without TLS runs code in its workers; "
            "give tls://HOST:PORT, or --insecure in a network of your own"
        )


@contextmanager
def remote_workers(address: str, *, insecure: bool = False) -> Iterator[Executor]:
    """An executor of the workers of a dask scheduler; certificates are those of dask's own configuration.

    Raises:
        InputError: no scheduler answers, or its workers have no such tracetool.
        MissingDependencyError: dask is not installed.
        UsageError: it is none with TLS, and `insecure` was not given; no certificate is configured.
    """
    check_scheduler(address, insecure=insecure)
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise InputError(f"--scheduler {address}: no scheduler answers there ({_first_line(error)})") from error
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"--scheduler {address}: {_first_line(error)}") from error
    with client:
        _check_versions(client, address)
        yield client.get_executor(pure=False)


def _distributed() -> Any:  # noqa: ANN401  a module without types
    try:
        import cryptography  # noqa: F401  of the certificate for local workers
        import dask
        import distributed
    except ImportError as error:
        raise MissingDependencyError(_INSTALL) from error
    dask.config.set(_CONFIGURATION)
    for name in ("distributed", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # the rows say which runs were lost
    return distributed


def _check_versions(client: Any, address: str) -> None:  # noqa: ANN401
    """InputError where a worker that is there already has another version of this program."""
    ours = version("pflash-tracetool")
    for worker, theirs in client.run(_version, on_error="return").items():
        if theirs != ours:
            found = theirs if isinstance(theirs, str) else f"none ({_first_line(theirs)})"
            raise InputError(f"--scheduler {address}: tracetool {ours} is needed, and worker {worker} has {found}")


def _version() -> str:
    return version("pflash-tracetool")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
