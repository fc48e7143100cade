"""`tracetool info`: what is in a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.cli import common

if TYPE_CHECKING:
    from rich.console import Console

    from tracetool.ingest import TraceReader
    from tracetool.report.summary import TraceSummary


def info(traces: common.TracePaths, *, strict: common.Strict = False) -> None:
    """Say what is in a trace: how it was recorded, which devices, which events, how well it reads."""
    from tracetool.report.summary import summarise

    console = common.console()
    with common.opened(traces, strict=strict) as readers:
        summaries = [summarise(reader) for reader in readers]
    for number, (reader, summary) in enumerate(zip(readers, summaries, strict=True)):
        if number:
            console.print()
        common.require_events([reader], summary.events)
        _print(reader, summary, console)
    common.warn_of_damage(readers)


def _print(reader: TraceReader, summary: TraceSummary, console: Console) -> None:
    from tracetool.report.summary import print_summary

    print_summary(reader, summary, console)
