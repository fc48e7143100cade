"""`tracetool events`: the canonical events."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tracetool.cli import common
from tracetool.errors import UsageError

_FORMATS = ("table", "csv", "jsonl", "parquet")


def _complete_format(incomplete: str) -> list[str]:
    return [name for name in _FORMATS if name.startswith(incomplete)]


def events(
    trace: common.TracePath,
    *,
    output_format: Annotated[
        str,
        typer.Option(
            "--format", metavar="table|csv|jsonl|parquet", help="How to write them.", autocompletion=_complete_format
        ),
    ] = "table",
    output: Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="Write them to FILE.")] = None,
    device: common.DeviceName = None,
    strict: common.Strict = False,
) -> None:
    """Write the pflash events of a trace, every one with its number, whichever way it was recorded."""
    from tracetool.cli.output import open_output, standard_output
    from tracetool.report.frames import write_frames

    if output_format not in _FORMATS:
        raise UsageError(f"--format {output_format!r}: give one of {', '.join(_FORMATS)}")
    if output_format == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("--format parquet is binary: give -o FILE, or redirect it")
    with (
        common.opened([trace], strict=strict) as readers,
        standard_output() if output is None else open_output(output) as file,
    ):
        count = write_frames(readers[0].chunks(), output_format, file, device=device)
        # Inside, so that a file of that name stays what it was.
        common.require_events(readers, readers[0].health.events)
        if not count:
            raise UsageError(f"no event of a device {device!r} in the trace")
    common.warn_of_damage(readers)
