"""`tracetool audit`: the verdict."""

from __future__ import annotations

import sys
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import click

from replay.backing import Policy
from tracetool.cli import common, following, options
from tracetool.cli.command import Choice, command
from tracetool.errors import UsageError
from tracetool.findings import WEAR_LIMIT, Severity
from tracetool.findings.registry import RuleOptions
from tracetool.library.keywords import ALL_POLICIES, parse_policy
from tracetool.report.formats import REPORTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracetool.audit import Audit
    from tracetool.ingest import TraceReader
    from tracetool.ingest.following import Following


@command()
@options.traces
@options.report_format(REPORTS, help=f"How to answer: {REPORTS.listed}.")
@options.output
@click.option(
    "--policy",
    type=Choice([*Policy, ALL_POLICIES]),
    help="What a file shorter than the region does with writes beyond it; all compares them.",
)
@options.guests
@options.fail_on
@click.option("--allow-inconclusive", is_flag=True, help="Exit code 0 instead of 4.")
@options.strict_silicon
@options.wear_limit
@options.follow_variables
@options.power_cuts
@following.follow
@following.fail_fast
@options.width
@options.reading_options
@options.device_options
def audit(
    *,
    traces: list[str],
    output: str | None,
    policy: Policy | str | None,
    follow: bool,
    fail_fast: bool,
    devices: options.DeviceOptions,
    **how: Any,  # noqa: ANN401  the other options, as `run_audit` calls them
) -> int:
    """Say whether the guest wrote outside the extent of its flash, with evidence.

    Exit code 0: nothing; 1: findings or a write outside; 4: the trace does not show everything.
    """
    if fail_fast and not follow:
        raise UsageError("--fail-fast ends a trace that is followed: give --follow")
    if not follow:
        return run_audit(traces, devices.given(), output=output, policy=policy, **how)
    for name, asked in (
        ("--policy all", policy == ALL_POLICIES),
        ("--variables", how["variables"]),
        ("--power-cuts", how["power_cuts"]),
    ):
        if asked:
            raise UsageError(f"{name} looks at the whole trace; leave out --follow")
    with following.following() as control:
        code = run_audit(
            traces, devices.given(), output=output, policy=policy, followed=control, fail_fast=fail_fast, **how
        )
    return following.INTERRUPTED if control.interrupted else code


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
    followed: Following | None = None,
    fail_fast: bool = False,
) -> int:
    """Audit the traces, write the report and return the exit code; `names` are those of the traces in the report.

    Raises:
        UsageError: the report is none for a terminal.
    """
    report = REPORTS[output_format]
    if report.unfit and output is None and sys.stdout.isatty():
        raise UsageError(f"--format {output_format} is {report.unfit}: give -o FILE, or redirect it")
    from tracetool.audit import Gate

    with common.opened(traces, reading, machine, following=followed, outputs=[output]) as trace:
        for reader, name in zip(trace.readers, names, strict=bool(names)):
            reader.meta.name = name
        if followed is not None:
            from tracetool.library.follow import follow_audit

            findings = following.Findings(fail_on, followed.stop if fail_fast else lambda: None)
            rules = RuleOptions(strict_silicon, wear_limit)
            chosen = parse_policy(policy)
            result = follow_audit(trace, followed, findings.say, rules, policy=chosen, guests=guests)
        else:
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
