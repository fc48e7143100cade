"""`tracetool events`: the canonical events."""

from __future__ import annotations

from tracetool.cli import common, options
from tracetool.cli.command import command
from tracetool.errors import UsageError


@command()
@options.traces
@options.where
@options.table_format
@options.output
@options.device
@options.process
@options.boot
@options.reading_options
def events(
    *,
    traces: list[str],
    where: str | None,
    output_format: str,
    output: str | None,
    device: str | None,
    process: tuple[int, ...],
    boot: str | None,
    reading: common.Reading,
) -> None:
    """Write the pflash events of traces, every one with its number, whichever way they were recorded."""
    from tracetool.cli.output import goes_to_a_file, open_output
    from tracetool.ingest.concatenated import described
    from tracetool.ingest.foreign import require_events
    from tracetool.library.inputs import warn_of_damage
    from tracetool.library.keywords import parse_where
    from tracetool.report.frames import write_frames
    from tracetool.timeline.touched import TOUCHED

    common.check_table_format(output_format, output)
    query = parse_where(where, "events")
    # Rows that appear on the terminal as they are read, or in a pager there, are progress enough.
    bar = output is not None or goes_to_a_file()
    chosen = {"process": process, "boot": boot}
    with common.opened(traces, reading, chosen, bar=bar, outputs=[output]) as trace, open_output(output) as file:
        chosen_by_variable = query is not None and not query.columns.isdisjoint(TOUCHED)
        count = write_frames(
            trace.chunks_with_operations() if chosen_by_variable else trace.chunks(),
            output_format,
            file,
            device=device,
            query=query,
            describe=lambda: described(trace.readers),
            several=len(trace.readers) > 1,
        )
        # Inside, so that a file of that name stays what it was.
        require_events(trace.readers, sum(reader.health.events for reader in trace.readers))
        if not count and query is None:
            raise UsageError(f"no event of a device {device!r} in the trace")
    warn_of_damage(trace.readers)
