"""What every report for people says, in words: the verdict on the whole, and the facts of a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.behaviour import Behaviour
from tracetool.audit.backing import host_totals
from tracetool.audit.verdict import Verdict
from tracetool.findings.phrases import count_of
from tracetool.report.figures import severity_counts
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracetool.audit import Audit, DeviceAudit

__all__ = ["device_facts", "headline", "host_words", "worst_first"]

_ORDER = list(Verdict)


def worst_first(devices: Sequence[DeviceAudit]) -> list[DeviceAudit]:
    """The devices in the order in which they matter."""
    return sorted(devices, key=lambda device: (device.excused and not device.unsure, _ORDER.index(device.verdict)))


# --- the verdict -------------------------------------------------------------------------------------------------


def headline(audit: Audit) -> tuple[Verdict, str]:
    """The verdict on the whole, and what it means in one sentence without a full stop."""
    by_verdict = {verdict: [d for d in audit.devices if d.verdict == verdict] for verdict in Verdict}
    outside, unsure = by_verdict[Verdict.OUTSIDE_EXTENT], by_verdict[Verdict.INCONCLUSIVE]
    bare = [device for device in by_verdict[Verdict.NO_EXTENT] if not device.excused]
    within = by_verdict[Verdict.WITHIN_EXTENT]
    if outside:
        return Verdict.OUTSIDE_EXTENT, f"the guest wrote beyond the extent of {_names(outside)}"
    if unsure:
        rest = "the trace does not show everything that was done to"
        return Verdict.INCONCLUSIVE, f"nothing outside was seen, but {rest} {_names(unsure)}"
    if bare:
        found = severity_counts(audit.findings) or "no findings"
        return (
            Verdict.NO_EXTENT,
            f"nothing says which part of {_names(bare)} is the firmware's, so nothing is outside; {found}",
        )
    if within:
        return Verdict.WITHIN_EXTENT, f"the guest wrote nothing beyond the extent of {_names(within)}"
    excused = [device for device in by_verdict[Verdict.NO_EXTENT] if device.excused]
    return Verdict.NO_EXTENT, f"no extent is known for {_names(excused)}, which nobody wrote to or is read-only"


def _names(devices: list[DeviceAudit]) -> str:
    return " and ".join(device.name for device in devices)


# --- the host ----------------------------------------------------------------------------------------------------


def host_words(audit: Audit) -> str:
    """What all flashes of a guest take on its host and need, and of all guests; empty for a single flash."""
    total = host_totals(audit.devices)
    if len(audit.devices) < 2:  # noqa: PLR2004  the device says it
        return ""
    if total is None:
        missing = [device for device in audit.devices if device.minimum_backing_bytes is None]
        unknown = ", ".join(f"{device.name} ({device.backing.why})" for device in missing)
        return f"no total: {unknown}" if audit.guests > 1 and unknown else ""
    words = f"a guest maps {format_size(total.mapped)} and needs {format_size(total.needed)}"
    if audit.guests > 1:
        mapped, needed, saved = (
            f"{size * audit.guests / (1 << 30):,.2f} GiB" for size in (total.mapped, total.needed, total.saved)
        )
        words += f"; {audit.guests:,} guests {mapped} and {needed}: {saved} less"
    return words


# --- a device ----------------------------------------------------------------------------------------------------


def device_facts(device: DeviceAudit, audit: Audit) -> Iterator[tuple[str, str]]:
    """What is to be said of a device: a label and the words; a label that is empty goes on with the one before."""
    for number, reason in enumerate(device.reasons):
        yield "" if number else "because", reason
    if device.geometry is not None and device.identity is not None:
        yield "region", _region(device)
        if device.identity.others:
            others = " and ".join(device.identity.others)
            yield "board", f"guessed: {device.identity.board}; {others} {_have(device)} too; --board says which"
        yield "access", device.access
    if device.extent is not None:
        yield "extent", f"{format_size(device.extent.bytes)} ({device.extent.source})"
    yield from _work(device)
    read_only = device.identity is not None and device.identity.read_only
    if device.replayed and (device.minimum_backing_bytes is not None or not read_only):
        yield "smallest backing", _saving(device, audit.guests)
    if device.geometry is not None:
        yield "self-check", _self_check(device)
    if device.extent is not None and not device.policy_evaluated:
        late = "the extent became known only after writes beyond it, and a stream cannot be read again"
        yield "policy", f"EXT004 to EXT006 not evaluated: {late}"


def _have(device: DeviceAudit) -> str:
    several = device.identity is not None and len(device.identity.others) > 1
    return f"{'have' if several else 'has'} a {device.name}"


def _region(device: DeviceAudit) -> str:
    geometry, identity = device.geometry, device.identity
    if geometry is None or identity is None:
        return "unknown"
    size = format_size(device.region_bytes or 0)
    if not geometry.size_known:
        size = f"at least {size} (the image decides; give --image)"
    bus = f"{8 * geometry.bank_width}-bit bank"
    if geometry.chip_width:
        bus += f" of {geometry.chips} x{8 * geometry.chip_width} chips"
    return f"{size} in blocks of {format_size(geometry.block)}, {bus} ({identity.geometry_source})"


def _work(device: DeviceAudit) -> Iterator[tuple[str, str]]:
    totals, ends = device.totals, device.ends
    if not totals.writes and not ends.highest:
        yield "written", "never"
        return
    programs = []
    if totals.buffered_programs:
        programs.append(f"{totals.buffered_programs:,} buffered")
    if totals.programs:
        programs.append(f"{totals.programs:,} single")
    if programs:
        amount = f"{' and '.join(programs)}, {totals.bytes_programmed:,} B"
        yield "programmed", f"{amount}, up to {format_offset(ends.programmed)}"
    if totals.unproved_programs:
        yield "programs", f"{count_of(totals.unproved_programs, 'time')}, stored or not is not known"
    if totals.erases:
        yield (
            "erased",
            f"{count_of(totals.erases, 'time')}, up to {format_offset(ends.erased)}",
        )
    if totals.writes:
        yield "commanded", f"{count_of(totals.writes, 'write')}, up to {format_offset(ends.commanded)}"
    if totals.refused or totals.aborted:
        yield "refused, aborted", f"{totals.refused:,} and {totals.aborted:,}"


def _saving(device: DeviceAudit, guests: int) -> str:
    smallest, why = device.minimum_backing_bytes, device.backing.why
    if smallest is None:
        return f"not known: {why}"
    words = format_size(smallest) + (f" ({why})" if why else "")
    if not device.saved_bytes:
        return f"{words}, the whole region"
    words += f", which saves {format_size(device.saved_bytes)} a guest"
    if guests > 1:
        words += f", {device.saved_bytes * guests / (1 << 30):,.1f} GiB for {guests:,}"
    return words


def _self_check(device: DeviceAudit) -> str:
    if not device.totals.writes and device.ends.highest:
        return "not possible without io_write events"
    if not device.checked:
        return "model and trace disagree (TRC001)"
    behaviour = "" if device.behaviour == Behaviour.UNDETERMINED else f", buffered writes {device.behaviour.label}"
    return f"{count_of(device.events, 'event')}, all as the model predicts{behaviour}"
