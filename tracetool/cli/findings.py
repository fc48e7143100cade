"""`tracetool findings`: what the rules found, or every case of one rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import command

if TYPE_CHECKING:
    from replay.backing import Policy


@command()
@options.traces
@click.option("--rule", type=options.RULE, help="Every case of this rule.")
@options.where
@options.table_format
@options.output
@options.policy
@options.strict_silicon
@options.wear_limit
@options.follow_variables
@options.power_cuts
@options.reading_options
@options.device_options
def findings(
    *,
    traces: list[str],
    rule: str | None,
    where: str | None,
    output_format: str,
    output: str | None,
    policy: Policy | None,
    strict_silicon: bool,
    wear_limit: int,
    variables: bool,
    power_cuts: bool,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """List what the rules found; with --rule, every case of one rule instead of their sum."""
    from tracetool.cli.output import write_frame

    common.check_table_format(output_format, output)
    with common.opened(traces, reading, devices.given(), outputs=[output]) as trace:
        table = trace.findings(
            where,
            rule=rule,
            policy=policy,
            strict_silicon=strict_silicon,
            wear_limit=wear_limit,
            variables=variables,
            power_cuts=power_cuts,
        )
    write_frame(table, "findings", output_format, output, several=len(trace.paths) > 1)
