"""`tracetool info`: what is in a trace."""

from __future__ import annotations

from tracetool.cli import common, options
from tracetool.cli.command import command


@command()
@options.traces
@options.process
@options.boot
@options.width
@options.reading_options
def info(
    *,
    traces: list[str],
    process: tuple[int, ...],
    boot: str | None,
    width: int | None,
    reading: common.Reading,
) -> None:
    """Say what is in a trace: how it was recorded, which devices, what was done to them, how well it reads."""
    from tracetool.ingest.foreign import require_events
    from tracetool.library.inputs import warn_of_damage
    from tracetool.report.summary import print_summary, summarise

    console = common.console(width)
    with common.opened(traces, reading, {"process": process, "boot": boot}) as trace:
        found = [summarise(reader, trace.options) for reader in trace.readers]
    for number, (reader, (summary, replayed)) in enumerate(zip(trace.readers, found, strict=True)):
        if number:
            console.print()
        require_events([reader], summary.events)
        print_summary(reader, summary, replayed, console)
    warn_of_damage(trace.readers)
