"""`tracetool powercut`: what the firmware does with a flash after a power cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import FILE, Choice, Text, command
from tracetool.errors import InputError, UsageError
from tracetool.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tracetool.uefi.boot import Firmware

_MOST_IMAGE = 1 << 30


def _names() -> Iterable[str]:
    from tracetool.uefi.boot import FIRMWARES

    return FIRMWARES


@command()
@click.option("--image", type=FILE, required=True, help="The flash of the UEFI variables, as the cut left it.")
@click.option(
    "--firmware",
    type=Text("NAME", _names),
    help="aavmf or ovmf, and its edk2 release: aavmf-2025.02. Without it, every firmware whose layout the image has.",
)
@click.option("--format", "output_format", type=Choice(["text", "json"]), default="text", help="How to write it.")
@options.output
@options.width
@options.quiet
def powercut(*, image: str, firmware: str | None, output_format: str, output: str | None, width: int | None) -> int:
    """Say what the firmware does with a flash image at its next boot: will it start, and with which variables?

    From a model of edk2's drivers that was held against boots of Debian 12's
    and 13's AAVMF and OVMF (without SMM); reasons name its rules. An image
    does not tell releases of a firmware apart, so without --firmware each
    of them has its answer.

    Exit code 0: it starts with all variables; 1: some are lost, or it does not start.
    """
    from tracetool.cli.output import open_output
    from tracetool.images import load_image
    from tracetool.ingest.inputs import keep_inputs
    from tracetool.report.formats.json import document_text
    from tracetool.report.next_boot import print_prospects, prospect_document
    from tracetool.uefi.boot.prospect import prospect

    path = user_path(image)
    keep_inputs([output], [path])
    contents = load_image(path, limit=_MOST_IMAGE)
    firmwares = _firmwares(contents, firmware, path)
    if output_format == "json" and len(firmwares) > 1:
        names = " or ".join(found.name for found in firmwares)
        raise UsageError(f"--format json is about one firmware, and {path} may be of several: give --firmware {names}")
    found = [prospect(contents.data, each) for each in firmwares]
    if output is None and output_format == "text":
        print_prospects(found, common.console(width))
    else:
        text = (
            document_text(prospect_document(found[0]))
            if output_format == "json"
            else common.printed(lambda console: print_prospects(found, console), width)
        )
        with open_output(output) as file:
            file.write(text.encode())
    return int(not all(each.is_safe for each in found))


def _firmwares(contents: NDArray[np.uint8], name: str | None, path: Path) -> list[Firmware]:
    """The firmware of that name, or those whose layout the image has."""
    from tracetool.uefi.boot import FIRMWARES, likely_firmwares

    if name is not None and name.casefold() not in FIRMWARES:
        raise UsageError(f"--firmware {name!r}: give one of {', '.join(FIRMWARES)}")
    found = likely_firmwares(contents) if name is None else [FIRMWARES[name.casefold()]]
    if not found:
        raise UsageError(f"{path} has the layout of no known firmware: give --firmware {' or '.join(FIRMWARES)}")
    if len(contents) < found[0].volume_bytes:
        need = found[0].volume_bytes
        raise InputError(
            f"{path}: the image is {len(contents):,} bytes long, and the volume of {found[0].name} {need:,}"
        )
    return found
