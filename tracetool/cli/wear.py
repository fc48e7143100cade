"""`tracetool wear`: what each boot costs the variable store, and when that is reclaimed, full and worn out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import FILE, command
from tracetool.errors import UsageError
from tracetool.paths import user_path

if TYPE_CHECKING:
    import polars as pl

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
    "--against",
    type=FILE,
    help="A trace (-trace 'uefi_*') of a guest with its variables in QEMU's uefi-vars device: compare the last boots.",
)
@options.report_format(["text", "json", "csv"], help="How to write it; csv has one row a boot.")
@options.output
@options.width
@options.reading_options
@options.device_options
def wear(
    *,
    traces: list[str],
    endurance: int | None,
    against: str | None,
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
    if against is not None and output_format == "csv":
        raise UsageError("--format csv has the boots of the flash alone; leave out --against, or give --format json")
    others = [] if against is None else [user_path(against)]
    with common.opened(traces, reading, devices.given(), outputs=[output], inputs=others) as trace:
        found = trace.wear(endurance=endurance)
    backends = None if against is None else _backends(found, against, reading)
    _write(found, backends, output_format, output, width)


def _backends(found: WearForecast, against: str, reading: common.Reading) -> pl.DataFrame:
    from tracetool.audit.backends import compare_backends

    with common.opened([against], reading) as other:
        return compare_backends(found.wear, other.uefi_requests())


def _write(
    found: WearForecast, backends: pl.DataFrame | None, output_format: str, output: str | None, width: int | None
) -> None:
    from tracetool.cli.output import open_output
    from tracetool.report.formats.json import document_text
    from tracetool.report.wear import print_wear, wear_document

    if output_format == "text" and output is None:
        print_wear(found, common.console(width), backends)
        return
    if output_format == "json":
        text = document_text(wear_document(found, backends))
    elif output_format == "csv":
        text = found.wear.boots.write_csv()
    else:
        text = common.printed(lambda console: print_wear(found, console, backends), width)
    with open_output(output) as file:
        file.write(text.encode())
