"""`tracetool operations` and `tracetool blocks`: the timeline, and what it did to each erase block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracetool.cli import common, following, options
from tracetool.cli.command import command
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from tracetool.audit import Audit
    from tracetool.audit.audit import SoFar


@command()
@options.traces
@options.where
@click.option("--rule", type=options.RULE, help="Only those that this rule speaks of.")
@options.table_format
@following.follow
@options.output
@options.reading_options
@options.device_options
def operations(
    *,
    traces: list[str],
    where: str | None,
    rule: str | None,
    output_format: str,
    follow: bool,
    output: str | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> int:
    """Write the timeline: one row for each flash operation, what it touched and how it ended."""
    from tracetool.cli.output import write_frame
    from tracetool.timeline.starts import elapsed

    common.check_table_format(output_format, output)
    if follow:
        return _follow(traces, where, rule, output_format, output, reading, devices)
    with common.opened(traces, reading, devices.given(), outputs=[output]) as trace:
        table = trace.operations(where, rule=rule).with_columns(t_ns=elapsed(trace.starts))
    write_frame(table, "operations", output_format, output, several=len(trace.paths) > 1)
    return 0


def _follow(
    traces: list[str],
    where: str | None,
    rule: str | None,
    output_format: str,
    output: str | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> int:
    """Write operations as they end."""
    from tracetool.cli.output import open_output
    from tracetool.library.follow import follow_audit
    from tracetool.library.inputs import warn_of_damage
    from tracetool.library.keywords import parse_where
    from tracetool.report.tables import TableRows
    from tracetool.timeline.starts import elapsed
    from tracetool.timeline.touched import FOUND, OF_OPERATIONS

    query = parse_where(where, "operations")
    later = rule is not None or (query is not None and not query.columns.isdisjoint((*OF_OPERATIONS, *FOUND)))
    if later or output_format == "parquet":
        raise UsageError("--follow writes operations as they end: in rows, and not by what is known of them later")
    with (
        following.following() as control,
        common.opened(traces, reading, devices.given(), following=control, outputs=[output]) as trace,
        open_output(output) as file,
    ):
        rows, seen = TableRows("operations", output_format, file), following.Operations()

        def write(audit: Audit | SoFar) -> None:
            starts = tuple(report.start_ns for report in audit.traces)
            new = seen.new(audit.operations).with_columns(t_ns=elapsed(starts))
            rows.write(new if query is None else new.filter(query.expression(starts)))
            file.flush()

        write(follow_audit(trace, control, write, keep_operations=True))
    warn_of_damage(trace.readers)
    return following.INTERRUPTED if control.interrupted else 0


@command()
@options.traces
@options.where
@options.table_format
@options.output
@click.option("--most-erased", is_flag=True, help="The most erased block first.")
@options.reading_options
@options.device_options
def blocks(
    *,
    traces: list[str],
    where: str | None,
    output_format: str,
    output: str | None,
    most_erased: bool,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """Write what was done to each erase block: erases, programs, bytes, first and last use."""
    from tracetool.cli.output import write_frame

    common.check_table_format(output_format, output)
    with common.opened(traces, reading, devices.given(), outputs=[output]) as trace:
        table = trace.blocks(where)
    if most_erased:
        table = table.sort("erases", "device", "block", descending=[True, False, False])
    write_frame(table, "blocks", output_format, output, several=len(trace.paths) > 1)
