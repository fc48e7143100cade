"""Audits of many runs: by a loop, or by any executor of `concurrent.futures`."""

from __future__ import annotations

import hashlib
import json
import os
import time
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tracetool.bundled import sample
from tracetool.errors import TracetoolError
from tracetool.fleet.table import fleet_table, rows_of, unreadable
from tracetool.library.keywords import parse_policy
from tracetool.library.remote_runs import fetched, is_url
from tracetool.library.row_cache import RowCache
from tracetool.library.trace import open as open_traces
from tracetool.paths import user_path
from tracetool.runs.place import is_run_directory
from tracetool.sanitize import sanitize
from tracetool.sparse_file import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from concurrent.futures import Executor, Future

    from tracetool.fleet.table import Row
    from tracetool.library.trace import Trace

__all__ = [
    "Done",
    "Task",
    "audit_run",
    "audit_runs",
    "check_options",
    "completed",
    "fleet_table",
    "opened",
    "run_name",
    "run_task",
]

IN_FLIGHT = 64
"""Runs that an executor has at a time: enough to keep its workers busy; memory does not grow with the fleet."""

_OF_THE_AUDIT = ("policy", "strict_silicon", "wear_limit", "variables", "power_cuts")
_OF_READING = ("input_format", "strict")
_SOUND = "aavmf-shell-padding/trace.log.zst"


