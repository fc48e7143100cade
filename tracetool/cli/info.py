"""`tracetool info`: what is in a trace."""

from __future__ import annotations

from contextlib import nullcontext

from tracetool.cli import common, following, options
from tracetool.cli.command import command


@command()
@options.traces
@following.follow
@options.process
@options.boot
@options.width
@options.reading_options
def info(
    *,
    traces: list[str],
    follow: bool,
    process: tuple[int, ...],
    boot: str | None,
    width: int | None,
    reading: common.Reading,
) -> int:
    """Say what is in a trace: how it was recorded, which devices, what was done to them, how well it reads."""
    from tracetool.ingest.foreign import require_events
    from tracetool.library.inputs import warn_of_damage
    from tracetool.report.summary import print_summary, summarise

    console = common.console(width)
    chosen = {"process": process, "boot": boot}
    with (
        following.following() if follow else nullcontext() as control,
        common.opened(traces, reading, chosen, following=control) as trace,
    ):
        if control is not None:
            control.prompt = False  # nothing is said before the end
        found = [summarise(reader, trace.options) for reader in trace.readers]
    for number, (reader, (summary, replayed)) in enumerate(zip(trace.readers, found, strict=True)):
        if number:
            console.print()
        require_events([reader], summary.events)
        print_summary(reader, summary, replayed, console)
    warn_of_damage(trace.readers)
    return following.INTERRUPTED if control is not None and control.interrupted else 0
