"""`tracetool operations` and `tracetool blocks`: the timeline, and what it did to each erase block."""

from __future__ import annotations

import click

from tracetool.cli import common, options
from tracetool.cli.command import command


@command()
@options.traces
@options.where
@click.option("--rule", type=options.RULE, help="Only those that this rule speaks of.")
@options.table_format
@options.output
@options.reading_options
@options.device_options
def operations(
    *,
    traces: list[str],
    where: str | None,
    rule: str | None,
    output_format: str,
    output: str | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """Write the timeline: one row for each flash operation, what it touched and how it ended."""
    from tracetool.cli.output import write_frame
    from tracetool.timeline.starts import elapsed

    common.check_table_format(output_format, output)
    with common.opened(traces, reading, devices.given(), outputs=[output]) as trace:
        table = trace.operations(where, rule=rule).with_columns(t_ns=elapsed(trace.starts))
    write_frame(table, "operations", output_format, output, several=len(trace.paths) > 1)


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
