"""EXT, VAR: what went beyond the end of the image file or into its code, and what a policy would have made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.backing import Policy
from tracetool.findings.phrases import count_of, hex_bytes, place
from tracetool.findings.registry import Hit, Severity, rule
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.cluster import Cluster
    from tracetool.analysis.device import Device
    from tracetool.findings.registry import Case

_LOSING = (Policy.DISCARD, Policy.VOLATILE)


def _beyond(device: Device) -> str:
    return f"beyond the extent of {format_size(device.extent.bytes)}" if device.extent else "beyond the extent"


def _first_word(device: Device, cluster: Cluster) -> str:
    """The first word of a cluster as bytes, where it is known."""
    big_endian = device.geometry is not None and device.geometry.endian == "big"
    data = hex_bytes(cluster.example, cluster.example_size, big_endian=big_endian)
    return f" ({'' if cluster.count == 1 else 'first '}{data})" if data else ""


@rule("EXT001")
def programs_outside(case: Case) -> Iterator[Hit]:
    """Programs beyond the extent."""
    device, found = case.device, case.device.outside.programs
    what = f"{count_of(found.count, 'program')} of {format_size(found.bytes)}{_first_word(device, found)}"
    yield Hit(found, f"{what} {place(found)}, {_beyond(device)}")


@rule("EXT002")
def erases_outside(case: Case) -> Iterator[Hit]:
    """Erases beyond the extent."""
    found = case.device.outside.erases
    yield Hit(found, f"{count_of(found.count, 'block erase')} {place(found)}, {_beyond(case.device)}")


@rule("EXT003")
def commands_outside(case: Case) -> Iterator[Hit]:
    """Commands without data beyond the extent, and writes whose value the recorded device did not log."""
    device, found, kept = case.device, case.device.outside.commands, case.device.outside.untraced
    severity = Severity.WARNING if device.read_only else Severity.ERROR
    value = f" (first value {found.example:#x})" if found.example >= 0 else ""
    message = f"{count_of(found.count, 'command write')}{value} {place(found)}, {_beyond(device)}, and no data"
    yield Hit(found, message, severity)
    message = (
        f"{count_of(kept.count, 'write')} of {format_size(kept.bytes)} {place(kept)}, {_beyond(device)}: the device "
        f"threw {'it' if kept.count == 1 else 'them'} away and the value was not traced, so program or command "
        "is not known"
    )
    yield Hit(kept, message, severity)


@rule("EXT004")
def reads_differ(case: Case) -> Iterator[Hit]:
    """Logged reads that return another value under the policy."""
    found = case.device.comparison.reads
    if case.device.evaluated:
        message = (
            f"{count_of(found.count, 'logged read')} {place(found)} would have given something else under "
            f"{case.policy.label} (the first {found.example:#x})"
        )
        yield Hit(found, message)


@rule("EXT005")
def lost_at_restart(case: Case) -> Iterator[Hit]:
    """Programs and erases beyond the extent, which no file keeps under the policy."""
    outside = case.device.outside
    if case.policy in _LOSING and case.device.evaluated:
        when = "is thrown away at once" if case.policy == Policy.DISCARD else "is gone at the next start"
        for found, noun in ((outside.programs, "program"), (outside.erases, "block erase")):
            stored = f"what {count_of(found.count, noun)} stored {place(found)}"
            yield Hit(found, f"under {case.policy.label}, {stored} {when}")


@rule("EXT006")
def torn(case: Case) -> Iterator[Hit]:
    """Command sequences of which only a part reached the chip."""
    found, cut = case.device.comparison.torn, case.device.outside.torn
    if case.device.evaluated:
        message = (
            f"{count_of(found.count, 'write')} {place(found)} would have been taken for another cycle under "
            f"{case.policy.label}: a part of the sequence went beyond the extent"
        )
        yield Hit(found, message)
        message = (
            f"{count_of(cut.count, 'write')} {place(cut)} went beyond the extent while a command was in progress; "
            "the chip takes the next write inside for its data"
        )
        yield Hit(cut, message)


@rule("VAR004")
def code_written(case: Case) -> Iterator[Hit]:
    """Programs and erases before the variable store, where a flash that holds both has its code."""
    device, found = case.device, case.device.below
    if device.extent is not None:
        message = f"{count_of(found.count, 'program or erase', 'programs and erases')} {place(found)}"
        yield Hit(found, f"{message}, before the variable store at {device.extent.code_end:#x}")
