"""`tracetool export`: the same trace in another format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracetool.cli import common
from tracetool.cli.devices import DeviceOptions, takes_options
from tracetool.errors import UsageError
from tracetool.export.formats import FORMATS, format_of

if TYPE_CHECKING:
    from tracetool.export.formats import Format
    from tracetool.export.job import Job

_STANDARD_OUTPUT = "-"


def _complete_format(incomplete: str) -> list[str]:
    return [name for name in FORMATS if name.startswith(incomplete)]


@takes_options
def export(
    trace: common.TracePath,
    *,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Where to; - is standard output, with --format.")
    ],
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"What to write: {', '.join(FORMATS)}; without it the ending of FILE says so.",
            autocompletion=_complete_format,
        ),
    ] = None,
    reading: common.Reading,
    devices: DeviceOptions,
) -> None:
    """Write a trace in another format: simple, log and parquet are traces again, and parquet is the quickest to read.

    Perfetto shows the operations (ui.perfetto.dev), VCD the bus (GTKWave).
    What the trace lost stays known in the formats that are traces; whatever a
    format cannot hold is said on standard error.
    """
    chosen = _checked(trace, output, output_format, devices)
    from tracetool.cli.output import open_output, standard_output
    from tracetool.export.job import Job

    options = devices.session(keep_operations=True)
    with (
        common.opened([trace], reading) as readers,
        standard_output() if output == _STANDARD_OUTPUT else open_output(output) as file,
    ):
        job = Job(readers[0], options)
        remarks = chosen.write(job, file)
        # Inside, so that a file of that name stays what it was.
        _require_events(job)
    common.warn_of_damage(readers)
    for remark in remarks:
        common.say(f"{readers[0].meta.name}: {remark}")


def _checked(trace: str, output: str, output_format: str | None, devices: DeviceOptions) -> Format:
    """The format, where it and the other options can be meant together."""
    chosen = format_of(output, output_format)
    if output == _STANDARD_OUTPUT and chosen.binary and sys.stdout.isatty():
        raise UsageError(f"--format {chosen.name} is binary: give -o FILE, or redirect it")
    if output != _STANDARD_OUTPUT and _same(trace, output):
        raise UsageError(f"-o {output} is the trace itself; name another file")
    described = devices.described()
    if described and not chosen.replays:
        replaying = ", ".join(found.name for found in FORMATS.values() if found.replays)
        raise UsageError(f"{described[0]} says nothing to --format {chosen.name}; only {replaying} replays the trace")
    return chosen


def _same(trace: str, output: str) -> bool:
    try:
        return Path(trace).samefile(Path(output).expanduser())
    except (OSError, ValueError):
        return False


def _require_events(job: Job) -> None:
    common.require_events([job.reader], job.seen)
    if not job.events:
        raise UsageError(f"no event of a device {job.options.device!r} in the trace")
