"""`tracetool wear`: what each boot costs the variable store, and when that is reclaimed, full and worn out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import Choice, command

if TYPE_CHECKING:
    from tracetool.audit.wear import WearForecast


@command()
@options.traces
@click.option(
    "--endurance",
    type=click.IntRange(min=1),
    metavar="N",
    help="Erases that a block is good for; else those in the data sheet of the chip that QEMU's identifiers name.",
)
@click.option(
    "--format",
    "output_format",
    type=Choice(["text", "json", "csv"]),
    default="text",
    help="How to write it; csv has one row a boot.",
)
@options.output
@options.width
@options.reading_options
@options.device_options
def wear(
    *,
    traces: list[str],
    endurance: int | None,
    output_format: str,
    output: str | None,
    width: int | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """Forecast the wear of the UEFI variable store: bytes and erases a boot, the next reclaim, the life of the blocks.

    It takes two boots that follow one another: two traces, one trace of both, or run directories. More boots show how
    far they differ.
    """
    from tracetool.cli.output import open_output

    with common.opened(traces, reading, devices.given(), outputs=[output]) as trace:
        found = trace.wear(endurance=endurance)
    with open_output(output) as file:
        file.write(_text(found, output_format, width).encode())


def _text(found: WearForecast, output_format: str, width: int | None) -> str:
    from tracetool.report.formats.json import document_text
    from tracetool.report.wear import print_wear, wear_document

    if output_format == "json":
        return document_text(wear_document(found))
    if output_format == "csv":
        return found.wear.boots.write_csv()
    return common.printed(lambda console: print_wear(found, console), width)
