"""`tracetool blame`: which operation put a byte of the flash there, and which guest code."""

from __future__ import annotations

import click

from tracetool.cli import common, options
from tracetool.cli.command import command
from tracetool.errors import UsageError


@command()
@options.traces
@click.argument("place", metavar="OFFSET[..END]", help="The bytes: 0x1c8, 768K, 0x100..0x180; the end is exclusive.")
@click.option("--at", metavar="[N:]SEQ", help="At the moment after this event, as in explain; else at the end.")
@options.table_format
@options.output
@options.reading_options
@options.device_options
def blame(
    *,
    traces: list[str],
    place: str,
    at: str | None,
    output_format: str,
    output: str | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """Say which operation put bytes of the flash there.

    One row a range: the operation that stored it last, and the first one
    of this value: programs that changed nothing are passed over, and so
    are copies, for which the firmware erases its variable store and
    writes it again. A run that was recorded with --who names the code
    that asked for both too.
    """
    from tracetool.cli.output import write_frame
    from tracetool.timeline.starts import elapsed

    common.check_table_format(output_format, output)
    start, end = _range(place)
    with common.opened(traces, reading, devices.given(), outputs=[output]) as trace:
        table = trace.blame(start, end, at=at).with_columns(t_ns=elapsed(trace.starts))
    write_frame(table, "blame", output_format, output, several=len(trace.paths) > 1)


def _range(text: str) -> tuple[int, int | None]:
    """Start and end of a range of bytes; UsageError where it is none."""
    from tracetool.sizes import parse_size

    low, dots, high = text.partition("..")
    if not low or bool(dots) != bool(high) or ".." in high:
        raise UsageError(f"{text!r}: write OFFSET, or OFFSET..END, the end exclusive")
    start, end = parse_size(low), parse_size(high) if dots else None
    if end is not None and end <= start:
        raise UsageError(f"{text}: the end of the bytes is exclusive, and behind their start")
    return start, end
