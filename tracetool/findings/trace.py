"""TRC: what is wrong with the trace itself. Each of these makes a verdict inconclusive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.columns import TEXTS, RowKind, Text
from tracetool.analysis.session import MAX_DEVICES
from tracetool.findings.phrases import count_of, events_lost
from tracetool.findings.registry import rule
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replay.engine import Disagreement
    from tracetool.analysis.session import TraceReport
    from tracetool.findings.registry import Case, Finding

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
    """A disagreement in words: what was expected, and what stands there."""
    if found.field == "event":
        if found.stands_kind == RowKind.OTHER:
            # A read is logged after what it causes, so its first inner event is where it is missed.
            side = "after" if found.expected_kind == RowKind.IO_READ else "before"
            return f"expected {event_name(found.expected_kind)} {side} this event, and it is missing"
        return f"expected {event_name(found.expected_kind)}, but {event_name(found.stands_kind)} stands there"
    return (
        f"{event_name(found.stands_kind)}: expected {found.field} {_shown(found.field, found.expected)}, "
        f"but {_shown(found.field, found.stands)} stands there"
    )


@rule("TRC001")
def disagreement(case: Case) -> Iterator[Finding]:
    """The first event that the model does not predict."""
    if case.device is None:
        return
    for notes in case.device.notes:
        found = notes.disagreement
        if found is not None:
            yield case.at(
                "TRC001",
                notes.trace,
                found.seq,
                f"event {found.seq}: {difference(found)}",
                count=max(notes.disagreements, 1),
            )


def _traces(case: Case) -> Iterator[tuple[int, TraceReport]]:
    """Every trace, for the case that is about traces as a whole."""
    if case.device is None:
        yield from enumerate(case.replayed.traces)


@rule("TRC002")
def dropped(case: Case) -> Iterator[Finding]:
    """Losses that the tracer reports."""
    for number, trace in _traces(case):
        health = trace.health
        lost = events_lost(health)
        if lost:
            first = health.lost_places[0] if health.lost_places else None
            where = f", first before event {first.seq} ({trace.meta.unit} {first.number:,})" if first else ""
            seq = first.seq if first else None
            yield case.at("TRC002", number, seq, f"{trace.meta.name}: {lost}{where}", count=health.lost)


@rule("TRC003")
def damaged(case: Case) -> Iterator[Finding]:
    """Lines that were not understood, a stream that was cut, events that no such flash can log."""
    for number, trace in _traces(case):
        health = trace.health
        if health.damaged:
            first = health.first_damaged[0]
            message = (
                f"{trace.meta.name}: {health.damaged:,} of {count_of(health.lines, trace.meta.unit)} not understood, "
                f"first at {trace.meta.unit} {first.number:,} ({first.reason})"
            )
            yield case.at("TRC003", number, None, message, count=health.damaged)
        if health.truncated is not None:
            yield case.at("TRC003", number, None, f"{trace.meta.name}: {health.truncated}")
    if case.device is None and case.replayed.left_out:
        amount = count_of(case.replayed.left_out, "event")
        message = f"{amount} of more than {MAX_DEVICES} devices left out: no machine has as many flashes; use --device"
        yield case.at("TRC003", 0, None, message, count=case.replayed.left_out)
    if case.device is not None and case.device.geometry is not None:
        for notes in case.device.notes:
            found = notes.impossible
            if found.count:
                region = format_size(case.device.geometry.size)
                where = f", the first is event {found.first_seq}"
                message = f"{count_of(found.count, 'event')} that a flash of {region} cannot log{where}"
                yield case.at("TRC003", notes.trace, found.first_seq, message, count=found.count)


@rule("TRC008")
def mixed(case: Case) -> Iterator[Finding]:
    """Machines side by side whose events cannot all be told apart."""
    for number, trace in _traces(case):
        mixture = trace.processes.mixture
        if mixture is not None:
            yield case.at("TRC008", number, None, f"{trace.meta.name}: {mixture}")


@rule("TRC004")
def not_traced(case: Case) -> Iterator[Finding]:
    """A device whose bus writes are not in the trace."""
    if case.device is None:
        return
    for notes in case.device.notes:
        if not notes.io_write_traced:
            yield case.at("TRC004", notes.trace, None, "pflash_io_write is not traced: only effects are known")


@rule("TRC005")
def other_command_set(case: Case) -> Iterator[Finding]:
    """A device of the AMD command set."""
    if case.device is not None and case.device.cfi02:
        yield case.at("TRC005", 0, None, "a CFI02 device: its events are shown, not replayed")


@rule("TRC006")
def host_write_failed(case: Case) -> Iterator[Finding]:
    """QEMU could not write the image file."""
    for number, trace in _traces(case):
        failures = trace.health.host_write_failures
        if failures:
            first = failures[0]
            message = f"{trace.meta.name}: line {first.number:,}: {first.text}"
            yield case.at("TRC006", number, first.seq, message, count=len(failures))


@rule("TRC007")
def state_from_elsewhere(case: Case) -> Iterator[Finding]:
    """A trace that begins in mid-command, a machine that was migrated or restored, an image changed between runs."""
    if case.device is None:
        return
    for notes in case.device.notes:
        if notes.adopted_at is not None and notes.io_write_traced:
            message = f"begins in mid-command: the state at event {notes.adopted_at} was taken from the trace"
            yield case.at("TRC007", notes.trace, notes.adopted_at, message)
        if notes.migrated_at is not None:
            message = f"event {notes.migrated_at}: state and contents came from a migration or a snapshot"
            yield case.at("TRC007", notes.trace, notes.migrated_at, message)
        if notes.changed_before:
            earlier, later = (case.replayed.traces[notes.trace - back].meta.name for back in (1, 0))
            message = f"the image before {later} is not, or not certainly, the one after {earlier}"
            yield case.at("TRC007", notes.trace, None, message)
