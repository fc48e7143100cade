"""`tracetool verify`: is the model right about this trace?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracetool.cli import common
from tracetool.cli.devices import DeviceOptions, takes_options
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.verify import Verification

_FORMATS = ("text", "json")


def _complete_format(incomplete: str) -> list[str]:
    return [name for name in _FORMATS if name.startswith(incomplete)]


@takes_options
def verify(
    traces: common.TracePaths,
    *,
    after: Annotated[
        list[str] | None,
        typer.Option("--after", metavar="[DEV=]FILE", help="The image file as QEMU left it, to be compared."),
    ] = None,
    qemu_binary: Annotated[
        str | None,
        typer.Option("--qemu-binary", metavar="PATH", help="Drive the same accesses on this QEMU's flash too."),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=1, metavar="SECONDS", help="Drive it for so long at most; what is left is said."),
    ] = 300,
    output_format: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="How to answer: text or json.", autocompletion=_complete_format
        ),
    ] = "text",
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write it to FILE.", callback=common.named_file),
    ] = None,
    width: common.Width = None,
    reading: common.Reading,
    devices: DeviceOptions,
) -> None:
    """Hold the model against the trace, against the image after it, and against a real QEMU's flash.

    Says what was proved, what was not, and where the first difference stands.

    Exit code 0: all that was compared is equal; 1: images or devices differ; 4: the trace proves nothing.
    """
    from tracetool.verify import verify as verify_traces

    if output_format not in _FORMATS:
        raise UsageError(f"--format {output_format!r}: give one of {', '.join(_FORMATS)}")
    options = devices.session()
    images = _images(after)
    common.keep_inputs([output], [*traces, *options.images.values(), *images.values()])
    with common.opened(traces, reading) as readers:
        found = verify_traces(readers, options, after=images, program=qemu_binary, seconds=seconds)
    common.require_events(readers, sum(trace.events for trace in found.traces))
    _write(found, output_format, output, width)
    raise typer.Exit(found.exit_code)


def _images(given: list[str] | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in given or ():
        device, path = common.output_file(text, "--after")
        if device in found:
            raise UsageError(f"--after is given twice for {device or 'the same device'}")
        found[device] = path
    return found


def _write(found: Verification, output_format: str, output: str | None, width: int | None) -> None:
    from tracetool.cli.output import standard_output, write_text

    if output is None and output_format == "text":
        from tracetool.report.verification import print_verification

        print_verification(found, common.console(width))
        return
    text = _rendered(found, output_format, width)
    if output is not None:
        write_text(output, text)
        return
    with standard_output() as file:
        file.write(text.encode())


def _rendered(found: Verification, output_format: str, width: int | None) -> str:
    """The report as it looks in a file."""
    from tracetool.report.verification import print_verification, write_verification

    if output_format == "json":
        return write_verification(found)
    return common.printed(lambda console: print_verification(found, console), width)
