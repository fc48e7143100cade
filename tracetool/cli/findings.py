"""`tracetool findings`: what the rules found, or every case of one rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from tracetool.cli import common
from tracetool.cli.devices import DeviceOptions, takes_options
from tracetool.cli.rules import complete_rule, rule_named


@takes_options
def findings(
    traces: common.TracePaths,
    *,
    rule: Annotated[
        str | None,
        typer.Option("--rule", metavar="RULE", help="Every case of this rule.", autocompletion=complete_rule),
    ] = None,
    where: common.Where = None,
    output_format: common.TableFormat = "table",
    output: common.Output = None,
    policy: common.PolicyName = None,
    strict_silicon: common.StrictSilicon = False,
    wear_limit: common.WearLimit = None,
    reading: common.Reading,
    devices: DeviceOptions,
) -> None:
    """List what the rules found; with --rule, every case of one rule instead of their sum."""
    from tracetool.audit import audit
    from tracetool.cli.output import open_output, standard_output
    from tracetool.report.tables import findings_frame, write_table

    common.check_table_format(output_format, output)
    query = common.parse_where(where, "findings")
    wanted = None if rule is None else rule_named(rule).id
    options = devices.session(
        policy=policy,
    )
    common.keep_inputs([output], [*traces, *options.images.values()])
    with common.opened(traces, reading) as readers:
        result = audit(
            readers,
            replace(options, keep_occurrences=wanted is not None),
            strict_silicon=strict_silicon,
            wear_limit=common.wear_limit(wear_limit),
        )
    common.require_events(readers, sum(trace.events for trace in result.traces))
    found = [finding for finding in result.findings if wanted in (None, finding.rule)]
    table = findings_frame(found, each=wanted is not None)
    if query is not None:
        table = table.filter(query.expression(()))
    with standard_output() if output is None else open_output(output) as file:
        write_table(table, "findings", output_format, file, several=len(traces) > 1)
