"""Options that several commands take, and what they share in using them."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracetool.errors import UsageError
from tracetool.paths import user_path
from tracetool.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Console

    from replay.backing import Policy
    from tracetool.ingest import TraceReader
    from tracetool.ingest.chunk import Format
    from tracetool.session.options import Options
    from tracetool.session.session import Replayed
    from tracetool.timeline.query import Query


_INPUT_FORMATS: tuple[Format, ...] = ("text", "simple", "ctf", "parquet")


def _complete_board(incomplete: str) -> list[str]:
    from replay.boards import boards

    return [name for name in boards() if name.startswith(incomplete)]


def _complete_qemu(incomplete: str) -> list[str]:
    return [name for name in ("auto", "direct", "staged-at-count", "staged-at-data") if name.startswith(incomplete)]


def _complete_input_format(incomplete: str) -> list[str]:
    return [name for name in _INPUT_FORMATS if name.startswith(incomplete)]


def complete_policy(incomplete: str) -> list[str]:
    """Names of policies that begin like this."""
    return [name for name in ("padded", "discard", "volatile", "error") if name.startswith(incomplete)]


_TRACE_HELP = "A trace: log, simple or CTF, also packed; Parquet; a run directory; - for standard input."
TracePaths = Annotated[list[str], typer.Argument(metavar="TRACE", help=_TRACE_HELP + " Several are consecutive boots.")]

Image = Annotated[
    list[str] | None,
    typer.Option("--image", metavar="[DEV=]FILE", help="Contents before the trace.", rich_help_panel="Device options"),
]
Extent = Annotated[
    list[str] | None,
    typer.Option(
        "--extent",
        metavar="[DEV=]SIZE",
        help="How much of the flash the firmware calls its own.",
        rich_help_panel="Device options",
    ),
]
Board = Annotated[
    str | None,
    typer.Option(
        "--board",
        metavar="NAME",
        help="The QEMU board.",
        autocompletion=_complete_board,
        rich_help_panel="Device options",
    ),
]
GeometrySpec = Annotated[
    list[str] | None,
    typer.Option(
        "--geometry",
        metavar="DEV=SPEC",
        help="What the board does not say, or says wrongly: "
        "size=64M,block=256K,bank=4, chip=2,max-chip=2,endian=little, ids=89:18:0:0; any part may be left out.",
        rich_help_panel="Device options",
    ),
]
ReadOnly = Annotated[
    list[str] | None,
    typer.Option("--read-only", metavar="DEV", help="The device is read-only.", rich_help_panel="Device options"),
]
Writable = Annotated[
    list[str] | None,
    typer.Option(
        "--writable",
        metavar="DEV",
        help="The device is writable, where the trace does not tell.",
        rich_help_panel="Device options",
    ),
]
Qemu = Annotated[
    str,
    typer.Option(
        "--qemu",
        metavar="QEMU",
        help="When buffered writes are stored: a release such as 9.0.2, direct, staged-at-count, staged-at-data, "
        "or auto, which finds it in the trace.",
        autocompletion=_complete_qemu,
        rich_help_panel="Device options",
    ),
]
DeviceName = Annotated[
    str | None,
    typer.Option("--device", metavar="DEV", help="Look at this device alone.", rich_help_panel="Device options"),
]
ProcessNumbers = Annotated[
    list[int] | None,
    typer.Option(
        "--process",
        min=0,
        metavar="PID",
        help="Look at this QEMU's events alone, where the trace holds those of several.",
        rich_help_panel="Device options",
    ),
]
BootNumber = Annotated[
    str | None,
    typer.Option(
        "--boot",
        metavar="N",
        help="Look at this boot alone, by the column boot, from 0; last: those of QEMU's last start.",
        rich_help_panel="Device options",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first line or record that is not understood.")]
InputFormat = Annotated[
    str | None,
    typer.Option(
        "--input-format",
        metavar="FORMAT",
        help="What the trace is, where it is not recognised: text, simple, ctf or parquet.",
        autocompletion=_complete_input_format,
    ),
]
PolicyName = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="POLICY",
        help="What a file shorter than the region does with writes beyond it: padded, discard, volatile or error.",
        autocompletion=complete_policy,
    ),
]


_TABLE_FORMATS = ("table", "csv", "jsonl", "parquet")


def _complete_table_format(incomplete: str) -> list[str]:
    return [name for name in _TABLE_FORMATS if name.startswith(incomplete)]


Where = Annotated[
    str | None,
    typer.Option("--where", metavar="QUERY", help="Only rows like these: 'offset >= 768K and length > 4'."),
]
TableFormat = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="How to write them: table, csv, jsonl or parquet.",
        autocompletion=_complete_table_format,
    ),
]
STANDARD_OUTPUT = "-"


def named_file(output: str | None) -> str | None:
    """The file that `-o` names; None where it is standard output."""
    return None if output == STANDARD_OUTPUT else output


Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write them to FILE.", callback=named_file),
]


Width = Annotated[
    int | None,
    typer.Option(
        "--width", min=20, metavar="N", help="Columns of the report; else the terminal's, COLUMNS, or 72 in a file."
    ),
]
StrictSilicon = Annotated[
    bool, typer.Option("--strict-silicon", help="What a real chip would refuse (NOR) is an error, not a note.")
]
WearLimit = Annotated[
    int | None,
    typer.Option("--wear-limit", min=0, metavar="N", help="Note a block that was erased more than N times (10)."),
]


def wear_limit(given: int | None) -> int:
    """The limit given, or the usual one."""
    from tracetool.findings import WEAR_LIMIT

    return WEAR_LIMIT if given is None else given


_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,15}|[0-9]{1,18}", re.ASCII)


def parse_number(text: str, name: str) -> int:
    """The number of an event or a trace, decimal or hex; UsageError for anything else."""
    if not _NUMBER.fullmatch(text):
        raise UsageError(f"{name} {text!r} is not a number; write 4370 or 0x1112")
    return int(text, 0) if text.startswith("0x") else int(text)


def check_table_format(output_format: str, output: str | None) -> None:
    """UsageError for a format that does not exist, or one that a terminal cannot show."""
    if output_format not in _TABLE_FORMATS:
        raise UsageError(f"--format {output_format!r}: give one of {', '.join(_TABLE_FORMATS)}")
    if output_format == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("--format parquet is binary: give -o FILE, or redirect it")


def parse_where(text: str | None, table: str) -> Query | None:
    """The query of `--where` on a table; QueryError, a UsageError, if it is none."""
    if text is None:
        return None
    from tracetool.timeline.query import VOCABULARIES, parse

    return parse(text, next(vocabulary for vocabulary in VOCABULARIES if vocabulary.name == table))


def parse_policy(text: str | None, *others: str) -> Policy | None:
    """The policy of this name; UsageError, which lists them and what else the option takes, if there is none."""
    from replay.backing import Policy

    if text is None:
        return None
    names = {policy.label: policy for policy in Policy}
    if text not in names:
        raise UsageError(f"--policy {text!r}: give one of {', '.join([*names, *others])}")
    return names[text]


def make_options(
    *,
    image: list[str] | None,
    extent: list[str] | None,
    board: str | None,
    geometry: list[str] | None,
    read_only: list[str] | None,
    writable: list[str] | None,
    qemu: str,
    device: str | None,
    process: list[int] | None = None,
    boot: str | None = None,
    policy: str | None = None,
    at: int | None = None,
    keep_operations: bool = False,
) -> Options:
    """The session's options from the command line's; UsageError where they are wrong."""
    from tracetool.session.boots import parse_boot
    from tracetool.session.options import Options, parse_behaviour, parse_board

    return Options(
        images={name: user_path(value) for name, value in _by_device("--image", image).items()},
        extents={name: _size("--extent", value) for name, value in _by_device("--extent", extent).items()},
        board=None if board is None else parse_board(board),
        geometries=_by_device("--geometry", geometry, spec=True),
        read_only=frozenset(read_only or ()),
        writable=frozenset(writable or ()),
        behaviour=parse_behaviour(qemu),
        device=device,
        processes=frozenset(process or ()),
        boot=parse_boot(boot),
        policy=parse_policy(policy),
        at=at,
        keep_operations=keep_operations,
    )


def _by_device(option: str, values: Sequence[str] | None, *, spec: bool = False) -> dict[str, str]:
    """`DEV=VALUE` taken apart. A geometry's value has `=` of its own, a file's name may have."""
    from tracetool.session.options import ANY_DEVICE, split_device

    taken: dict[str, str] = {}
    for text in values or ():
        device, value = split_device(text)
        if (spec and device in _SPEC_PARTS) or (option in _OF_FILES and device != ANY_DEVICE and "/" in device):
            device, value = ANY_DEVICE, text
        if not value:
            raise UsageError(f"{option} {text!r} has no value")
        if device in taken:
            raise UsageError(f"{option} is given twice for {device or 'the same device'}")
        taken[device] = value
    return taken


def _size(option: str, text: str) -> int:
    from tracetool.sizes import parse_size

    try:
        return parse_size(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from error


_OF_FILES = ("--image", "--write-image", "--storage", "--after")
"""Options whose value is a file, the name of which may hold a `=`."""

_SPEC_PARTS = ("size", "block", "bank", "chip", "max-chip", "endian", "ids")


def keep_inputs(outputs: Iterable[str | Path | None], inputs: Iterable[str | Path]) -> None:
    """UsageError where a command would write over a file that it reads, or twice to one file."""
    from tracetool.ingest.inputs import keep_inputs as keep

    keep(outputs, inputs)


def run_folder(output: str | None) -> str | None:
    """The directory that `-o` names for a run; UsageError where it is standard output."""
    if output == STANDARD_OUTPUT:
        raise UsageError("-o -: a run is a directory; name one")
    return output


def output_file(text: str, option: str) -> tuple[str, Path]:
    """`[DEV=]FILE` of an option: device (or any) and path; UsageError for a standard stream."""
    ((device, value),) = _by_device(option, [text]).items()
    if value == STANDARD_OUTPUT:
        raise UsageError(f"{option} -: an image is a file of its own; give FILE")
    return device, user_path(value)


# --- talk on standard error --------------------------------------------------------------------------------------


class _Talk:
    """Whether the person at the terminal wants to hear more than the answer and errors."""

    quiet = False


def _be_quiet(value: bool) -> bool:
    _Talk.quiet = value
    return value


Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", callback=_be_quiet, help="Say nothing on standard error but errors.")
]


def say(message: str) -> None:
    """One line to the person at the terminal."""
    if not _Talk.quiet:
        tell(message)


def tell(message: str) -> None:
    """One line on standard error whether or not it is wanted, harmless whatever names stand in it."""
    print(f"tracetool: {plain(' '.join(message.split()))}", file=sys.stderr)


def console(width: int | None = None) -> Console:
    """Where text reports go: standard output, with its colours only on a terminal."""
    from tracetool.cli.console import PlainConsole

    if sys.stdout.isatty():
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


@dataclass(frozen=True)
class Reading:
    """What the command line says of how traces are to be read."""

    strict: bool = False
    input_format: str | None = None
    quiet: bool = False

    def open(self, path: str, progress: Callable[[int, int | None], None] | None = None) -> TraceReader:
        """The trace at `path`, open; UsageError where there is no such format."""
        from tracetool.ingest import open_trace

        names = {name: name for name in _INPUT_FORMATS}
        if self.input_format is not None and self.input_format not in names:
            raise UsageError(f"--input-format {self.input_format!r}: give one of {', '.join(names)}")
        form = None if self.input_format is None else names[self.input_format]
        file = path if path == "-" else str(user_path(path))
        return open_trace(file, input_format=form, strict=self.strict, progress=progress)


@contextmanager
def opened(
    paths: Sequence[str], reading: Reading | None = None, *, bar: bool = True, names: Sequence[str] | None = None
) -> Iterator[list[TraceReader]]:
    """The traces, open, with a progress bar on a terminal while they are read; without `bar` there is none.

    `names` are what they are called in messages and reports, else their paths.
    """
    from replay.compiling import add_listener

    reading = reading or Reading()
    add_listener(_say_compiling)
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
    """The traces; what is one trace in several files is one, and it is said."""
    if len(readers) < 2:  # noqa: PLR2004
        return readers
    from tracetool.ingest.parts import combine

    combined = combine(readers)
    if len(combined) < len(readers):
        say(f"{combined[0].meta.name}: {combined[0].meta.reason.partition(':')[0]}, read as one trace")
    return combined


def _say_compiling(name: str) -> None:
    say(f"compiling {name} for this machine: some seconds, this once")


@contextmanager
def _progress(count: int) -> Iterator[Callable[[str], Callable[[int, int | None], None]]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def report(path: str) -> Callable[[int, int | None], None]:
            task = bars.add_task(plain(Path(path).name) if count > 1 else "reading", total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield report


def warn_of_damage(readers: Sequence[TraceReader]) -> None:
    """Say what could not be read, once for each trace."""
    from tracetool.findings.words import events_lost

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
            say(f"{name}: {stores_unknown(device)}")


def require_events(readers: Sequence[TraceReader], events: int) -> None:
    """A trace without a pflash event has no answer in it; InputError that says how to get one.

    Where several are consecutive boots, one without events is a boot that nobody traced.
    """
    from tracetool.errors import InputError
    from tracetool.findings.words import count_of
    from tracetool.ingest.strangers import what_lines_are

    silent = readers if not events else [reader for reader in readers if not reader.health.events]
    for reader in silent:
        what = what_lines_are(reader.health)
        if what is not None:
            raise InputError(f"{reader.meta.name}: is {what}")
    if silent:
        names = ", ".join(reader.meta.name for reader in silent)
        seen = count_of(sum(reader.health.lines for reader in silent), silent[0].meta.unit)
        raise InputError(f"{names}: no pflash event in {seen}; start QEMU with -trace 'pflash*'")
