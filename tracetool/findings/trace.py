"""TRC: what is wrong with the trace itself. Each of these makes a verdict inconclusive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.columns import TEXTS, RowKind, Text
from tracetool.analysis.cluster import Cluster
from tracetool.analysis.session import MAX_DEVICES
from tracetool.findings.phrases import count_of, events_lost
from tracetool.findings.registry import Hit, rule, trace_rule
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replay.engine import Disagreement
    from tracetool.findings.registry import Case, TraceCase

_NAMES = {RowKind.WRITE_TEXT: "pflash_write", RowKind.OTHER: "nothing"}
_DECIMAL = ("size", "wcycle")


def event_name(kind: RowKind) -> str:
    """The name of an event of this kind."""
    return _NAMES.get(kind, f"pflash_{kind.name.lower()}")


def _shown(field: str, value: int) -> str:
    if field == "text":
        return f"{TEXTS[Text(value)]!r}" if value in TEXTS else "another text"
    if value < 0 and field != "counter":
        return "no such value"
    if field in _DECIMAL:
        return str(value)
    return f"{value & 0xFFFFFFFFFFFFFFFF:#x}"


def difference(found: Disagreement) -> str:
    """A disagreement in words: the expected event or value, and the recorded one."""
    if found.field == "event":
        if found.actual_kind == RowKind.OTHER:
            # A read is logged after what it causes, so its first inner event is where it is missed.
            side = "after" if found.expected_kind == RowKind.IO_READ else "before"
            return f"expected {event_name(found.expected_kind)} {side} this event, and it is missing"
        return f"expected {event_name(found.expected_kind)}, but {event_name(found.actual_kind)} stands there"
    return (
        f"{event_name(found.actual_kind)}: expected {found.field} {_shown(found.field, found.expected)}, "
        f"but {_shown(found.field, found.actual)} stands there"
    )


@rule("TRC001")
def disagreement(case: Case) -> Iterator[Hit]:
    """The first event that the model does not predict."""
    for notes in case.device.notes:
        found = notes.disagreement
        if found is not None:
            where = Cluster.at(notes.trace, found.seq, max(notes.disagreements, 1))
            yield Hit(where, f"event {found.seq}: {difference(found)}")


@trace_rule("TRC002")
def dropped(case: TraceCase) -> Iterator[Hit]:
    """Events that the tracer reports as lost."""
    health, meta = case.report.health, case.report.meta
    lost = events_lost(health)
    if lost:
        first = health.lost_places[0] if health.lost_places else None
        where = f", first before event {first.seq} ({meta.unit} {first.number:,})" if first else ""
        seq = first.seq if first else None
        yield Hit(Cluster.at(case.number, seq, health.lost), f"{meta.name}: {lost}{where}")


@trace_rule("TRC003")
def damaged(case: TraceCase) -> Iterator[Hit]:
    """Lines that were not understood, a truncated stream, events of too many devices."""
    health, meta = case.report.health, case.report.meta
    if health.damaged:
        first = health.first_damaged[0]
        message = (
            f"{meta.name}: {health.damaged:,} of {count_of(health.lines, meta.unit)} not understood, "
            f"first at {meta.unit} {first.number:,} ({first.reason})"
        )
        yield Hit(Cluster.at(case.number, count=health.damaged), message)
    if health.truncated is not None:
        yield Hit(Cluster.at(case.number), f"{meta.name}: {health.truncated}")
    left_out = case.replayed.left_out
    if left_out and not case.number:
        amount = count_of(left_out, "event")
        message = f"{amount} of more than {MAX_DEVICES} devices left out: no machine has as many flashes; use --device"
        yield Hit(Cluster.at(0, count=left_out), message)


@rule("TRC003")
def impossible(case: Case) -> Iterator[Hit]:
    """Events that no flash of this size can log."""
    if case.device.geometry is not None:
        region = format_size(case.device.geometry.size)
        for notes in case.device.notes:
            found = notes.impossible
            message = f"{count_of(found.count, 'event')} that a flash of {region} cannot log, the first is event"
            if found:
                yield Hit(Cluster.at(notes.trace, found.first_seq, found.count), f"{message} {found.first_seq}")


@trace_rule("TRC008")
def mixed(case: TraceCase) -> Iterator[Hit]:
    """Concurrent machines whose events cannot all be told apart."""
    mixture = case.report.processes.mixture
    if mixture is not None:
        yield Hit(Cluster.at(case.number), f"{case.report.meta.name}: {mixture}")


@rule("TRC004")
def not_traced(case: Case) -> Iterator[Hit]:
    """A device whose bus writes are not in the trace."""
    for notes in case.device.notes:
        if not notes.io_write_traced:
            yield Hit(Cluster.at(notes.trace), "pflash_io_write is not traced: only effects are known")


@trace_rule("TRC006")
def host_write_failed(case: TraceCase) -> Iterator[Hit]:
    """QEMU could not write the image file."""
    failures = case.report.health.host_write_failures
    if failures:
        first = failures[0]
        message = f"{case.report.meta.name}: line {first.number:,}: {first.text}"
        yield Hit(Cluster.at(case.number, first.seq, len(failures)), message)


@rule("TRC007")
def state_from_elsewhere(case: Case) -> Iterator[Hit]:
    """A trace that begins in mid-command, a machine that was migrated or restored, an image changed between runs."""
    for notes in case.device.notes:
        if notes.adopted_at is not None and notes.io_write_traced:
            message = f"begins in mid-command: the state at event {notes.adopted_at} was taken from the trace"
            yield Hit(Cluster.at(notes.trace, notes.adopted_at), message)
        if notes.migrated_at is not None:
            message = f"event {notes.migrated_at}: state and contents came from a migration or a snapshot"
            yield Hit(Cluster.at(notes.trace, notes.migrated_at), message)
        if notes.changed_before:
            earlier, later = (case.replayed.traces[notes.trace - back].meta.name for back in (1, 0))
            message = f"the image before {later} is not, or not certainly, the one after {earlier}"
            yield Hit(Cluster.at(notes.trace), message)
