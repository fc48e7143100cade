"""`tracetool operations` and `tracetool blocks`: the timeline, and what it did to each erase block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracetool.cli import common
from tracetool.cli.devices import DeviceOptions, takes_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from tracetool.session.options import Options
    from tracetool.session.session import Replayed


@takes_options
def operations(
    traces: common.TracePaths,
    *,
    where: common.Where = None,
    output_format: common.TableFormat = "table",
    output: common.Output = None,
    reading: common.Reading,
    devices: DeviceOptions,
) -> None:
    """Write the timeline: one row for each flash operation, what it touched and how it ended."""
    from tracetool.timeline.starts import elapsed

    common.check_table_format(output_format, output)
    query = common.parse_where(where, "operations")
    options = devices.session(
        keep_operations=True,
    )
    common.keep_inputs([output], [*traces, *options.images.values()])
    replayed = _replay(traces, options, reading)
    table = replayed.operations()
    if query is not None:
        table = table.filter(query.expression(replayed.starts))
    table = table.with_columns(t_ns=elapsed(replayed.starts))
    _write(table, "operations", output_format, output, several=len(traces) > 1)


@takes_options
def blocks(
    traces: common.TracePaths,
    *,
    output_format: common.TableFormat = "table",
    output: common.Output = None,
    most_erased: Annotated[bool, typer.Option("--most-erased", help="The most erased block first.")] = False,
    reading: common.Reading,
    devices: DeviceOptions,
) -> None:
    """Write what was done to each erase block: erases, programs, bytes, first and last use."""
    import polars as pl

    from tracetool.timeline.blocks import BLOCKS_SCHEMA

    common.check_table_format(output_format, output)
    options = devices.session()
    common.keep_inputs([output], [*traces, *options.images.values()])
    replayed = _replay(traces, options, reading)
    tables = [
        found.blocks.table(name, found.extent.bytes if found.extent else None)
        for name, found in sorted(replayed.devices.items())
        if found.blocks is not None
    ]
    table = pl.concat([BLOCKS_SCHEMA.to_frame(), *tables])
    if most_erased:
        table = table.sort("erases", "device", "block", descending=[True, False, False])
    _write(table, "blocks", output_format, output, several=len(traces) > 1)


def _replay(traces: Sequence[str], options: Options, reading: common.Reading) -> Replayed:
    from tracetool.session.session import replay_readers

    with common.opened(traces, reading) as readers:
        replayed = replay_readers(readers, options)
    common.require_events(readers, sum(trace.events for trace in replayed.traces))
    common.warn_of_damage(readers)
    common.warn_of_disagreement(replayed)
    return replayed


def _write(table: pl.DataFrame, name: str, output_format: str, output: str | None, *, several: bool) -> None:
    from tracetool.cli.output import open_output, standard_output
    from tracetool.report.tables import write_table

    with standard_output() if output is None else open_output(output) as file:
        write_table(table, name, output_format, file, several=several)
