"""`tracetool audit`: the verdict."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from replay.backing import Policy
from tracetool.analysis.options import Options
from tracetool.cli import common, options
from tracetool.cli.command import Choice, command
from tracetool.errors import UsageError
from tracetool.findings import WEAR_LIMIT, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.audit import Audit, Gate
    from tracetool.ingest import TraceReader


class _Answer(NamedTuple):
    """What the reports are made of."""

    audit: Audit
    readers: Sequence[TraceReader]
    gate: Gate
    width: int | None


# --- each format as it looks in a file ---------------------------------------------------------------------------


def _text(answer: _Answer) -> str:
    from tracetool.report.text import print_audit

    return common.printed(lambda console: print_audit(answer.audit, console, answer.gate), answer.width)


def _json(answer: _Answer) -> str:
    from tracetool.report.json import write_audit

    return write_audit(answer.audit, answer.gate)


def _html(answer: _Answer) -> str:
    from tracetool.report.html import write_html

    return write_html(answer.audit)


def _sarif(answer: _Answer) -> str:
    from tracetool.ingest import LineReader
    from tracetool.report.sarif import lines_needed, write_sarif

    lines = {
        number: reader.lines_of(seqs)
        for number, seqs in lines_needed(answer.audit).items()
        if isinstance(reader := answer.readers[number], LineReader)
    }
    return write_sarif(answer.audit, lines, answer.gate)


def _junit(answer: _Answer) -> str:
    from tracetool.report.junit import write_junit

    return write_junit(answer.audit, answer.gate)


_RENDERED = {"text": _text, "json": _json, "html": _html, "sarif": _sarif, "junit": _junit}


# --- the command -------------------------------------------------------------------------------------------------

_ALL = "all"


@command()
@options.traces
@click.option(
    "--format",
    "output_format",
    type=Choice(_RENDERED),
    default="text",
    help="How to answer; html is a page for a browser, sarif and junit are for results of CI.",
)
@options.output
@click.option(
    "--policy",
    type=Choice([*Policy, _ALL]),
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
    session = devices.session(policy=policy if isinstance(policy, Policy) else None)
    common.keep_inputs([output], [*traces, *session.images.values()])
    return run_audit(traces, session, output=output, compare=policy == _ALL, **how)


def run_audit(
    traces: Sequence[str],
    session: Options | None = None,
    *,
    output_format: str = "text",
    output: str | None = None,
    guests: int = 1,
    fail_on: Severity = Severity.ERROR,
    allow_inconclusive: bool = False,
    reading: common.Reading | None = None,
    strict_silicon: bool = False,
    wear_limit: int = WEAR_LIMIT,
    compare: bool = False,
    width: int | None = None,
    names: Sequence[str] | None = None,
) -> int:
    """Audit the traces, write the report and give the exit code; `names` are what the report calls them."""
    if output_format == "html" and output is None and sys.stdout.isatty():
        raise UsageError("--format html is a page for a browser: give -o FILE, or redirect it")
    from tracetool.audit import Gate

    if compare:
        from tracetool.audit.compare import compare_policies as audit_traces
    else:
        from tracetool.audit import audit as audit_traces

    gate = Gate(fail_on, allow_inconclusive)
    with common.opened(traces, reading, names=names) as readers:
        result = audit_traces(
            readers, session or Options(), guests=guests, strict_silicon=strict_silicon, wear_limit=wear_limit
        )
    common.require_events(readers, sum(trace.events for trace in result.traces))
    _write(_Answer(result, readers, gate, width), output_format, output)
    return gate.ending(result).code


def _write(answer: _Answer, output_format: str, output: str | None) -> None:
    if output is None and output_format == "text":
        from tracetool.report.text import print_audit

        print_audit(answer.audit, common.console(answer.width), answer.gate)
        return
    from tracetool.cli.output import open_output

    text = _RENDERED[output_format](answer)
    with open_output(output) as file:
        file.write(text.encode())
