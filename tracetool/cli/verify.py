"""`tracetool verify`: is the model right about this trace?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import DEVICE_FILE, PROGRAM, command

if TYPE_CHECKING:
    from tracetool.verify import Verification


@command()
@options.traces
@click.option(
    "--after",
    multiple=True,
    type=DEVICE_FILE,
    help="The image file as QEMU left it, to be compared.",
)
@click.option("--qemu-binary", type=PROGRAM, help="Drive the same accesses on this QEMU's flash too.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=300,
    metavar="SECONDS",
    help="Drive it for so long at most; what is left is said.",
)
@options.report_format(["text", "json"], help="How to answer.")
@options.output
@options.width
@options.reading_options
@options.device_options
def verify(
    *,
    traces: list[str],
    after: tuple[str, ...],
    qemu_binary: str | None,
    seconds: float,
    output_format: str,
    output: str | None,
    width: int | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> int:
    """Hold the model against the trace, against the image after it, and against a real QEMU's flash.

    Says what was proved, what was not, and where the first difference stands.

    Exit code 0: all that was compared is equal; 1: images or devices differ; 4: the trace proves nothing.
    """
    options.by_device("--after", after)  # one for each device
    images = dict(options.output_file(text, "--after") for text in after)
    with common.opened(traces, reading, devices.given(), outputs=[output], inputs=images.values()) as trace:
        found = trace.verify(after=images, qemu_binary=qemu_binary, seconds=seconds)
    _write(found, output_format, output, width)
    return found.exit_code


def _write(found: Verification, output_format: str, output: str | None, width: int | None) -> None:
    if output is None and output_format == "text":
        from tracetool.report.verification import print_verification

        print_verification(found, common.console(width))
        return
    from tracetool.cli.output import open_output

    text = _rendered(found, output_format, width)
    with open_output(output) as file:
        file.write(text.encode())


def _rendered(found: Verification, output_format: str, width: int | None) -> str:
    """The report as it looks in a file."""
    from tracetool.report.verification import print_verification, write_verification

    if output_format == "json":
        return write_verification(found)
    return common.printed(lambda console: print_verification(found, console), width)
