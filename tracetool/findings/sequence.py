"""RO, SEQ: stores that a flash does not take, and sequences of commands that no driver should send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.behaviour import Behaviour
from tracetool.analysis.cluster import Cluster
from tracetool.findings.phrases import count_of, listed, place, strays
from tracetool.findings.registry import Hit, rule
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.device import Device
    from tracetool.findings.registry import Case


@rule("RO001")
def stray_store(case: Case) -> Iterator[Hit]:
    """Values that no driver sends to a read-only flash."""
    found = case.device.tally.strays
    if case.device.read_only:
        value, where = strays(case.device, found)
        yield Hit(found, f"{count_of(found.count, 'stray store')}{value} {where}")


@rule("RO002")
def refused(case: Case) -> Iterator[Hit]:
    """Programs and erases that a read-only flash refused."""
    found = case.device.tally.refused_read_only
    if case.device.read_only:
        yield Hit(found, f"{count_of(found.count, 'program or erase', 'programs or erases')} refused {place(found)}")


@rule("SEQ001")
def not_a_command(case: Case) -> Iterator[Hit]:
    """Writes in a command cycle that start no command; on a read-only flash they are stray stores."""
    found = case.device.tally.not_commands
    if not case.device.read_only and not case.device.is_cfi02:
        value, where = strays(case.device, found)
        yield Hit(found, f"{count_of(found.count, 'write')}{value} {where} started no command")


@rule("SEQ002")
def not_stored(case: Case) -> Iterator[Hit]:
    """Buffered writes that were not stored, and how many of them another release of QEMU stores."""
    if case.device.watch is not None and not case.device.is_cfi02:
        found = case.device.watch.clusters["SEQ002"]
        writes = f"{count_of(found.count, 'buffered write')} {place(found)}"
        elsewhere = _elsewhere(case.device, found.count)
        yield Hit(found, f"{writes} refused or aborted: the words are not in the flash{elsewhere}")


def _elsewhere(device: Device, count: int) -> str:
    """The writes that a QEMU with the other way of staging stores, in words; empty for none."""
    other = device.otherwise
    if other is None or not other.stored:
        return ""
    amount = f"{other.stored:,} of them"
    if other.stored == count:
        amount = "it" if count == 1 else f"all {count:,}"
    if device.behaviour is Behaviour.STAGED_AT_DATA:
        return f". A QEMU that opens the window at the count's address (9.0.0 and earlier) would have stored {amount}"
    return (
        f". This QEMU opens the window at the count's address ({format_offset(other.window)}) and the first word was "
        f"for {format_offset(other.word)}: QEMU issue 2343. QEMU 9.0.1 would have stored {amount}"
    )


@rule("SEQ004")
def ends_midway(case: Case) -> Iterator[Hit]:
    """A trace whose last operation is not complete."""
    for notes in case.device.notes:
        if notes.ends_midway:
            yield Hit(Cluster.at(notes.trace, notes.last_seq), "the trace ends in the middle of an operation")


@rule("SEQ005")
def left_in_command(case: Case) -> Iterator[Hit]:
    """A flash that is not in read array when the trace ends."""
    for notes in case.device.notes:
        if notes.left_in_command is not None and not notes.ends_midway:
            message = f"left with command {notes.left_in_command:#04x} in force: reads do not give data"
            yield Hit(Cluster.at(notes.trace, notes.last_seq), message)


@rule("SEQ007")
def erased_too_much(case: Case) -> Iterator[Hit]:
    """Erases that took programmed data beyond the sector that they addressed."""
    if case.device.watch is not None:
        wide = case.device.watch.wide_erases
        found = wide.found
        erases = f"{count_of(found.count, 'erase')} asked for at {listed(map(format_offset, sorted(wide.asked)))}"
        blocks = f"block{'s' if len(wide.blocks) > 1 else ''} {listed(map(str, sorted(wide.blocks)))}"
        size = f"{format_size(wide.block_bytes)}{' each' if len(wide.blocks) > 1 else ''}"
        lost = f"{found.bytes:,} B that this trace had programmed since the last erase"
        yield Hit(found, f"{erases} took all of {blocks} ({size}), with {lost}")
