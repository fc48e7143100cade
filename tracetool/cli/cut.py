"""`tracetool cut`: a part of a trace, as a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import DEVICE_FILE, FILE, Choice, command
from tracetool.cli.export import checked_format, write_trace
from tracetool.errors import UsageError
from tracetool.export.formats import FORMATS
from tracetool.findings.phrases import count_of

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.library.parts import Part
    from tracetool.library.trace import Trace


@command()
@click.argument("trace", type=FILE, metavar="TRACE", help="A trace or a run directory.")
@click.option("--from", "first", metavar="SEQ", help="The first event, also in hex; without it that of the trace.")
@click.option("--to", "last", metavar="SEQ", help="The last event; without it that of the trace.")
@click.option(
    "--shrink", type=options.RULE, help="Only the fewest operations that still give this rule's first finding."
)
@click.option("-o", "--output", required=True, type=FILE, help="Where to; - is standard output, with --format.")
@click.option("--format", "output_format", type=Choice(FORMATS), help="What to write; else the ending of FILE says so.")
@click.option(
    "--write-image", multiple=True, type=DEVICE_FILE, help="With --from: the image file as it is when the part begins."
)
@options.reading_options
@options.device_options
def cut(
    *,
    trace: str,
    first: str | None,
    last: str | None,
    shrink: str | None,
    output: str,
    output_format: str | None,
    write_image: tuple[str, ...],
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """Write a part of a trace, as a trace: what is needed to show something, and no more.

    The part holds whole operations, those of each device from a reset on. What was left out counts as lost in an
    audit, so that none of a part says that nothing is outside.
    """
    if shrink is None and first is None and last is None:
        raise UsageError("say which part: --from, --to or --shrink")
    if shrink is not None and (first is not None or last is not None or write_image):
        raise UsageError("--shrink takes from the whole trace; leave out --from, --to and --write-image")
    chosen = checked_format(output, output_format, ())
    files = [options.output_file(text, "--write-image") for text in write_image]
    with common.opened([trace], reading, devices.given(), outputs=[output, *(path for _, path in files)]) as opened:
        part = _shrunk(opened, shrink) if shrink is not None else _between(opened, first, last, files)
        write_trace(opened, [part.reader], chosen, output)


def _between(trace: Trace, first: str | None, last: str | None, files: list[tuple[str, Path]]) -> Part:
    from tracetool.images import write_image
    from tracetool.library.parts import cut as part_of

    part = part_of(trace, first or 0, last)
    begins = ", ".join(f"{name} from event {seq}" for name, seq in part.begins.items())
    common.say(f"{part.kept:,} of {count_of(part.whole, 'operation')}: {begins}")
    for name, path in files:
        if name and name not in part.begins:
            raise UsageError(f"--write-image {name}: the part has no device {name!r}; it has {', '.join(part.begins)}")
        begin = part.begins[name] if name else max(part.begins.values())
        if not begin:
            raise UsageError("--write-image: the part begins with the trace, before which its --image was the file")
        write_image(path, trace.image(name, at=begin - 1))
        common.say(f"wrote {path}")
    return part


def _shrunk(trace: Trace, rule: str) -> Part:
    from tracetool.library.parts import shrunk

    with common.progress("shrinking") as progress:
        part, found = shrunk(trace, rule, progress=progress)
    common.say(f"{part.kept:,} of {count_of(part.whole, 'operation')} still give {found.rule}: {found.message}")
    return part
