"""Arguments and options that several commands take: each is declared once, as a decorator."""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from replay.backing import Policy
from replay.behaviour import Behaviour
from replay.boards import boards
from tracetool.analysis.options import ANY_DEVICE, split_device
from tracetool.cli.command import DEVICE_FILE, FILE, Choice, DeviceOption, Text
from tracetool.cli.common import STANDARD_OUTPUT, Reading, be_quiet
from tracetool.errors import UsageError
from tracetool.findings import RULES, WEAR_LIMIT, Severity
from tracetool.ingest.formats import FORMATS
from tracetool.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    Function = Callable[..., Any]


traces = click.argument(
    "traces",
    nargs=-1,
    required=True,
    metavar="TRACE...",
    type=FILE,
    help=f"A trace, also packed: {', '.join(FORMATS.about.values())}; a run directory; - for standard input. "
    "Several are consecutive boots.",
)

RULE = Text("RULE", lambda: RULES)

# --- what was traced ---------------------------------------------------------------------------------------------

_about = partial(click.option, cls=DeviceOption)

_DECLARED: dict[str, dict[str, Any]] = {
    "--image": {"multiple": True, "type": DEVICE_FILE, "help": "Contents before the trace."},
    "--extent": {
        "multiple": True,
        "metavar": "[DEV=]SIZE",
        "help": "How much of the flash the firmware calls its own.",
    },
    "--board": {"type": Text("NAME", boards), "help": "The QEMU board."},
    "--geometry": {
        "multiple": True,
        "metavar": "DEV=SPEC",
        "help": "What the board does not say, or says wrongly; some of "
        "size=64M,block=256K,bank=4, endian=little,ids=89:18:0:0, chip=2,max-chip=2.",
    },
    "--read-only": {"multiple": True, "metavar": "DEV", "help": "The device is read-only."},
    "--writable": {
        "multiple": True,
        "metavar": "DEV",
        "help": "The device is writable, where the trace does not tell.",
    },
    "--qemu": {
        "default": "auto",
        "type": Text("QEMU", lambda: ["auto", *(behaviour.label for behaviour in Behaviour if behaviour)]),
        "help": "When buffered writes are stored: a release such as 9.0.2, direct, staged-at-count, staged-at-data, "
        "or auto, which finds it in the trace.",
    },
    "--device": {"metavar": "DEV", "help": "Look at this device alone."},
    "--process": {
        "multiple": True,
        "type": click.IntRange(min=0),
        "metavar": "PID",
        "help": "Look at this QEMU's events alone, where the trace holds those of several.",
    },
    "--boot": {
        "metavar": "N",
        "help": "Look at this boot alone, by the column boot, from 0; last: those of QEMU's last start.",
    },
    "--who-log": {
        "type": Text("FILE", "file"),
        "help": "The log of the guest's code, where TRACE is not the run directory that has it.",
    },
    "--code": {
        "type": Text("FILE", "file"),
        "help": "The firmware's code, which names modules; as for --who-log.",
    },
    "--symbols": {
        "type": Text("DIR", "dir"),
        "help": "ELF files of the firmware's build, which tell functions and lines of the code.",
    },
}
"""Options about the traced machine, by name; the arguments are those of `click.option`."""

device, process, boot = (_about(name, **_DECLARED[name]) for name in ("--device", "--process", "--boot"))
_DEVICE_OPTIONS = tuple(_about(name, **declared) for name, declared in _DECLARED.items())


class DeviceOptions(NamedTuple):
    """Device options of the command line, as text; the fields are named after the options."""

    image: tuple[str, ...]
    extent: tuple[str, ...]
    board: str | None
    geometry: tuple[str, ...]
    read_only: tuple[str, ...]
    writable: tuple[str, ...]
    qemu: str
    device: str | None
    process: tuple[int, ...]
    boot: str | None
    who_log: str | None
    code: str | None
    symbols: str | None

    def described(self) -> list[str]:
        """The options given, by name, but for `--device`, `--process` and `--boot`, which only select."""
        given = ("image", "extent", "board", "geometry", "read_only", "writable", "who_log", "code", "symbols")
        names = [name for name in given if getattr(self, name)]
        return [f"--{name.replace('_', '-')}" for name in names] + ["--qemu"] * (self.qemu != "auto")

    def given(self) -> dict[str, Any]:
        """The library's keywords on the machine; UsageError where a device's option is not one."""
        by_name = {name: by_device(f"--{name}", getattr(self, name)) for name in ("image", "extent", "geometry")}
        return self._asdict() | by_name


def by_device(option: str, values: Sequence[str]) -> dict[str, str]:
    """Split `DEV=VALUE` into device and value. A geometry's value has a `=` too, a file's name may have one."""
    taken: dict[str, str] = {}
    for text in values:
        name, value = split_device(text)
        if name in _SPEC_PARTS if option == "--geometry" else option in _OF_FILES and "/" in name:
            name, value = ANY_DEVICE, text
        if not value:
            raise UsageError(f"{option} {text!r} has no value")
        if text.startswith("="):
            raise UsageError(f"{option} {text!r} names no device; leave out the =")
        if name in taken:
            raise UsageError(f"{option} is given twice for {name or 'the same device'}")
        taken[name] = value
    return taken


_OF_FILES = ("--image", "--write-image", "--storage", "--after")
"""Options whose value is a file, the name of which may hold a `=`."""

_SPEC_PARTS = ("size", "block", "bank", "chip", "max-chip", "endian", "ids")


