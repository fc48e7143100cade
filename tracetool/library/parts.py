"""Parts of a trace, as traces of their own: from one event to another, or what a finding needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tracetool.analysis.selection import SelectedEvents, Span, spans_of, with_ends
from tracetool.analysis.session import replay_readers
from tracetool.analysis.shrink import shrink
from tracetool.audit.audit import audit_replayed
from tracetool.errors import UsageError
from tracetool.library.keywords import parse_number, parse_rule, rule_needs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.analysis.session import Replayed
    from tracetool.audit import Audit
    from tracetool.findings import Finding
    from tracetool.ingest import TraceReader
    from tracetool.library.trace import Trace

__all__ = ["Part", "cut", "shrunk"]

_MOST_STEPS = 64
"""Operations that a part may begin earlier than asked, to find the state of a device."""


class Part(NamedTuple):
    """A part of a trace.

    Attributes:
        reader: its events, numbered from 0.
        begins: the number that its first event of each device has in the whole trace.
        kept: operations in it.
        whole: operations in the whole trace.
        from_the_start: its flash begins as that of the whole trace does.
    """

    reader: TraceReader
    begins: dict[str, int]
    kept: int
    whole: int
    from_the_start: bool


def cut(trace: Trace, first: int | str = 0, last: int | str | None = None) -> Part:
    """The operations from event `first` to event `last`, whole; each device begins with a reset.

    Where the state of a device shows that it needs an operation before them, as a status that stays, that is there too.
    """
    low, high = parse_number(first, "--from"), None if last is None else parse_number(last, "--to")
    if high is not None and low > high:
        raise UsageError(f"--from {low} --to {high}: the part would end before it begins")
    reader, replayed = _replayed(trace)
    operations = with_ends(replayed.operations())
    before = {str(name): part for (name,), part in operations.group_by("device")}
    chosen = operations.filter(pl.col("last_seq") >= low, high is None or pl.col("first_seq") <= high)
    if chosen.is_empty():
        upto = "on" if high is None else f"to event {high}"
        raise UsageError(f"no operation from event {low} {upto}; {_last_event(replayed)}")
    spans = {name: Span(span.first[:1], span.last[-1:]) for name, span in spans_of(chosen).items()}
    wrong = _disagreements(replayed)
    for _ in range(_MOST_STEPS):
        part = SelectedEvents(reader, spans, begin=True)
        lacking = _disagreements(replay_readers([part], replace(trace.options, images={}, device=None))) - wrong
        earlier = {name: _one_earlier(before[name], spans[name]) for name in lacking if name in spans}
        if not any(earlier.values()):
            break
        spans |= {name: span for name, span in earlier.items() if span is not None}
    kept = sum(int(span.holds(before[name]["first_seq"].to_numpy()).sum()) for name, span in spans.items())
    begins = {name: int(span.first[0]) for name, span in spans.items()}
    at_start = all(begin == before[name]["first_seq"].min() for name, begin in begins.items())
    return Part(part, begins, kept, len(operations), from_the_start=at_start)


def _last_event(replayed: Replayed) -> str:
    last = max((device.current.last_seq for device in replayed.devices.values()), default=-1)
    return f"the last event of the trace is {last}"


def _one_earlier(operations: pl.DataFrame, span: Span) -> Span | None:
    """The span with the operation before it; None where there is none."""
    firsts = operations.filter(pl.col("first_seq") < span.first[0])["first_seq"]
    return Span(firsts.sort()[-1:].to_numpy(), span.last) if len(firsts) else None


def _disagreements(replayed: Replayed) -> set[str]:
    """Devices whose model and trace disagree."""
    return {
        name
        for name, device in replayed.devices.items()
        if any(notes.disagreement is not None for notes in device.notes)
    }


def shrunk(
    trace: Trace, rule: str, *, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> tuple[Part, Finding]:
    """The fewest operations that still give the first finding of a rule, and that finding."""
    wanted = parse_rule(rule)
    if wanted.about_trace:
        raise UsageError(f"--shrink {wanted.id}: it is about the trace itself, not about operations")
    reader, _ = _replayed(trace)
    needs = rule_needs(wanted.id)
    options = replace(trace.options, variables=needs["variables"], power_cuts=needs["power_cuts"])
    replayed, audit = audit_replayed([reader], replace(options, keep_operations=True, keep_occurrences=True))
    found = next((finding for finding in audit.findings if finding.rule == wanted.id), None)
    if found is None:
        raise UsageError(f"--shrink {wanted.id}: the trace has no finding of this rule")
    operations = with_ends(audit.operations)
    cases = _touching(operations, found)
    wrong = _disagreements(replayed)

    def still_there(part: TraceReader) -> bool:
        again, result = audit_replayed([part], options)
        return _has(result, found) and _disagreements(again) <= wrong

    part = shrink(reader, operations, cases, still_there, progress)
    return Part(part.reader, {}, part.kept, part.whole, from_the_start=True), found


def _touching(operations: pl.DataFrame, finding: Finding) -> pl.DataFrame:
    """The operations that share an event with a finding's cases, as far as these are known."""
    ends = [seq for seq in (finding.first_seq, finding.last_seq) if seq is not None]
    cases = pl.DataFrame({"seq": [case.seq for case in finding.occurrences] or ends}, {"seq": pl.Int64})
    mine = operations.filter(pl.col("device").cast(pl.String) == (finding.device or ""))
    numbered = mine.select("first_seq", "end_seq").sort("first_seq")
    held = cases.sort("seq").join_asof(numbered, left_on="seq", right_on="first_seq", strategy="backward")
    return mine.filter(pl.col("first_seq").is_in(held["first_seq"].implode()))


def _has(audit: Audit, wanted: Finding) -> bool:
    """True where there is a finding of the same rule, severity and device, within the place of the one wanted."""
    return any(
        (found.rule, found.severity, found.device) == (wanted.rule, wanted.severity, wanted.device)
        and _within(found, wanted)
        for found in audit.findings
    )


def _within(found: Finding, wanted: Finding) -> bool:
    if wanted.offset is None or found.offset is None:
        return wanted.offset == found.offset
    end, wanted_end = (each.offset + (each.length or 0) for each in (found, wanted) if each.offset is not None)
    return wanted.offset <= found.offset and end <= wanted_end


def _replayed(trace: Trace) -> tuple[TraceReader, Replayed]:
    """The one trace, replayed with its operations.

    Raises:
        UsageError: there are several, it is standard input, or holds events of several QEMUs.
    """
    (reader, *others) = trace.readers
    if others or not reader.rereadable:
        raise UsageError(f"{reader.meta.name}: a part is taken from one trace that can be read again, which is a file")
    replayed = trace.replay(keep_operations=True)
    if replayed.traces[0].processes.several:
        raise UsageError(f"{reader.meta.name}: it holds events of several QEMUs; choose one with --process")
    return reader, replayed
