"""`tracetool who`: which guest code did what to the flash."""

from __future__ import annotations

import click

from tracetool.cli import common, options
from tracetool.cli.command import command


@command()
@options.traces
@click.option("--operations", is_flag=True, help="Every operation with its chain of callers, not sums by module.")
@options.where
@options.table_format
@options.output
@options.reading_options
@options.device_options
def who(
    *,
    traces: list[str],
    operations: bool,
    where: str | None,
    output_format: str,
    output: str | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """Say which guest code did what to the flash: by module, or with --operations the callers of each.

    TRACE is a run that was recorded with --who, or with --rr: that one is
    replayed first. The module named is the one that asked: the first in
    the chain of callers that is neither flash driver, variable driver,
    fault tolerant write nor a core.
    """
    from tracetool.cli.output import write_frame
    from tracetool.timeline.starts import elapsed

    common.check_table_format(output_format, output)
    if devices.who_log is None:
        _replay_recorded(traces)
    with common.opened(traces, reading, devices.given(), outputs=[output]) as trace:
        if operations:
            table = trace.operations(where).with_columns(t_ns=elapsed(trace.starts))
            trace.require_code()
        else:
            table = trace.who(where)
    write_frame(table, "callers" if operations else "modules", output_format, output, several=len(trace.paths) > 1)


def _replay_recorded(traces: list[str]) -> None:
    """Replay the runs that have a recording of QEMU's and no log of the guest's code."""
    from tracetool.library.inputs import named_traces
    from tracetool.runs.place import run_of

    for run in filter(None, map(run_of, named_traces(traces))):
        if run.run.who is None and run.run.replay_log is not None:
            from tracetool.recording.rerun import rerun_with_plugin

            begun, ended = run.run.started, run.run.ended
            took = f", which took {ended - begun:.0f} s" if begun is not None and ended is not None else ""
            common.say(
                f"{run.path}: replaying the run to learn of the guest's code; takes one to three times as long "
                f"as recording it{took}"
            )
            rerun_with_plugin(run)
