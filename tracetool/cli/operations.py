"""`tracetool operations` and `tracetool blocks`: the timeline, and what it did to each erase block."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import command
from tracetool.cli.rules import rule_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from tracetool.analysis.options import Options
    from tracetool.analysis.session import Replayed
    from tracetool.ingest import TraceReader


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
    from tracetool.timeline.starts import elapsed

    common.check_table_format(output_format, output)
    query = common.parse_where(where, "operations")
    session = devices.session(keep_operations=True)
    common.keep_inputs([output], [*traces, *session.images.values()])
    replayed, cases = _audited(traces, session, reading, rule)
    table = replayed.operations()
    if cases is not None:
        table = _with_cases(table, cases)
    if query is not None:
        table = table.filter(query.expression(replayed.starts))
    table = table.with_columns(t_ns=elapsed(replayed.starts))
    _write(table, "operations", output_format, output, several=len(traces) > 1)


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
    import polars as pl

    from tracetool.timeline.blocks import BLOCKS_SCHEMA

    common.check_table_format(output_format, output)
    query = common.parse_where(where, "blocks")
    session = devices.session()
    common.keep_inputs([output], [*traces, *session.images.values()])
    replayed = _replay(traces, session, reading)
    tables = [
        found.blocks.table(name, found.extent.bytes if found.extent else None)
        for name, found in sorted(replayed.devices.items())
        if found.blocks is not None
    ]
    table = pl.concat([BLOCKS_SCHEMA.to_frame(), *tables])
    if query is not None:
        table = table.filter(query.expression(replayed.starts))
    if most_erased:
        table = table.sort("erases", "device", "block", descending=[True, False, False])
    _write(table, "blocks", output_format, output, several=len(traces) > 1)


def _audited(
    traces: Sequence[str], session: Options, reading: common.Reading, rule: str | None
) -> tuple[Replayed, pl.DataFrame | None]:
    """The replayed devices; with a rule also its cases, a row each of `FINDINGS_SCHEMA`."""
    if rule is None:
        return _replay(traces, session, reading), None
    from tracetool.audit.audit import audit_replayed
    from tracetool.report.tables import findings_frame

    wanted = rule_named(rule).id
    with common.opened(traces, reading) as readers:
        replayed, result = audit_replayed(readers, replace(session, keep_occurrences=True))
    _warn(readers, replayed)
    return replayed, findings_frame((found for found in result.findings if found.rule == wanted), each=True)


def _with_cases(table: pl.DataFrame, cases: pl.DataFrame) -> pl.DataFrame:
    """The operations that share an event with a case. Those of a device follow one another in a trace."""
    import numpy as np
    import polars as pl

    chosen = np.zeros(table.height, np.bool_)
    for (device, trace), part in cases.drop_nulls("first_seq").group_by("device", "trace"):
        mine = (pl.col("device").cast(pl.String) == device) & (pl.col("trace") == trace)
        rows = table.select(pl.arg_where(mine)).to_series().to_numpy()
        first = np.searchsorted(table["last_seq"][rows], part["first_seq"])
        end = np.searchsorted(table["first_seq"][rows], part["last_seq"], side="right")
        steps = np.bincount(first, minlength=len(rows) + 1) - np.bincount(end, minlength=len(rows) + 1)
        chosen[rows] = steps.cumsum()[:-1] > 0
    return table.filter(chosen)


def _replay(traces: Sequence[str], session: Options, reading: common.Reading) -> Replayed:
    from tracetool.analysis.session import replay_readers

    with common.opened(traces, reading) as readers:
        replayed = replay_readers(readers, session)
    _warn(readers, replayed)
    return replayed


def _warn(readers: Sequence[TraceReader], replayed: Replayed) -> None:
    common.require_events(readers, sum(trace.events for trace in replayed.traces))
    common.warn_of_damage(readers)
    common.warn_of_disagreement(replayed)


def _write(table: pl.DataFrame, name: str, output_format: str, output: str | None, *, several: bool) -> None:
    from tracetool.cli.output import open_output
    from tracetool.report.tables import write_table

    with open_output(output) as file:
        write_table(table, name, output_format, file, several=several)
