"""Verdict on one device, and its reasons."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from replay.boards import boards
from tracetool.analysis.processes import pids
from tracetool.audit.idle import idle
from tracetool.audit.reason import Code, located, reason
from tracetool.findings.phrases import events_lost
from tracetool.findings.trace import event_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.device import Device, DeviceNotes
    from tracetool.analysis.session import Replayed, TraceReport
    from tracetool.audit.reason import Reason

__all__ = ["Verdict", "doubts", "flaws", "judge", "stores_unknown"]


class Verdict(StrEnum):
    """Answer for one device; the first that applies, in this order."""

    OUTSIDE_EXTENT = "outside-extent"
    """Something was programmed, erased or commanded outside, even in an incomplete trace."""
    INCONCLUSIVE = "inconclusive"
    """Nothing outside was seen, but the trace does not show everything."""
    NO_EXTENT = "no-extent"
    """No extent is known, so there is no outside."""
    WITHIN_EXTENT = "within-extent"


def judge(device: Device, replayed: Replayed) -> tuple[Verdict, list[Reason]]:
    """Judge a device: its verdict, and the reasons of it."""
    verdict, reasons = _judge(device, replayed)
    return verdict, [*reasons, *_left_out(replayed)]


def _judge(device: Device, replayed: Replayed) -> tuple[Verdict, list[Reason]]:
    outside = list(_outside(device))
    if outside:
        return Verdict.OUTSIDE_EXTENT, outside
    unsure = [*doubts(device, replayed), *idle(device, replayed)]
    if unsure:
        return Verdict.INCONCLUSIVE, unsure
    if device.extent is None:
        return Verdict.NO_EXTENT, [_no_extent(device)]
    highest = device.tally.ends.highest
    return Verdict.WITHIN_EXTENT, [reason(Code.WITHIN_EXTENT, "" if highest else "unwritten", highest_end=highest)]


def _left_out(replayed: Replayed) -> Iterator[Reason]:
    """Events that the options leave out."""
    if replayed.not_chosen:
        devices = " and ".join(replayed.not_chosen)
        yield reason(Code.DEVICES_NOT_CHOSEN, count=replayed.not_chosen.total(), devices=devices)
    for trace in replayed.traces:
        name = trace.meta.name
        spans = {process: span for process, span in trace.processes.spans.items() if span.left_out}
        if spans:
            count = sum(span.events for span in spans.values())
            yield reason(Code.PROCESSES_LEFT_OUT, trace=name, count=count, processes=pids(spans))
        if trace.processes.of_other_boots:
            yield reason(Code.BOOTS_LEFT_OUT, trace=name, count=trace.processes.of_other_boots)


def _outside(device: Device) -> Iterator[Reason]:
    """Programs, erases and commands beyond the extent."""
    extent, outside = device.extent, device.outside
    if extent is None:
        return
    for code, found in (
        (Code.PROGRAMMED_OUTSIDE, outside.programs),
        (Code.ERASED_OUTSIDE, outside.erases),
        (Code.COMMANDED_OUTSIDE, outside.commands),
        (Code.WROTE_OUTSIDE, outside.untraced),
    ):
        if found.count:
            place = {"extent_bytes": extent.bytes, "offset": found.offset, "end": found.end}
            yield reason(code, **place, count=found.count)


def _no_extent(device: Device) -> Reason:
    if device.read_only:
        return reason(Code.NO_EXTENT, "read-only")
    if not device.tally.totals.writes:
        return reason(Code.NO_EXTENT, "unwritten")
    return reason(Code.NO_EXTENT, "" if device.image is None else "image", device=device.name)


# --- an incomplete trace -----------------------------------------------------------------------------------------


def doubts(device: Device, replayed: Replayed) -> Iterator[Reason]:
    """Why a trace is incomplete: its flaws, and a beginning or end that no run of QEMU has."""
    yield from flaws(device, replayed)
    yield from located(_edges(device, replayed), replayed.traces)
    if not device.stores_known:
        yield stores_unknown(device)
    if device.learned_late_extent and not device.evaluated and any(notes.realized for notes in device.notes):
        yield reason(Code.FILE_CHANGED)


def stores_unknown(device: Device) -> Reason:
    """Why it is unknown whether programs were stored, and which options tell it."""
    return reason(Code.STORES_UNKNOWN, device=device.name)


def _edges(device: Device, replayed: Replayed) -> Iterator[tuple[int, Reason]]:
    """Traces, by number, that do not begin or end as a run of QEMU does."""
    last = len(replayed.traces) - 1
    begun = {notes.trace for notes in device.notes if notes.events}
    for trace in sorted(set(range(last + 1)) - begun if not device.nameless else ()):
        yield trace, reason(Code.BEGINS_WITHOUT_RESET, "absent")
    for notes in device.notes:
        cut_on_purpose = device.options.at is not None and notes.trace == last
        yield from ((notes.trace, found) for found in _edges_of(device, notes, cut=cut_on_purpose))


def _edges_of(device: Device, notes: DeviceNotes, *, cut: bool) -> Iterator[Reason]:
    """The same of one trace; `cut`: it ends where the user asked for."""
    if notes.events and not notes.started_with_reset and not device.nameless:
        yield reason(Code.BEGINS_WITHOUT_RESET)
    # A read-only flash takes nothing, so what a stray store began there may stay unfinished for ever.
    stores = device.identity is not None and not device.identity.read_only
    if notes.reset_midway is not None and stores:
        yield reason(Code.RESET_MID_OPERATION, seq=notes.reset_midway)
    if cut:
        return
    if notes.ends_midway and stores:
        yield reason(Code.ENDS_MID_OPERATION)
    elif notes.awaited is not None:
        yield reason(Code.ENDS_MID_OPERATION, "cut", event=event_name(notes.awaited))


def flaws(device: Device, replayed: Replayed) -> Iterator[Reason]:
    """Defects of the traces: unknown devices, lost or damaged events, a model that disagrees."""
    board = device.options.board
    if device.geometry is None and board is None:
        yield reason(Code.GEOMETRY_UNKNOWN, device=device.name)
    elif device.geometry is None and board is not None:
        yield reason(Code.GEOMETRY_UNKNOWN, "board", device=device.name, board=board)
    known = device.identity.board if board is None and device.is_cfi02 and device.identity is not None else board
    if device.nameless and (known is None or len(boards()[known].sizes) > 1):
        yield reason(Code.NAMELESS)
    if replayed.left_out:
        yield reason(Code.DEVICES_LEFT_OUT, count=replayed.left_out)
    for trace in replayed.traces:
        yield from _trace_flaws(trace)
    found = ((notes.trace, about) for notes in device.notes for about in _notes_flaws(notes))
    yield from located(found, replayed.traces)


def _trace_flaws(trace: TraceReport) -> Iterator[Reason]:
    health, name, mixture = trace.health, trace.meta.name, trace.processes.mixture
    if lost := events_lost(health):
        yield reason(Code.EVENTS_LOST, trace=name, count=health.lost, amount=lost)
    if health.damaged:
        yield reason(Code.DAMAGED, trace=name, count=health.damaged, of=health.lines, unit=trace.meta.unit)
    if health.truncated is not None:
        yield reason(Code.TRUNCATED, trace=name, how=health.truncated)
    if health.host_write_failures:
        yield reason(Code.HOST_WRITE_FAILED, trace=name)
    if mixture is not None:
        yield reason(Code.PROCESSES_MIXED, trace=name, how=mixture)


def _notes_flaws(notes: DeviceNotes) -> Iterator[Reason]:
    if not notes.io_write_traced:
        yield reason(Code.IO_WRITE_NOT_TRACED)
    if notes.lacking:
        yield reason(Code.TOO_THIN, events=" and ".join(notes.lacking))
    if notes.impossible.count:
        yield reason(Code.IMPOSSIBLE_EVENTS, count=notes.impossible.count)
    if notes.disagreement is not None:
        yield reason(Code.MODEL_DISAGREES, seq=notes.disagreement.seq)
    if notes.adopted_at is not None and notes.io_write_traced:
        yield reason(Code.BEGINS_MID_COMMAND)
    if notes.migrated_at is not None:
        yield reason(Code.MIGRATED)
    if notes.changed_before:
        yield reason(Code.IMAGE_CHANGED)
