"""`tracetool events`: the canonical events."""

from __future__ import annotations

from tracetool.cli import common
from tracetool.cli.devices import takes_options
from tracetool.errors import UsageError


@takes_options
def events(
    trace: common.TracePath,
    *,
    where: common.Where = None,
    output_format: common.TableFormat = "table",
    output: common.Output = None,
    device: common.DeviceName = None,
    reading: common.Reading,
) -> None:
    """Write the pflash events of a trace, every one with its number, whichever way it was recorded."""
    from tracetool.cli.output import goes_to_a_file, open_output, standard_output
    from tracetool.ingest.provenance import describe
    from tracetool.report.frames import write_frames

    common.check_table_format(output_format, output)
    common.keep_inputs([output], [trace])
    query = common.parse_where(where, "events")
    # Rows that appear on the terminal as they are read, or in a pager there, are progress enough.
    bar = output is not None or goes_to_a_file()
    with (
        common.opened([trace], reading, bar=bar) as readers,
        standard_output() if output is None else open_output(output) as file,
    ):
        reader = readers[0]
        count = write_frames(
            reader.chunks(),
            output_format,
            file,
            device=device,
            query=query,
            describe=lambda: describe(reader.meta, reader.health, reader.health.events),
        )
        # Inside, so that a file of that name stays what it was.
        common.require_events(readers, reader.health.events)
        if not count and query is None:
            raise UsageError(f"no event of a device {device!r} in the trace")
    common.warn_of_damage(readers)
