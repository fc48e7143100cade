"""`tracetool info`: what is in a trace."""

from __future__ import annotations

from tracetool.cli import common


def info(traces: common.TracePaths, *, strict: common.Strict = False) -> None:
    """Say what is in a trace: how it was recorded, which devices, what was done to them, how well it reads."""
    from tracetool.report.summary import print_summary, summarise

    console = common.console()
    with common.opened(traces, strict=strict) as readers:
        found = [summarise(reader) for reader in readers]
    for number, (reader, (summary, replayed)) in enumerate(zip(readers, found, strict=True)):
        if number:
            console.print()
        common.require_events([reader], summary.events)
        print_summary(reader, summary, replayed, console)
    common.warn_of_damage(readers)