def audit_run(path: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> list[Row]:
    """Audit one run: the rows of its devices, as dictionaries by column of `FLEET_SCHEMA`.

    A run that cannot be read is one row with the verdict `unreadable` and the reason.

    Args:
        path: a run directory, or a trace as `open` takes it; a file or directory.
        options: keywords of `open` and of `Trace.audit`.
    """
    return run_task(Task(os.fspath(path), dict(options or {}))).rows


def audit_runs(
    paths: Iterable[str | os.PathLike[str]],
    executor: Executor | None = None,
    options: Mapping[str, Any] | None = None,
) -> Iterator[Row]:
    """Audit many runs: their rows in order of completion, as `audit_run` returns them; `fleet_table` makes a frame.

    Args:
        paths: as for `audit_run`; taken as they are needed.
        executor: any of `concurrent.futures`, such as a dask client's `get_executor()`; None: a loop.
        options: as for `audit_run`.
    """
    tasks = (Task(os.fspath(path), dict(options or {})) for path in paths)
    for done in completed(tasks, executor):
        yield from done.rows


def check_options(options: Mapping[str, Any]) -> None:
    """UsageError for options that are wrong for every run: they are tried on a trace that can be read."""
    about_trace = {name: options[name] for name in options if name not in (*_OF_THE_AUDIT, *_OF_READING)}
    open_traces(sample(_SOUND), **about_trace)
    parse_policy(options.get("policy"))


# --- one run -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """One run to be audited.

    Attributes:
        path: as the user named it, or below a folder that was named; a path or a URL.
        options: keywords of `open` and of `Trace.audit`.
        certain: False for a file found in a folder, which is passed over if it is no trace.
        cache: the folder in which rows are kept; None: nowhere.
        resume: take the rows from there.
    """

    path: str
    options: Mapping[str, Any] = field(default_factory=dict)
    certain: bool = True
    cache: Path | None = None
    resume: bool = False

    @property
    def run(self) -> str:
        """The run's name in the table."""
        return run_name(self.path)


def run_name(path: str) -> str:
    """The name of a run in the table: its path, where that is text."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class Done(NamedTuple):
    """Result of a task: its rows, none for what was passed over; `cached`: they were taken from the cache."""

    task: Task
    rows: list[Row]
    cached: bool = False


def run_task(task: Task) -> Done:
    """Audit a run, or take its rows from the cache; whatever goes wrong is the reason in a row."""
    if not is_url(task.path):
        return _run_local(task, task.run)
    try:
        with fetched(task.path) as path:
            done = _run_local(replace(task, path=path), task.run)
            rows = [
                row | {"reasons": [reason.replace(path, task.run) for reason in row["reasons"]]} for row in done.rows
            ]
            return Done(task, rows, done.cached)
    except TracetoolError as error:
        return Done(task, [unreadable(task.run, str(error))])


def _run_local(task: Task, run: str) -> Done:
    """Audit a run that lies at a path, under this name."""
    if not task.certain and not _may_be_trace(task.path):
        return Done(task, [])
    wall, cpu = time.perf_counter(), time.process_time()
    digest = _digest(task, run)
    cache = None if task.cache is None or digest is None else RowCache(task.cache)
    if cache is not None and digest is not None and task.resume and (kept := cache.rows(digest)) is not None:
        return Done(task, kept, cached=True)
    rows, is_lasting = _audited(task, run)
    times = {"digest": digest, "seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    rows = [row | times for row in rows]
    if cache is not None and digest is not None and is_lasting:
        cache.keep(digest, rows)
    return Done(task, rows)


def _audited(task: Task, run: str) -> tuple[list[Row], bool]:
    """The rows of a run, and whether the next attempt would make the same."""
    about_audit = {name: value for name, value in task.options.items() if name in _OF_THE_AUDIT}
    try:
        trace = opened(task.path, task.options)
        return rows_of(run, trace.audit(**about_audit), trace.readers[0].meta.run), True
    except TracetoolError as error:
        return [unreadable(run, str(error))], True
    except Exception as error:  # noqa: BLE001  a fault of ours in one run is its row, which asks for a report
        return [unreadable(run, _unexpected(error))], False


def opened(path: str, options: Mapping[str, Any]) -> Trace:
    """The trace of a run; errors as of `open`."""
    return open_traces(path, **{name: value for name, value in options.items() if name not in _OF_THE_AUDIT})


def _unexpected(error: BaseException) -> str:
    """A reason for people, of an error that nobody foresaw."""
    if isinstance(error, MemoryError):
        return "not enough memory to read it"
    if isinstance(error, OSError):
        return f"{error.filename or 'it'}: {error.strerror or error}"
    return f"internal error: {type(error).__name__}: {sanitize(str(error))}; please report it"


def _may_be_trace(path: str) -> bool:
    """True for a trace, and for a file that cannot be read, which may be one."""
    from tracetool.ingest.directory import is_trace

    found = Path(path)
    try:
        if not found.is_file() or not os.access(found, os.R_OK):
            return True
    except OSError:
        return True
    return is_trace(found)


def _digest(task: Task, run: str) -> str | None:
    """Hash of the files of a run and of the options; None where one cannot be read."""
    whole = hashlib.sha256(json.dumps([run, task.options], sort_keys=True, default=str).encode())
    try:
        for file in _files(task):
            whole.update(f"{sha256_of(file)} {file.name}\n".encode("utf-8", "surrogateescape"))
    except (OSError, ValueError):  # opening the run says what is wrong
        return None
    return whole.hexdigest()


def _files(task: Task) -> Iterator[Path]:
    path = user_path(task.path)
    yield from (user_path(file) for file in _images(task.options.get("image")))
    if not path.is_dir():
        if not path.is_file():  # none, or a pipe, which can be read only once
            raise FileNotFoundError(path)
        yield path
        return
    if is_run_directory(path):
        from tracetool.runs.directory import read_run_directory

        try:
            found = read_run_directory(str(path)).files
        except TracetoolError:
            return
        yield from (file for file in found if file.is_file())
        return
    for folder, below, names in os.walk(path):
        below.sort()
        yield from (Path(folder, name) for name in sorted(names))


def _images(given: Any) -> list[str]:  # noqa: ANN401  by device, or one
    if given is None:
        return []
    return [*given.values()] if isinstance(given, dict) else [given]


# --- many --------------------------------------------------------------------------------------------------------


def completed(tasks: Iterable[Task], executor: Executor | None = None) -> Iterator[Done]:
    """Run tasks, in this process or by an executor; the results in order of completion.

    A task whose worker died is an unreadable run; so are all that are left where the executor itself breaks.
    """
    if executor is None:
        yield from map(run_task, tasks)
        return
    rest = iter(tasks)
    running: dict[Future[Done], Task] = {}
    try:
        while True:
            for task in islice(rest, IN_FLIGHT - len(running)):
                running[_submitted(executor, task)] = task
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield _result(future, running.pop(future))
    finally:
        for future in running:
            future.cancel()


def _submitted(executor: Executor, task: Task) -> Future[Done]:
    """The future of a task; one that has failed where the executor takes no more."""
    from concurrent.futures import Future

    try:
        return executor.submit(run_task, task)
    except RuntimeError as error:
        failed: Future[Done] = Future()
        failed.set_exception(error)
        return failed


def _result(future: Future[Done], task: Task) -> Done:
    error = future.exception()
    if error is None:
        return future.result()
    return Done(task, [unreadable(task.run, _lost(error))])


def _lost(error: BaseException) -> str:
    """The reason for which a run has no result: its worker ended."""
    if type(error).__name__ in ("KilledWorker", "BrokenProcessPool"):
        return "every process that read it ended before it was done: out of memory, or killed"
    return _unexpected(error)
