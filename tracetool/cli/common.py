"""Shared by the commands: messages on standard error, consoles, traces with a progress bar."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext
from io import StringIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from tracetool.errors import UsageError
from tracetool.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rich.console import Console

    from tracetool.ingest.following import Following
    from tracetool.library.inputs import Progress
    from tracetool.library.trace import Trace


__all__ = [
    "STANDARD_OUTPUT",
    "Reading",
    "be_quiet",
    "check_table_format",
    "console",
    "opened",
    "printed",
    "progress",
    "say",
    "shows_bars",
    "tell",
]

STANDARD_OUTPUT = "-"


def check_table_format(output_format: str, output: str | None) -> None:
    """UsageError for a format that a terminal cannot show."""
    if output_format == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("--format parquet is binary: give -o FILE, or redirect it")


# --- talk on standard error --------------------------------------------------------------------------------------


class _Talk:
    """Verbosity of messages on standard error."""

    quiet = False


def be_quiet(value: bool) -> None:
    """Suppress messages on standard error, but for errors."""
    _Talk.quiet = value


def say(message: str) -> None:
    """One line to the person at the terminal."""
    if not _Talk.quiet:
        tell(message)


def tell(message: str) -> None:
    """Print one line on standard error, even with --quiet; control characters of names are escaped."""
    print(f"tracetool: {sanitize(' '.join(message.split()))}", file=sys.stderr)


def console(width: int | None = None, file: IO[str] | None = None) -> Console:
    """Console of text reports: `file`, or standard output, which has colours on a terminal."""
    from tracetool.cli.console import PlainConsole

    if file is None and sys.stdout.isatty():
        return PlainConsole(width=width)
    return PlainConsole(file=file, width=_file_width(width), color_system=None)


def printed(show: Callable[[Console], None], width: int | None = None) -> str:
    """A text report as it looks in a file."""
    text = StringIO()
    show(console(width, text))
    return text.getvalue()


_MAIL_WIDTH = 72


def _file_width(width: int | None) -> int:
    """Columns of a report in a file or a pipe: as asked for, as the environment has it, else as a mail."""
    columns = os.environ.get("COLUMNS", "")
    return width or (int(columns) if columns.isdecimal() and int(columns) else _MAIL_WIDTH)


class Reading(NamedTuple):
    """Options on how traces are read, as the library's keywords."""

    strict: bool = False
    input_format: str | None = None


@contextmanager
def opened(
    traces: Sequence[str],
    reading: Reading | None = None,
    machine: Mapping[str, Any] | None = None,
    *,
    following: Following | None = None,
    bar: bool = True,
    outputs: Iterable[str | Path | None] = (),
    inputs: Iterable[Path] = (),
) -> Iterator[Trace]:
    """The traces, open, with a progress bar on a terminal while they are read; without `bar` there is none.

    `machine` are the library's keywords on the machine. No file of `outputs` may be one that is read, those of
    `inputs` among them.
    """
    from tracetool.cli.log import say_what_is_logged
    from tracetool.ingest.inputs import keep_inputs
    from tracetool.library.trace import open as open_traces

    say_what_is_logged()
    options = dict(machine or {}) | (reading or Reading())._asdict()
    with _progress(traces) if bar and following is None and shows_bars() else nullcontext() as progress:
        trace = open_traces(*traces, **options, progress=progress, following=following)
        keep_inputs(outputs, [*trace.paths, *trace.options.files, *inputs])
        yield trace


def shows_bars() -> bool:
    """True where standard error is a terminal that is talked to."""
    return not _Talk.quiet and sys.stderr.isatty()


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, for work of known length: a function that is told what is done, and of how much."""
    if not shows_bars():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def _progress(traces: Sequence[str]) -> Iterator[Callable[[str], Progress]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:

        def report(path: str) -> Progress:
            task = bars.add_task("reading" if [path] == [*traces] else sanitize(Path(path).name), total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield report
