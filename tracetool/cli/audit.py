"""`tracetool audit`: the verdict."""

from __future__ import annotations

import sys
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import click

from replay.backing import Policy
from tracetool.cli import common, options
from tracetool.cli.command import Choice, command
from tracetool.errors import UsageError
from tracetool.findings import WEAR_LIMIT, Severity
from tracetool.library.keywords import ALL_POLICIES
from tracetool.report.formats import REPORTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracetool.audit import Audit
    from tracetool.ingest import TraceReader


@command()
@options.traces
@click.option(
    "--format",
    "output_format",
    type=Choice(REPORTS),
    default="text",
    help=f"How to answer: {REPORTS.listed}.",
)
@options.output
@click.option(
    "--policy",
    type=Choice([*Policy, ALL_POLICIES]),
    help="What a file shorter than the region does with writes beyond it; all compares them.",
)
@options.guests
@click.option(
    "--fail-on",
    type=Choice(sorted(Severity, reverse=True)),
    default=Severity.ERROR.label,
    help="Least severity that gives exit code 1. What is wrong with the trace itself (TRC) gives 4.",
)
@click.option("--allow-inconclusive", is_flag=True, help="Exit code 0 instead of 4.")
@options.strict_silicon
@options.wear_limit
@options.follow_variables
@options.power_cuts
@options.width
@options.reading_options
@options.device_options
def audit(
    *,
    traces: list[str],
    output: str | None,
    policy: Policy | str | None,
    devices: options.DeviceOptions,
    **how: Any,  # noqa: ANN401  the other options, as `run_audit` calls them
) -> int:
    """Say whether the guest wrote outside the extent of its flash, with evidence.

    Exit code 0: nothing; 1: findings or a write outside; 4: the trace does not show everything.
    """
    return run_audit(traces, devices.given(), output=output, policy=policy, **how)


def run_audit(
    traces: Sequence[str],
    machine: Mapping[str, Any] | None = None,
    *,
    output_format: str = "text",
    output: str | None = None,
    policy: Policy | str | None = None,
    guests: int = 1,
    fail_on: Severity = Severity.ERROR,
    allow_inconclusive: bool = False,
    reading: common.Reading | None = None,
    strict_silicon: bool = False,
    wear_limit: int = WEAR_LIMIT,
    variables: bool = False,
    power_cuts: bool = False,
    width: int | None = None,
    names: Sequence[str] = (),
) -> int:
    """Audit the traces, write the report and return the exit code; `names` are those of the traces in the report.

    Raises:
        UsageError: the report is none for a terminal.
    """
    report = REPORTS[output_format]
    if report.unfit and output is None and sys.stdout.isatty():
        raise UsageError(f"--format {output_format} is {report.unfit}: give -o FILE, or redirect it")
    from tracetool.audit import Gate

    with common.opened(traces, reading, machine, outputs=[output]) as trace:
        for reader, name in zip(trace.readers, names, strict=bool(names)):
            reader.meta.name = name
        result = trace.audit(
            policy=policy,
            guests=guests,
            strict_silicon=strict_silicon,
            wear_limit=wear_limit,
            variables=variables,
            power_cuts=power_cuts,
        )
    lines = _lines(result, trace.readers) if report.names_lines else {}
    result = replace(result, gate=Gate(fail_on, allow_inconclusive), lines=lines)
    _write(report.render(result, common.console(width, None if output is None else StringIO())), output)
    return result.ending.code


def _lines(audit: Audit, readers: Sequence[TraceReader]) -> dict[int, dict[int, int]]:
    """Look up the lines of the first event of each finding, by trace and seq."""
    from tracetool.ingest import LineReader

    needed: dict[int, set[int]] = {}
    for finding in audit.findings:
        if finding.first_seq is not None:
            needed.setdefault(finding.trace or 0, set()).add(finding.first_seq)
    return {
        number: reader.lines_of(seqs)
        for number, seqs in needed.items()
        if isinstance(reader := readers[number], LineReader)
    }


def _write(rendered: str | bytes, output: str | None) -> None:
    from tracetool.cli.output import open_output

    with open_output(output) as file:
        file.write(rendered if isinstance(rendered, bytes) else rendered.encode())
