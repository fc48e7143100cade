"""The verdict on one device, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from replay.boards import boards
from tracetool.analysis.identity import NAMELESS
from tracetool.analysis.processes import pids
from tracetool.audit.idle import idle
from tracetool.audit.reason import Code, Reason, located
from tracetool.findings.phrases import count_of, events_lost
from tracetool.findings.trace import event_name
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.device import Device, DeviceNotes
    from tracetool.analysis.session import Replayed, TraceReport

__all__ = ["Verdict", "doubts", "flaws", "judge", "stores_unknown"]


class Verdict(StrEnum):
    """The answer for one device; the first that applies, in this order."""

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
        return Verdict.NO_EXTENT, [Reason(Code.NO_EXTENT, _why_no_extent(device))]
    highest = (("highest_end", device.tally.ends.highest),)
    return Verdict.WITHIN_EXTENT, [Reason(Code.WITHIN_EXTENT, _why_within(device), highest)]


def _left_out(replayed: Replayed) -> Iterator[Reason]:
    """Events that the options leave out."""
    if replayed.not_chosen:
        count = replayed.not_chosen.total()
        words = f"{count_of(count, 'event')} of {' and '.join(replayed.not_chosen)} left out (--device)"
        yield Reason(Code.DEVICES_NOT_CHOSEN, words, (("count", count),))
    for trace in replayed.traces:
        spans = {process: span for process, span in trace.processes.spans.items() if span.left_out}
        if spans:
            count = sum(span.events for span in spans.values())
            words = f"{trace.meta.name}: {count_of(count, 'event')} of {pids(spans)} left out (--process)"
            yield Reason(Code.PROCESSES_LEFT_OUT, words, (("count", count),))
        if count := trace.processes.of_other_boots:
            words = f"{trace.meta.name}: {count_of(count, 'event')} of other boots left out (--boot)"
            yield Reason(Code.BOOTS_LEFT_OUT, words, (("count", count),))


def _outside(device: Device) -> Iterator[Reason]:
    """Programs, erases and commands beyond the extent."""
    extent, outside = device.extent, device.outside
    if extent is None or outside is None or not outside.happened:
        return
    beyond = f"beyond the extent of {format_size(extent.bytes)}"
    for found, code, what in (
        (outside.programs, Code.PROGRAMMED_OUTSIDE, "programmed"),
        (outside.erases, Code.ERASED_OUTSIDE, "erased"),
        (outside.commands, Code.COMMANDED_OUTSIDE, "commanded"),
        (outside.untraced, Code.WROTE_OUTSIDE, "wrote (value not traced)"),
    ):
        if found.count:
            where = f"{format_offset(found.offset)} to {format_offset(found.end)}"
            values = (
                ("extent_bytes", extent.bytes),
                ("offset", found.offset),
                ("end", found.end),
                ("count", found.count),
            )
            yield Reason(code, f"the guest {what} {beyond}: {where}, {count_of(found.count, 'time')}", values)


def doubts(device: Device, replayed: Replayed) -> Iterator[Reason]:
    """Why a trace is incomplete: its flaws, and a beginning or end that no run of QEMU has."""
    yield from flaws(device, replayed)
    yield from located(_edges(device, replayed), replayed.traces)
    if not device.stores_known:
        yield Reason(Code.STORES_UNKNOWN, stores_unknown(device))
    if device.learned_late_extent and not device.evaluated and any(notes.realized for notes in device.notes):
        yield Reason(Code.FILE_CHANGED, "its file became shorter in the trace, and a stream cannot be read again")


def stores_unknown(device: Device) -> str:
    """Say why it is unknown whether programs were stored, and which options tell it."""
    name = device.name
    return (
        "no pflash_data_write follows any program: either that event was not traced or the flash is read-only; "
        f"give --writable {name} or --read-only {name}"
    )


def _edges(device: Device, replayed: Replayed) -> Iterator[tuple[int, Reason]]:
    """Traces, by number, that do not begin or end as a run of QEMU does."""
    last = len(replayed.traces) - 1
    begun = {notes.trace for notes in device.notes if notes.events}
    for trace in sorted(set(range(last + 1)) - begun if device.base != NAMELESS else ()):
        yield trace, Reason(Code.BEGINS_WITHOUT_RESET, "not one of its events is in the trace")
    for notes in device.notes:
        cut_on_purpose = device.options.at is not None and notes.trace == last
        yield from ((notes.trace, reason) for reason in _edges_of(device, notes, cut=cut_on_purpose))


def _edges_of(device: Device, notes: DeviceNotes, *, cut: bool) -> Iterator[Reason]:
    """The same of one trace; `cut`: it ends where the user asked for."""
    if notes.events and not notes.started_with_reset and device.base != NAMELESS:
        words = "the trace does not begin with the device's reset: what came before it is not judged"
        yield Reason(Code.BEGINS_WITHOUT_RESET, words)
    # A read-only flash takes nothing, so what a stray store began there may stay unfinished for ever.
    stores = device.identity is not None and not device.identity.read_only
    if notes.reset_midway is not None and stores:
        words = f"a reset at event {notes.reset_midway} came in the middle of an operation: a part may be missing"
        yield Reason(Code.RESET_MID_OPERATION, words, (("seq", notes.reset_midway),))
    if cut:
        return
    if notes.ends_midway and stores:
        words = "the trace ends in the middle of an operation: QEMU was killed, or the trace is cut"
        yield Reason(Code.ENDS_MID_OPERATION, words)
    elif notes.awaited is not None:
        words = f"the trace ends before the {event_name(notes.awaited)} of its last access: it is cut"
        yield Reason(Code.ENDS_MID_OPERATION, words)


def flaws(device: Device, replayed: Replayed) -> Iterator[Reason]:
    """Defects of the traces: unknown devices, lost or damaged events, a model that disagrees."""
    if device.cfi02:
        yield Reason(Code.CFI02, "a CFI02 device is not replayed")
    elif device.geometry is None:
        board = device.options.board
        other = "give --board or" if board is None else f"--board {board} has no flash of that name; give"
        words = f"its geometry is not known: {other} --geometry {device.name}=..."
        yield Reason(Code.GEOMETRY_UNKNOWN, words)
    if device.base == NAMELESS and not _alone(device):
        words = "the trace names no devices (QEMU before 6.0), so all flashes of the machine lie in one stream"
        yield Reason(Code.NAMELESS, words)
    if replayed.left_out:
        words = f"{count_of(replayed.left_out, 'event')} of more devices than a machine has were left out"
        yield Reason(Code.DEVICES_LEFT_OUT, words, (("count", replayed.left_out),))
    for trace in replayed.traces:
        yield from _trace_flaws(trace)
    found = ((notes.trace, reason) for notes in device.notes for reason in _notes_flaws(notes))
    yield from located(found, replayed.traces)


def _alone(device: Device) -> bool:
    """True when a nameless device is a single flash: the board that was given has just one."""
    board = device.options.board
    return board is not None and len(boards()[board].sizes) == 1


def _trace_flaws(trace: TraceReport) -> Iterator[Reason]:
    health, name = trace.health, trace.meta.name
    lost = events_lost(health)
    if lost:
        yield Reason(Code.EVENTS_LOST, f"{name}: {lost}, says the trace itself", (("count", health.lost),))
    if health.damaged:
        words = f"{name}: {health.damaged:,} of {health.lines:,} {trace.meta.unit}s were not understood"
        yield Reason(Code.DAMAGED, words, (("count", health.damaged), ("of", health.lines)))
    if health.truncated is not None:
        yield Reason(Code.TRUNCATED, f"{name}: {health.truncated}")
    if health.host_write_failures:
        yield Reason(Code.HOST_WRITE_FAILED, f"{name}: the host could not write the image")
    mixture = trace.processes.mixture
    if mixture is not None:
        yield Reason(Code.PROCESSES_MIXED, f"{name}: {mixture}")


def _notes_flaws(notes: DeviceNotes) -> Iterator[Reason]:
    if not notes.io_write_traced:
        yield Reason(Code.IO_WRITE_NOT_TRACED, "its io_write events were not traced")
    if notes.impossible.count:
        words = f"{notes.impossible.count:,} of its events are impossible for a flash of this size"
        yield Reason(Code.IMPOSSIBLE_EVENTS, words, (("count", notes.impossible.count),))
    if notes.disagreement is not None:
        seq = notes.disagreement.seq
        yield Reason(Code.MODEL_DISAGREES, f"model and trace disagree at event {seq}", (("seq", seq),))
    if notes.adopted_at is not None and notes.io_write_traced:
        yield Reason(Code.BEGINS_MID_COMMAND, "the trace begins in mid-command")
    if notes.migrated_at is not None:
        yield Reason(Code.MIGRATED, "its state came from a migration or a snapshot")
    if notes.changed_before:
        words = "its image changed between two runs, so one may be missing: each run can be audited alone"
        yield Reason(Code.IMAGE_CHANGED, words)


def _why_no_extent(device: Device) -> str:
    if device.read_only:
        return "no extent is known; the device is read-only"
    if not device.tally.totals.writes:
        return "no extent is known; nobody wrote to it"
    option = f"--extent {device.name}=SIZE"
    if device.image is None:
        return f"no extent is known: give {option} or its --image"
    return f"no extent is known: its image is as long as the flash, and holds no UEFI variable store: give {option}"


def _why_within(device: Device) -> str:
    if not device.tally.ends.highest:
        return "nothing was written"
    highest = format_offset(device.tally.ends.highest)
    return f"every program, erase and command ended at or below {highest}"
