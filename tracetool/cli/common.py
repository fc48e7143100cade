"""Shared by the commands: parsing of numbers and queries, messages on standard error, consoles, open traces."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tracetool.errors import UsageError
from tracetool.ingest.foreign import require_events
from tracetool.ingest.inputs import keep_inputs
from tracetool.paths import user_path
from tracetool.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from tracetool.analysis.session import Replayed
    from tracetool.ingest import TraceReader
    from tracetool.timeline.query import Query


__all__ = [
    "STANDARD_OUTPUT",
    "Reading",
    "be_quiet",
    "check_table_format",
    "console",
    "keep_inputs",
    "opened",
    "parse_number",
    "parse_where",
    "printed",
    "require_events",
    "say",
    "tell",
    "warn_of_damage",
    "warn_of_disagreement",
]

STANDARD_OUTPUT = "-"


def parse_number(text: str, name: str) -> int:
    """The number of an event or a trace, decimal or hex; UsageError for anything else."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,15}|[0-9]{1,18}", text):
        raise UsageError(f"{name} {text!r} is not a number; write 4370 or 0x1112")
    return int(text, 0) if text.startswith("0x") else int(text)


def check_table_format(output_format: str, output: str | None) -> None:
    """UsageError for a format that a terminal cannot show."""
    if output_format == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("--format parquet is binary: give -o FILE, or redirect it")


def parse_where(text: str | None, table: str) -> Query | None:
    """The query of `--where` on a table; QueryError, a UsageError, if it is none."""
    if text is None:
        return None
    from tracetool.timeline.query import VOCABULARIES, parse

    return parse(text, next(vocabulary for vocabulary in VOCABULARIES if vocabulary.name == table))


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
    """One line on standard error whether or not it is wanted, harmless whatever names stand in it."""
    print(f"tracetool: {sanitize(' '.join(message.split()))}", file=sys.stderr)


def console(width: int | None = None, *, file: bool = False) -> Console:
    """Console of text reports: standard output, with colours only on a terminal, and as for a file with `file`."""
    from tracetool.cli.console import PlainConsole

    if sys.stdout.isatty() and not file:
        return PlainConsole(width=width)
    return PlainConsole(width=_file_width(width), color_system=None)


def printed(show: Callable[[Console], None], width: int | None = None) -> str:
    """A text report as it looks in a file."""
    from io import StringIO

    from tracetool.cli.console import PlainConsole

    text = StringIO()
    show(PlainConsole(file=text, width=_file_width(width), color_system=None))
    return text.getvalue()


_MAIL_WIDTH = 72


def _file_width(width: int | None) -> int:
    """Columns of a report in a file or a pipe: as asked for, as the environment has it, else as a mail."""
    columns = os.environ.get("COLUMNS", "")
    return width or (int(columns) if columns.isdecimal() and int(columns) else _MAIL_WIDTH)


class Reading(NamedTuple):
    """Options of the command line for reading traces."""

    strict: bool = False
    input_format: str | None = None

    def open(self, path: str, progress: Callable[[int, int | None], None] | None = None) -> TraceReader:
        """The trace at `path`, open."""
        from tracetool.ingest import open_trace

        file = path if path == STANDARD_OUTPUT else str(user_path(path))
        return open_trace(file, input_format=self.input_format, strict=self.strict, progress=progress)


@contextmanager
def opened(
    paths: Sequence[str], reading: Reading | None = None, *, bar: bool = True, names: Sequence[str] | None = None
) -> Iterator[list[TraceReader]]:
    """The traces, open, with a progress bar on a terminal while they are read; without `bar` there is none.

    `names` are what they are called in messages and reports, else their paths.
    """
    reading = reading or Reading()
    if paths.count("-") > 1:
        raise UsageError("standard input can be read only once")
    if _Talk.quiet or not (bar and sys.stderr.isatty()):
        yield _combined(_named([reading.open(path) for path in paths], names))
        return
    with _progress(len(paths)) as report:
        yield _combined(_named([reading.open(path, report(path)) for path in paths], names))


def _named(readers: list[TraceReader], names: Sequence[str] | None) -> list[TraceReader]:
    for reader, name in zip(readers, names or (), strict=names is not None):
        reader.meta.name = name
    return readers


def _combined(readers: list[TraceReader]) -> list[TraceReader]:
    """The traces, with those that are parts of one combined; a message names them."""
    if len(readers) < 2:  # noqa: PLR2004
        return readers
    from tracetool.ingest.split_logs import combine_logs

    combined = combine_logs(readers)
    if len(combined) < len(readers):
        say(f"{combined[0].meta.name}: {combined[0].meta.reason.partition(':')[0]}, read as one trace")
    return combined


@contextmanager
def _progress(count: int) -> Iterator[Callable[[str], Callable[[int, int | None], None]]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def report(path: str) -> Callable[[int, int | None], None]:
            task = bars.add_task(sanitize(Path(path).name) if count > 1 else "reading", total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield report


def warn_of_damage(readers: Sequence[TraceReader]) -> None:
    """Say what could not be read, once for each trace."""
    from tracetool.findings.phrases import events_lost

    for reader in readers:
        health, name, unit = reader.health, reader.meta.name, reader.meta.unit
        if health.damaged:
            first = health.first_damaged[0]
            say(
                f"{name}: {health.damaged:,} of {health.lines:,} {unit}s not understood, "
                f"first at {unit} {first.number:,} ({first.reason})"
            )
        if health.truncated is not None:
            say(f"{name}: {health.truncated}")
        elif health.unterminated and not health.damaged:
            say(f"{name}: the last line has no newline: the file may have been cut there")
        lost = events_lost(health)
        if lost:
            say(f"{name}: {lost}, says the trace itself")


def warn_of_disagreement(replayed: Replayed) -> None:
    """Say where what is shown is not to be trusted: from where model and trace part, or all of the programs."""
    from tracetool.audit.verdict import stores_unknown

    for name, device in replayed.devices.items():
        for notes in device.notes:
            if notes.disagreement is not None:
                say(f"{name}: model and trace disagree from event {notes.disagreement.seq} on (TRC001)")
        if not device.stores_known:
            say(f"{name}: {stores_unknown(device).text}")