def output_file(text: str, option: str) -> tuple[str, Path]:
    """`[DEV=]FILE` of an option: device (or any) and path; UsageError for a standard stream."""
    ((name, value),) = by_device(option, [text]).items()
    if value == STANDARD_OUTPUT:
        raise UsageError(f"{option} -: an image is a file of its own; give FILE")
    return name, user_path(value)


who = click.option(
    "--who", is_flag=True, help="Log which guest code makes each access, by a plugin in QEMU; see tracetool who."
)
# --- how it is read ----------------------------------------------------------------------------------------------

quiet = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda _context, _parameter, value: be_quiet(value),
    help="Say nothing on standard error but errors.",
)
_READING_OPTIONS = (
    click.option("--strict", is_flag=True, help="Stop at the first line or record that is not understood."),
    click.option(
        "--input-format",
        type=Choice(FORMATS),
        help="What the trace is, where it is not recognised.",
    ),
)


def group(
    name: str, make: type[Any], options: Sequence[Callable[[Function], Function]], *, prefix: str = ""
) -> Callable[[Function], Function]:
    """A decorator that gives a command these options; it gets them as one argument, a `make` of their values.

    `make` is a NamedTuple with a field for each option, whose name is that of the field behind `prefix`.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def grouped(**given: Any) -> Any:  # noqa: ANN401  whatever the command takes
            given[name] = make(**{field: given.pop(prefix + field) for field in make._fields})
            return function(**given)

        command: Function = grouped
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


device_options = group("devices", DeviceOptions, _DEVICE_OPTIONS)


def device_options_of(side: str) -> Callable[[Function], Function]:
    """Device options of one of two traces, as `--a-image`: the command gets them as `of_a`. The help leaves them out.

    Without one of its own, the trace has what the option without the side says.
    """
    own = [
        _about(f"--{side}-{name[2:]}", **declared | {"default": None, "hidden": True})
        for name, declared in _DECLARED.items()
    ]
    return group(f"of_{side}", DeviceOptions, own, prefix=f"{side}_")


def for_side(both: DeviceOptions, own: DeviceOptions) -> DeviceOptions:
    """The options of one side: its own where it has them, else those of both."""
    return both._replace(**{name: value for name, value in own._asdict().items() if value})


_reading = group("reading", Reading, _READING_OPTIONS)


def reading_options(function: Function) -> Function:
    """Give a command the options on how traces are read, and --quiet."""
    return _reading(quiet(function))


# --- where the answer goes -----------------------------------------------------------------------------------


def _named_file(given: str) -> str | None:
    """The file that `-o` names; None where it is standard output."""
    return None if given == STANDARD_OUTPUT else given


output = click.option("-o", "--output", type=Text("FILE", "file", _named_file), help="Write it to FILE.")


def _named_folder(given: str) -> str:
    """The directory that `-o` names for a run; UsageError where it is standard output."""
    if given == STANDARD_OUTPUT:
        raise UsageError("-o -: a run is a directory; name one")
    return given


def run_folder(*, help: str) -> Callable[[Function], Function]:  # noqa: A002  as click calls it
    """`-o` for the directory of a run."""
    return click.option("-o", "--output", type=Text("DIR", "dir", _named_folder), help=help)


def report_format(
    names: Iterable[str],
    help: str = "How to write it.",  # noqa: A002  as click calls it
) -> Callable[[Function], Function]:
    """`--format`, by default the first of the names."""
    return click.option("--format", "output_format", type=Choice(names), default=next(iter(names)), help=help)


table_format = report_format(["table", "csv", "jsonl", "parquet"], help="How to write them.")
where = click.option("--where", metavar="QUERY", help="Only rows like these: 'offset >= 768K and length > 4'.")
width = click.option(
    "--width",
    type=click.IntRange(min=20),
    metavar="N",
    help="Columns of the report; else the terminal's, COLUMNS, or 72 in a file.",
)
policy = click.option(
    "--policy", type=Choice(Policy), help="What a file shorter than the region does with writes beyond it."
)
strict_silicon = click.option(
    "--strict-silicon", is_flag=True, help="What a real chip would refuse (NOR) is an error, not a note."
)
follow_variables = click.option(
    "--variables", is_flag=True, help="Follow the UEFI variable store too, for the rules about it (VAR)."
)
power_cuts = click.option(
    "--power-cuts",
    is_flag=True,
    help="Cut the power at every commit to the UEFI variables, for the rules about it (CUT); see powercut.",
)
wear_limit = click.option(
    "--wear-limit",
    type=click.IntRange(min=0),
    default=WEAR_LIMIT,
    metavar="N",
    help="Note a block that was erased more than N times.",
)
guests = click.option(
    "--guests",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="How many guests the saving is worked out for.",
)
fail_on = click.option(
    "--fail-on",
    type=Choice(sorted(Severity, reverse=True)),
    default=Severity.ERROR.label,
    help="Least severity that gives exit code 1. What is wrong with the trace itself (TRC) gives 4.",
)


def _shard(text: str) -> tuple[int, int]:
    """`K/N`: part K of N."""
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise UsageError(f"--shard {text}: write K/N, as 1/4 to 4/4")
    return int(part), int(parts)


def shard(of: str) -> Callable[[Function], Function]:
    """`--shard` for a part of some things, as two numbers."""
    return click.option(
        "--shard", type=Text("K/N", lambda: (), _shard), default="1/1", help=f"Part K of N of the {of}."
    )
