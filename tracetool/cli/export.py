"""`tracetool export` and `tracetool merge`: the same trace in another format, or in one file."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import FILE, Choice, command
from tracetool.errors import UsageError
from tracetool.export.formats import FORMATS, format_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.export.formats import ExportFormat
    from tracetool.ingest import TraceReader
    from tracetool.library.trace import Trace


@command()
@options.traces
@click.option("-o", "--output", required=True, type=FILE, help="Where to; - is standard output, with --format.")
@click.option(
    "--format",
    "output_format",
    type=Choice(FORMATS),
    help=f"What to write; without it the ending of FILE says so: {FORMATS.listed}.",
)
@options.reading_options
@options.device_options
def export(
    *,
    traces: list[str],
    output: str,
    output_format: str | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """Write a trace in another format: as a trace again, as rows, or for another viewer.

    Several traces become one, with the boots of all of them.
    What the trace lost stays known in the formats that are traces; whatever a
    format cannot hold is said on standard error.
    """
    chosen = checked_format(output, output_format, devices.described())
    with common.opened(traces, reading, devices.given(), outputs=[output]) as trace:
        write_trace(trace, trace.readers, chosen, output)


@command()
@options.traces
@click.option("-o", "--output", required=True, type=FILE, help="Where to; - is standard output, with --format.")
@click.option("--format", "output_format", type=Choice(FORMATS), help="What to write; else the ending of FILE says so.")
@options.reading_options
def merge(*, traces: list[str], output: str, output_format: str | None, reading: common.Reading) -> None:
    """Join the parts of a log that was rotated, in their order, or merge the logs of one QEMU's threads by time.

    Traces that are neither are boots of one machine, which export writes one after the other.
    """
    chosen = checked_format(output, output_format, ())
    with common.opened(traces, reading, outputs=[output]) as trace:
        if len(traces) < 2 or len(trace.readers) > 1:  # noqa: PLR2004  one alone is whole
            raise UsageError(
                "these are not parts of one log, nor logs of one QEMU's threads; "
                "consecutive boots are written one after the other by export"
            )
        common.say(f"{trace.readers[0].meta.name}: {trace.readers[0].meta.reason.partition(':')[0]}")
        write_trace(trace, trace.readers, chosen, output)


def write_trace(trace: Trace, readers: Sequence[TraceReader], chosen: ExportFormat, output: str) -> None:
    """Write readers of a trace, or of a part of it, to a file; what it does not hold is said."""
    from tracetool.cli.output import open_output
    from tracetool.export.job import Job
    from tracetool.ingest.concatenated import ConcatenatedTraces
    from tracetool.ingest.foreign import require_events
    from tracetool.library.inputs import warn_of_damage

    with open_output(None if output == common.STANDARD_OUTPUT else output) as file:
        job = Job(
            ConcatenatedTraces(readers) if len(readers) > 1 else readers[0],
            replace(trace.options, keep_operations=True),
        )
        remarks = chosen.write(job, file)
        # Inside, so that an older file of that name is kept.
        require_events(readers, job.seen)
        if not job.events:
            raise UsageError(f"no event of a device {job.options.device!r} in the trace")
    warn_of_damage(trace.readers)
    if job.left_out:
        remarks.append(
            f"{job.left_out:,} events that were not chosen are left out, and missing to an audit of the file"
        )
    for remark in remarks:
        common.say(f"{job.reader.meta.name}: {remark}")


def checked_format(output: str, output_format: str | None, described: Sequence[str]) -> ExportFormat:
    """The format, where it and the other options can be meant together."""
    chosen = format_of(output, output_format)
    if output == common.STANDARD_OUTPUT and chosen.binary and sys.stdout.isatty():
        raise UsageError(f"--format {chosen.name} is binary: give -o FILE, or redirect it")
    if described and not chosen.replays:
        replaying = ", ".join(found.name for found in FORMATS.values() if found.replays)
        raise UsageError(f"{described[0]} says nothing to --format {chosen.name}; only {replaying} replays the trace")
    return chosen
