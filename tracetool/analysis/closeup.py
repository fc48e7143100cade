"""One event of a replayed session inspected: its device is replayed once more, from the last mark before it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

from replay.backing import Policy
from tracetool.analysis.device import Device, DeviceNotes
from tracetool.analysis.inspection import Inspection
from tracetool.analysis.replay import DEFAULT_BEHAVIOUR, Replay

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from tracetool.analysis.device import Mark
    from tracetool.analysis.options import Options

__all__ = ["close_up", "mark_before"]


def mark_before(device: Device, trace: int, seq: int) -> Mark | None:
    """The last mark of a trace at or before an event; None where the device was not replayed there."""
    at = bisect_right(device.marks, (trace, seq), key=lambda mark: mark[:2])
    return device.marks[at - 1] if at and device.marks[at - 1].trace == trace else None


def close_up(device: Device, mark: Mark | None, frames: Iterable[pl.DataFrame], seq: int) -> Inspection | None:
    """Inspect event `seq`; None where it is not among the events.

    The device, which was replayed with checkpoints and a journal, is not changed.

    Args:
        device: the device of the event.
        mark: a mark before the event, in its trace; None: the device was not replayed.
        frames: the device's events from the mark to the event, frames of `EVENTS_SCHEMA`, none empty.
        seq: the event's number.
    """
    replay = None if mark is None else _resumed(device, mark)
    for events in frames:
        last = events.row(-1, named=True)
        found = Inspection(last) if last["seq"] == seq else None
        if replay is not None:
            replay.inspect(found)
            replay.feed(events)
        if found is not None:
            return found
    return None


def _resumed(device: Device, mark: Mark) -> Replay:
    """The replay of the device at the mark, with what is known of the device in the end."""
    if device.machine is None or device.geometry is None:
        raise ValueError(f"{device.name}: was not replayed")
    other = Device(device.base, _options(device), None, device.learned, nameless=device.nameless)
    other.evidence, other.identity = device.evidence, device.identity
    other.notes = [DeviceNotes(mark.trace)]
    machine = device.machine.at(mark.machine)
    machine.keep_journal = False
    machine.stop_watching()
    shown = next(notes.behaviour for notes in device.notes if notes.trace == mark.trace)
    machine.behaviour = machine.behaviour or shown or DEFAULT_BEHAVIOUR
    replay = Replay(other, device.geometry, None, None, machine)
    if device.policy_machine is not None and mark.policy_machine is not None:
        other.policy_machine = device.policy_machine.at(mark.policy_machine)
    return replay


def _options(device: Device) -> Options:
    """The device's options, with the extent known, and without all that is collected."""
    return replace(
        device.options,
        extents={} if device.extent is None else {device.base: device.extent.bytes},
        # Where the policy's machine never began, it is not to begin.
        policy=Policy.PADDED if device.policy_machine is None else device.policy,
        journal=False,
        variables=False,
        power_cuts=False,
        story=False,
        collects=False,
        keep_operations=False,
        keep_accesses=False,
        keep_occurrences=False,
        checkpoints=False,
    )
