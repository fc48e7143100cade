"""`tracetool findings`: what the rules found, or every case of one rule."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import command
from tracetool.cli.rules import rule_named

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
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """List what the rules found; with --rule, every case of one rule instead of their sum."""
    from tracetool.audit import audit
    from tracetool.cli.output import open_output
    from tracetool.report.tables import findings_frame, write_table

    common.check_table_format(output_format, output)
    query = common.parse_where(where, "findings")
    wanted = None if rule is None else rule_named(rule).id
    session = devices.session(policy=policy)
    common.keep_inputs([output], [*traces, *session.images.values()])
    with common.opened(traces, reading) as readers:
        result = audit(
            readers,
            replace(session, keep_occurrences=wanted is not None),
            strict_silicon=strict_silicon,
            wear_limit=wear_limit,
        )
    common.require_events(readers, sum(trace.events for trace in result.traces))
    found = [finding for finding in result.findings if wanted in (None, finding.rule)]
    table = findings_frame(found, each=wanted is not None)
    if query is not None:
        table = table.filter(query.expression(()))
    with open_output(output) as file:
        write_table(table, "findings", output_format, file, several=len(traces) > 1)
