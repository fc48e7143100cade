"""EXT, VAR: what went beyond the end of the image file or into its code, and what a policy would have made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.backing import Policy
from tracetool.findings.phrases import count_of, hex_bytes, place
from tracetool.findings.registry import Severity, rule
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.device import Device
    from tracetool.analysis.tally import Cluster
    from tracetool.findings.registry import Case, Finding

_LOSING = (Policy.DISCARD, Policy.VOLATILE)


def _beyond(device: Device) -> str:
    return f"beyond the extent of {format_size(device.extent.bytes)}" if device.extent else "beyond the extent"


def _what(device: Device, cluster: Cluster) -> str:
    """The first word of a cluster as bytes, where it is known."""
    big_endian = device.geometry is not None and device.geometry.endian == "big"
    data = hex_bytes(cluster.example, cluster.example_size, big_endian=big_endian)
    return f" ({'' if cluster.count == 1 else 'first '}{data})" if data else ""


@rule("EXT001")
def programs_outside(case: Case) -> Iterator[Finding]:
    """Programs beyond the extent."""
    device = case.device
    if device is None or device.outside is None:
        return
    found = device.outside.programs
    what = f"{count_of(found.count, 'program')} of {format_size(found.bytes)}{_what(device, found)}"
    message = f"{what} {place(found)}, {_beyond(device)}"
    yield from case.finding("EXT001", found, message)


@rule("EXT002")
def erases_outside(case: Case) -> Iterator[Finding]:
    """Erases beyond the extent."""
    device = case.device
    if device is None or device.outside is None:
        return
    found = device.outside.erases
    yield from case.finding(
        "EXT002", found, f"{count_of(found.count, 'block erase')} {place(found)}, {_beyond(device)}"
    )


@rule("EXT003")
def commands_outside(case: Case) -> Iterator[Finding]:
    """Commands beyond the extent that no data followed, and writes whose value the recorded device kept back."""
    device = case.device
    if device is None or device.outside is None or device.identity is None:
        return
    severity = Severity.WARNING if device.identity.read_only else Severity.ERROR
    found = device.outside.commands
    value = f" (first value {found.example:#x})" if found.example >= 0 else ""
    message = f"{count_of(found.count, 'command write')}{value} {place(found)}, {_beyond(device)}, and no data"
    yield from case.finding("EXT003", found, message, severity=severity)
    kept = device.outside.untraced
    message = (
        f"{count_of(kept.count, 'write')} of {format_size(kept.bytes)} {place(kept)}, {_beyond(device)}: the device "
        f"threw {'it' if kept.count == 1 else 'them'} away and the value was not traced, so program or command "
        "is not known"
    )
    yield from case.finding("EXT003", kept, message, severity=severity)


@rule("EXT004")
def reads_differ(case: Case) -> Iterator[Finding]:
    """Logged reads that the policy would have answered differently."""
    device = case.device
    if device is None or not device.evaluated:
        return
    found = device.comparison.reads
    message = (
        f"{count_of(found.count, 'logged read')} {place(found)} would have given something else under "
        f"{case.policy.label} (the first {found.example:#x})"
    )
    yield from case.finding("EXT004", found, message)


@rule("EXT005")
def lost_at_restart(case: Case) -> Iterator[Finding]:
    """What was stored beyond the extent and is in no file."""
    device = case.device
    if device is None or device.outside is None or case.policy not in _LOSING or not device.evaluated:
        return
    for found, noun in ((device.outside.programs, "program"), (device.outside.erases, "block erase")):
        when = "is thrown away at once" if case.policy == Policy.DISCARD else "is gone at the next start"
        message = f"under {case.policy.label}, what {count_of(found.count, noun)} stored {place(found)} {when}"
        yield from case.finding("EXT005", found, message)


@rule("EXT006")
def torn(case: Case) -> Iterator[Finding]:
    """Sequences of which only a part reached the chip."""
    device = case.device
    if device is None or device.outside is None or not device.evaluated:
        return
    found = device.comparison.torn
    message = (
        f"{count_of(found.count, 'write')} {place(found)} would have been taken for another cycle under "
        f"{case.policy.label}: a part of the sequence went beyond the extent"
    )
    yield from case.finding("EXT006", found, message)
    cut = device.outside.torn
    message = (
        f"{count_of(cut.count, 'write')} {place(cut)} went beyond the extent while a command was in progress; "
        "the chip takes the next write inside for its data"
    )
    yield from case.finding("EXT006", cut, message)


@rule("VAR001")
def code_written(case: Case) -> Iterator[Finding]:
    """Programs and erases before the variable store, where a flash that holds both has its code."""
    device = case.device
    if device is None or device.extent is None:
        return
    found = device.below
    message = f"{count_of(found.count, 'program or erase', 'programs and erases')} {place(found)}"
    yield from case.finding("VAR001", found, f"{message}, before the variable store at {device.extent.code_end:#x}")
