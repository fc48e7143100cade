"""`tracetool audit`: the verdict."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from tracetool.cli import common
from tracetool.cli.devices import DeviceOptions, takes_options
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.audit import Audit, Gate
    from tracetool.findings import Severity
    from tracetool.ingest import TraceReader
    from tracetool.session.options import Options

_FORMATS = ("text", "json", "html", "sarif", "junit")


_ALL = "all"


def _complete_policy(incomplete: str) -> list[str]:
    return [*common.complete_policy(incomplete), *([_ALL] if _ALL.startswith(incomplete) else [])]


def _complete_format(incomplete: str) -> list[str]:
    return [name for name in _FORMATS if name.startswith(incomplete)]


def _complete_severity(incomplete: str) -> list[str]:
    return [name for name in ("error", "warning", "note") if name.startswith(incomplete)]


@takes_options
def audit(
    traces: common.TracePaths,
    *,
    output_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="How to answer: text, json, html (a page for a browser), sarif or junit (for results of CI).",
            autocompletion=_complete_format,
        ),
    ] = "text",
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write it to FILE.", callback=common.named_file),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            metavar="POLICY",
            help="What a file shorter than the region does with writes beyond it: padded, discard, volatile or error; "
            "all compares them.",
            autocompletion=_complete_policy,
        ),
    ] = None,
    guests: Annotated[
        int, typer.Option("--guests", min=1, metavar="N", help="How many guests the saving is worked out for.")
    ] = 1,
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on",
            metavar="SEVERITY",
            help="Least severity that gives exit code 1: error, warning or note. What is wrong with the trace itself "
            "(TRC) gives 4.",
            autocompletion=_complete_severity,
        ),
    ] = "error",
    allow_inconclusive: Annotated[bool, typer.Option("--allow-inconclusive", help="Exit code 0 instead of 4.")] = False,
    strict_silicon: common.StrictSilicon = False,
    wear_limit: common.WearLimit = None,
    width: common.Width = None,
    reading: common.Reading,
    devices: DeviceOptions,
) -> None:
    """Say whether the guest wrote outside the extent of its flash, with evidence.

    Exit code 0: nothing; 1: findings or a write outside; 4: the trace does not show everything.
    """
    if policy != _ALL:
        common.parse_policy(policy, _ALL)
    options = devices.session(
        policy=None if policy == _ALL else policy,
    )
    common.keep_inputs([output], [*traces, *options.images.values()])
    raise typer.Exit(
        run_audit(
            traces,
            options,
            output_format=output_format,
            output=output,
            guests=guests,
            fail_on=fail_on,
            allow_inconclusive=allow_inconclusive,
            reading=reading,
            strict_silicon=strict_silicon,
            wear_limit=wear_limit,
            compare=policy == _ALL,
            width=width,
        )
    )


def _severity(text: str) -> Severity:
    from tracetool.findings import Severity

    names = {severity.label: severity for severity in Severity}
    if text not in names:
        raise UsageError(f"--fail-on {text!r}: give one of {', '.join(reversed(names))}")
    return names[text]


def run_audit(
    traces: Sequence[str],
    options: Options | None = None,
    *,
    output_format: str = "text",
    output: str | None = None,
    guests: int = 1,
    fail_on: str = "error",
    allow_inconclusive: bool = False,
    reading: common.Reading | None = None,
    strict_silicon: bool = False,
    wear_limit: int | None = None,
    compare: bool = False,
    width: int | None = None,
    names: Sequence[str] | None = None,
) -> int:
    """Audit the traces, write the report and give the exit code; `names` are what the report calls them."""
    from tracetool.audit import Gate
    from tracetool.audit import audit as audit_traces
    from tracetool.audit.compare import compare_policies
    from tracetool.session.options import Options

    if output_format not in _FORMATS:
        raise UsageError(f"--format {output_format!r}: give one of {', '.join(_FORMATS)}")
    if output_format == "html" and output is None and sys.stdout.isatty():
        raise UsageError("--format html is a page for a browser: give -o FILE, or redirect it")
    gate = Gate(_severity(fail_on), allow_inconclusive)
    with common.opened(traces, reading, names=names) as readers:
        result = (compare_policies if compare else audit_traces)(
            readers,
            options or Options(),
            guests=guests,
            strict_silicon=strict_silicon,
            wear_limit=common.wear_limit(wear_limit),
        )
    common.require_events(readers, sum(trace.events for trace in result.traces))
    _write(_Answer(result, readers, gate, width), output_format, output)
    return gate.ending(result).code


class _Answer(NamedTuple):
    """What the reports are made of."""

    audit: Audit
    readers: Sequence[TraceReader]
    gate: Gate
    width: int | None


def _write(answer: _Answer, output_format: str, output: str | None) -> None:
    if output is not None:
        from tracetool.cli.output import write_text

        write_text(output, _RENDERED[output_format](answer))
    elif output_format == "text":
        from tracetool.report.text import print_audit

        print_audit(answer.audit, common.console(answer.width), answer.gate)
    else:
        from tracetool.cli.output import standard_output

        with standard_output() as file:
            file.write(_RENDERED[output_format](answer).encode())


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
