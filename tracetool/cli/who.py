"""`tracetool who`: which guest code did what to the flash."""

from __future__ import annotations

import click

from tracetool.cli import common, options
from tracetool.cli.command import Text, command
from tracetool.paths import user_path


@command()
@options.traces
@click.option("--operations", is_flag=True, help="Every operation with its chain of callers, not sums by module.")
@options.where
@click.option("--log", type=Text("FILE", "file"), help="The plugin's log, where TRACE is no run directory.")
@click.option("--code", type=Text("FILE", "file"), help="The firmware's code, which names modules; as for --log.")
@options.table_format
@options.output
@options.reading_options
@options.device_options
def who(
    *,
    traces: list[str],
    operations: bool,
    where: str | None,
    log: str | None,
    code: str | None,
    output_format: str,
    output: str | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """Say which guest code did what to the flash: by module, or with --operations the callers of each.

    TRACE is a run that was recorded with --who. The module named is the
    one that asked: the first in the chain of callers that is neither
    flash driver, variable driver, fault tolerant write nor a core.
    """
    from tracetool.cli.output import write_frame
    from tracetool.timeline.starts import elapsed

    common.check_table_format(output_format, output)
    files = [user_path(name) for name in (log, code) if name is not None]
    with common.opened(traces, reading, devices.given(), outputs=[output], inputs=files) as trace:
        if operations:
            table = trace.callers(where, log=log, code=code).with_columns(t_ns=elapsed(trace.starts))
        else:
            table = trace.who(where, log=log, code=code)
    write_frame(table, "callers" if operations else "modules", output_format, output, several=len(trace.paths) > 1)
