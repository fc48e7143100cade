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
    from tracetool.analysis.boots import parse_boot
    from tracetool.analysis.options import Options
    from tracetool.report.summary import print_summary, summarise

    chosen = Options(processes=frozenset(process), boot=parse_boot(boot))
    console = common.console(width)
    with common.opened(traces, reading) as readers:
        found = [summarise(reader, chosen) for reader in readers]
    for number, (reader, (summary, replayed)) in enumerate(zip(readers, found, strict=True)):
        if number:
            console.print()
        common.require_events([reader], summary.events)
        print_summary(reader, summary, replayed, console)
    common.warn_of_damage(readers)
