"""`tracetool fleet`: the audits of many runs, and what they say together."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tracetool.cli import common, options
from tracetool.cli.command import FILE, Text, command
from tracetool.errors import InputError, UsageError
from tracetool.findings import WEAR_LIMIT, Severity
from tracetool.findings.phrases import count_of
from tracetool.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor
    from contextlib import AbstractContextManager

    import polars as pl

    from replay.backing import Policy
    from tracetool.fleet.answers import Fleet
    from tracetool.library.fleet import Done, Task
    from tracetool.library.fleet_paths import FleetPaths

_INTERRUPTED = 130
_REPORT_SECONDS = 60
_FORMATS = ("text", "json", "html", "csv")
_REPORT_SUFFIXES = (".txt", ".json", ".html", ".csv")


class _Work(NamedTuple):
    """Who reads the runs."""

    jobs: int
    scheduler: str | None
    insecure: bool
    shard: tuple[int, int]
    resume: bool
    times: bool

    def executor(self) -> AbstractContextManager[Executor | None]:
        """The executor; None for a loop in this process."""
        from tracetool.library.workers import check_scheduler, local_workers, remote_workers

        if self.scheduler is None:
            return local_workers(self.jobs) if self.jobs > 1 else nullcontext()
        if self.jobs > 1:
            raise UsageError("--jobs starts workers here, and --scheduler has its own; give one of them")
        check_scheduler(self.scheduler, insecure=self.insecure)
        return remote_workers(self.scheduler, insecure=self.insecure)


_work_options = options.group(
    "work",
    _Work,
    (
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            default=1,
            metavar="N",
            help="Processes that read runs; more than one needs dask (pflash-tracetool[fleet]).",
        ),
        click.option(
            "--scheduler",
            metavar="ADDRESS",
            help="Have the workers of this dask scheduler read them, as in tls://HOST:8786; they must see the files.",
        ),
        click.option(
            "--insecure", is_flag=True, help="Take a scheduler without TLS: whoever reaches it runs code there."
        ),
        options.shard("runs"),
        click.option("--resume", is_flag=True, help="Read only what no earlier fleet has read, by hash of its files."),
        click.option("--times", is_flag=True, help="Fill in what reading each run took; such tables differ."),
    ),
)


class _Question(NamedTuple):
    """Options of the audit of each run."""

    policy: Policy | None
    strict_silicon: bool
    wear_limit: int
    variables: bool
    power_cuts: bool

    def given(self) -> dict[str, Any]:
        """The keywords that differ from the default."""
        policy = None if self.policy is None else self.policy.label
        chosen = self._asdict() | {"policy": policy}
        return {name: value for name, value in chosen.items() if value not in (None, False, WEAR_LIMIT)}


_question_options = options.group(
    "question",
    _Question,
    (options.policy, options.strict_silicon, options.wear_limit, options.follow_variables, options.power_cuts),
)


@command(threads=1)  # a run is too small to gain by a second, which costs a tenth
@click.argument(
    "runs",
    nargs=-1,
    required=True,
    metavar="RUN...",
    type=Text("RUN", "file"),
    help="A run directory, a trace, a folder of them, a pattern ('runs/*/trace.log'), or a table that fleet -o wrote.",
)
@options.report_format(_FORMATS, help="How to answer; csv is the table.")
@click.option("-o", "--output", type=FILE, help="Write the table to FILE too, as Parquet.")
@options.where
@options.guests
@options.fail_on
@click.option("--allow-inconclusive", is_flag=True, help="Exit code 0 instead of 4 for runs that were read.")
@click.option("--outliers", is_flag=True, help="Say where the operations of runs of one firmware part, all at once.")
@_work_options
@_question_options
@options.width
@options.reading_options
@options.device_options
def fleet(
    *,
    runs: list[str],
    output_format: str,
    output: str | None,
    where: str | None,
    guests: int,
    fail_on: Severity,
    allow_inconclusive: bool,
    outliers: bool,
    work: _Work,
    question: _Question,
    width: int | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> int:
    """Audit many runs, each for itself, and answer for all of them: one table, one page.

    How many stayed within their extent, which did not and why; the smallest
    backing that is safe for all; distributions, and runs that did otherwise
    than others of their firmware.

    Exit code 0: nothing; 1: findings or a write outside; 4: a run could not be
    read, or does not show everything.
    """
    from tracetool.audit import Gate
    from tracetool.fleet.answers import Fleet

    if output_format == "html" and sys.stdout.isatty():
        raise UsageError("--format html is a page for a browser: redirect it, as in > fleet.html")
    from tracetool.fleet.table import without_times
    from tracetool.fleet.vocabulary import chosen
    from tracetool.library.fleet import check_options
    from tracetool.library.fleet_forks import find_forks
    from tracetool.library.fleet_paths import find_runs

    asked = devices.given() | reading._asdict() | question.given()
    given = {name: value for name, value in asked.items() if value not in _NOT_GIVEN}
    check_options(given)
    found = find_runs(runs)
    _check_output(output, found)
    parts = found.part(*work.shard)
    with work.executor() as executor:
        reader = _Reader(parts, given, work)
        reader.read(executor)
        table = reader.table()
        table = table if work.times else without_times(table)
        table = table if where is None else chosen(table, where)
        answer = Fleet(table, guests, Gate(fail_on, allow_inconclusive))
        if outliers and not reader.interrupted:
            answer = replace(answer, forks=tuple(find_forks(answer.clusters, given, executor)))
    if output is not None:
        _write_table(table, output)
    _write(answer, output_format, width)
    return _INTERRUPTED if reader.interrupted else answer.ending.code


class _Reader:
    """Reads the runs of a fleet; Ctrl-C ends it, and leaves what was read."""

    def __init__(self, paths: FleetPaths, given: dict[str, Any], work: _Work) -> None:
        from tracetool.fleet.storage import read_fleet_table
        from tracetool.fleet.table import FleetRows
        from tracetool.library.row_cache import cache_folder

        self.interrupted = False
        self._rows = FleetRows()
        for path in paths.tables:
            self._rows.add_table(read_fleet_table(path))
        self._runs = paths.runs
        self._cache, self._resume, self._given = cache_folder(), work.resume, given
        if work.resume and self._cache is None:
            raise InputError("--resume: there is no home directory to keep results in; set XDG_CACHE_HOME")
        if not (self._runs or paths.tables or work.shard != (1, 1)):
            raise InputError("no run found: a folder holds neither run directories nor traces")
        self._left = dict.fromkeys(self._runs)
        self._cached = self._passed = 0

    def read(self, executor: Executor | None) -> None:
        """Read the runs, and say how it goes."""
        from tracetool.library.fleet import completed

        with _progress(len(self._runs)) as progress:
            try:
                for done in completed(self._tasks(), executor):
                    self._take(done)
                    progress(len(self._runs) - len(self._left))
            except KeyboardInterrupt:
                self.interrupted = True
        self._say()

    def _tasks(self) -> Iterator[Task]:
        from tracetool.library.fleet import Task

        for path, named in self._runs.items():
            yield Task(path, self._given, named, self._cache, self._resume)

    def _take(self, done: Done) -> None:
        del self._left[done.task.path]
        self._rows.add(done.rows)
        self._cached += done.cached
        self._passed += not done.rows

    def _say(self) -> None:
        if self._resume:
            read = len(self._runs) - len(self._left) - self._cached - self._passed
            common.say(f"{count_of(self._cached, 'run')} known from earlier, {read:,} read")
        if self._passed:
            common.say(f"passed over, since they are no traces: {count_of(self._passed, 'file')} in folders")
        if self.interrupted:
            common.tell(f"interrupted: {len(self._left):,} of {len(self._runs):,} runs were not read; --resume goes on")

    def table(self) -> pl.DataFrame:
        """The table of the fleet; runs that an interrupted fleet did not read are rows that say so."""
        from tracetool.fleet.table import not_read
        from tracetool.library.fleet import run_name

        self._rows.add(not_read(run_name(path)) for path in self._left)
        return self._rows.table()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left on a terminal; elsewhere a line a minute. A function that is told what is done."""
    if common.shows_bars():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("reading runs"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        begin = time.monotonic()
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task("", total=total, rate="")
            yield lambda done: bars.update(task, completed=done, rate=_rate(done, time.monotonic() - begin))
        return
    begin = said = time.monotonic()

    def line(done: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _REPORT_SECONDS:
            said = now
            left = (now - begin) / done * (total - done)
            common.say(f"{done:,} of {total:,} runs, {_rate(done, now - begin)}, about {left:,.0f} s left")

    yield line


def _rate(done: int, seconds: float) -> str:
    return f"{done / seconds:,.1f} a second" if seconds > 0 else ""


_NOT_GIVEN: tuple[object, ...] = (None, False, (), {}, "auto")
"""Values of options that were not given."""


def _check_output(output: str | None, found: FleetPaths) -> None:
    """UsageError where `-o` would replace a file that is no table of a fleet, or one that is read."""
    from tracetool.fleet.storage import is_fleet_table

    if output is None:
        return
    if output == common.STANDARD_OUTPUT:
        raise UsageError("-o -: standard output has the report; name a file for the table")
    path = user_path(output)
    if path.suffix.lower() in _REPORT_SUFFIXES:
        raise UsageError(f"{output}: -o writes the table as Parquet; for a report give --format, and redirect it")
    if path.is_file() and (not is_fleet_table(path) or any(path.samefile(table) for table in found.tables)):
        raise UsageError(
            f"{output}: is there already, and no table of an earlier fleet, or read by this one; name another"
        )


def _write_table(table: pl.DataFrame, output: str) -> None:
    """Write the table as Parquet."""
    from tracetool.cli.output import open_output
    from tracetool.fleet.storage import DESCRIPTION
    from tracetool.fleet.table import FLEET_SCHEMA
    from tracetool.report.frames import write_parquet_frames

    with open_output(output) as file:
        write_parquet_frames([table], FLEET_SCHEMA, file, lambda: dict(DESCRIPTION))


def _write(answer: Fleet, output_format: str, width: int | None) -> None:
    """Write the report to standard output."""
    from tracetool.cli.output import open_output
    from tracetool.report.fleet import fleet_csv, fleet_document, print_fleet
    from tracetool.report.formats.json import document_text

    if output_format == "text":
        print_fleet(answer, common.console(width))
        return
    if output_format == "html":
        from tracetool.report.fleet_page import write_fleet_page

        text = write_fleet_page(answer)
    else:
        text = document_text(fleet_document(answer)) if output_format == "json" else fleet_csv(answer)
    with open_output(None) as file:
        file.write(text.encode())
