"""The verdict on one device, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from replay.boards import boards
from tracetool.findings.words import count_of, events_lost
from tracetool.session.identity import NAMELESS
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.session.device import Device, TraceNotes
    from tracetool.session.session import Replayed, TraceReport

__all__ = ["Verdict", "doubts", "judge"]


class Verdict(StrEnum):
    """The answer for one device; the first that applies, in this order."""

    OUTSIDE_EXTENT = "outside-extent"
    """Something was programmed, erased or commanded outside, even in an incomplete trace."""
    INCONCLUSIVE = "inconclusive"
    """Nothing outside was seen, but the trace does not show everything."""
    NO_EXTENT = "no-extent"
    """No extent is known, so there is no outside."""
    WITHIN_EXTENT = "within-extent"


def judge(device: Device, replayed: Replayed) -> tuple[Verdict, list[str]]:
    """The verdict on a device and its reasons, in words."""
    outside = list(_outside(device))
    if outside:
        return Verdict.OUTSIDE_EXTENT, outside
    unsure = list(doubts(device, replayed))
    if unsure:
        return Verdict.INCONCLUSIVE, unsure
    if device.extent is None:
        return Verdict.NO_EXTENT, [_why_no_extent(device)]
    return Verdict.WITHIN_EXTENT, [_why_within(device), *_caveats(device)]


def _outside(device: Device) -> Iterator[str]:
    """What was done beyond the extent."""
    extent, outside = device.extent, device.outside
    if extent is None or outside is None or not outside.happened:
        return
    beyond = f"beyond the extent of {format_size(extent.bytes)}"
    for found, what in (
        (outside.programs, "programmed"),
        (outside.erases, "erased"),
        (outside.commands, "commanded"),
        (outside.untraced, "wrote (value not traced)"),
    ):
        if found.count:
            where = f"{format_offset(found.offset)} to {format_offset(found.end)}"
            yield f"the guest {what} {beyond}: {where}, {count_of(found.count, 'time')}"


def doubts(device: Device, replayed: Replayed) -> Iterator[str]:
    """What keeps a clean trace from being called complete."""
    if device.cfi02:
        yield "a CFI02 device is not replayed"
    elif device.identity is None or device.identity.geometry is None:
        board = device.options.board
        other = "give --board or" if board is None else f"--board {board} has no flash of that name; give"
        yield f"its geometry is not known: {other} --geometry {device.name}=..."
    if device.name == NAMELESS and not _alone(device):
        yield "the trace names no devices (QEMU before 6.0), so all flashes of the machine lie in one stream"
    if replayed.left_out:
        yield f"{count_of(replayed.left_out, 'event')} of more devices than a machine has were left out"
    for trace in replayed.traces:
        yield from _trace_doubts(trace)
    for notes in device.notes:
        yield from _notes_doubts(notes)


def _alone(device: Device) -> bool:
    """Whether a nameless device can only be one flash: the user named a board that has just one."""
    board = device.options.board
    return board is not None and len(boards()[board].sizes) == 1


def _trace_doubts(trace: TraceReport) -> Iterator[str]:
    health, name = trace.health, trace.meta.name
    lost = events_lost(health)
    if lost:
        yield f"{name}: {lost}, says the trace itself"
    if health.damaged:
        yield f"{name}: {health.damaged:,} of {health.lines:,} {trace.meta.unit}s were not understood"
    if health.truncated is not None:
        yield f"{name}: {health.truncated}"
    if health.host_write_failures:
        yield f"{name}: the host could not write the image"


def _notes_doubts(notes: TraceNotes) -> Iterator[str]:
    if not notes.io_write_traced:
        yield "its io_write events were not traced"
    if notes.impossible.count:
        yield f"{notes.impossible.count:,} of its events are impossible for a flash of this size"
    if notes.disagreement is not None:
        yield f"model and trace disagree at event {notes.disagreement.seq}"
    if notes.adopted_at is not None and notes.io_write_traced:
        yield "the trace begins in mid-command"
    if notes.migrated_at is not None:
        yield "its state came from a migration or a snapshot"
    if notes.changed_before:
        yield "its image changed between two runs, so one may be missing: each run can be audited alone"


def _why_no_extent(device: Device) -> str:
    if device.identity is not None and device.identity.read_only:
        return "no extent is known; the device is read-only"
    if not device.tally.totals.writes:
        return "no extent is known; nobody wrote to it"
    return f"no extent is known: give --extent {device.name}=SIZE or its --image"


def _why_within(device: Device) -> str:
    if not device.tally.ends.highest:
        return "nothing was written"
    highest = format_offset(device.tally.ends.highest)
    return f"every program, erase and command ended at or below {highest}"


def _caveats(device: Device) -> Iterator[str]:
    if any(notes.events and not notes.started_with_reset for notes in device.notes):
        yield "the trace does not begin with the device's reset: what came before it is not judged"
