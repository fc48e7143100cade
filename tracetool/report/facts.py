"""Phrases of every report for people: headline, host, and facts and figures of a device, each with its key."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from replay.behaviour import Behaviour
from replay.command_set import CommandSet
from tracetool.audit.figures import COUNTS, Unit
from tracetool.audit.verdict import Verdict
from tracetool.findings.phrases import count_of
from tracetool.report.phrases import severity_counts
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replay.geometry import Geometry
    from tracetool.audit import Audit, DeviceAudit
    from tracetool.audit.figures import Figure

__all__ = ["Fact", "Topic", "device_facts", "figure_text", "headline", "host_words", "shown_figures"]

_GIB = 1 << 30


# --- the whole ---------------------------------------------------------------------------------------------------


def headline(audit: Audit) -> str:
    """Say what the verdict on the whole means, in one sentence without a full stop."""
    verdict = audit.verdict
    devices = [device for device in audit.devices if device.verdict == verdict]
    unsure = [device.name for device in devices if device.unsure]
    names = " and ".join(unsure or [device.name for device in devices])
    if verdict == Verdict.OUTSIDE_EXTENT:
        return f"the guest wrote beyond the extent of {names}"
    if verdict == Verdict.INCONCLUSIVE:
        return f"nothing outside was seen, but the trace does not show everything that was done to {names}"
    if verdict == Verdict.WITHIN_EXTENT:
        return f"the guest wrote nothing beyond the extent of {names}"
    if unsure:
        found = severity_counts(audit.findings) or "no findings"
        return f"nothing says which part of {names} is the firmware's, so nothing is outside; {found}"
    return f"no extent is known for {names}, which nobody wrote to or is read-only"


def host_words(audit: Audit) -> str:
    """Say what all flashes of a guest, and of all guests, take on the host; empty for a single flash."""
    host, guests = audit.host, audit.guests
    if len(audit.devices) < 2:  # noqa: PLR2004  the device says it
        return ""
    if host is None:
        missing = ", ".join(f"{found.name} ({found.backing.why})" for found in audit.devices if not found.backing.known)
        return f"no total: {missing}" if guests > 1 and missing else ""
    words = f"a guest maps {format_size(host.mapped)} and needs {format_size(host.needed)}"
    if guests > 1:
        mapped, needed, saved = (f"{size * guests / _GIB:,.2f} GiB" for size in (host.mapped, host.needed, host.saved))
        words += f"; {guests:,} guests {mapped} and {needed}: {saved} less"
    return words


# --- figures of a device -----------------------------------------------------------------------------------------


def shown_figures(device: DeviceAudit) -> Iterator[Figure]:
    """Figures that people look for: sizes that matter, the smallest backing first, then counts that are not 0."""
    found = device.figures
    if device.backing.known and not device.taken_as_read_only:
        yield found["minimum_backing_bytes"]
        if device.saved_bytes:
            yield found["saved_bytes"]
            if device.guests > 1:
                yield found["saved_bytes_all_guests"]
    if device.extent is not None:
        yield found["extent_bytes"]
    yield from (found[key] for key in COUNTS if found[key].value)


def figure_text(figure: Figure) -> str:
    """Format the value by its unit; savings of a fleet in GiB."""
    if figure.value is None:
        return "?"
    if figure.key == "saved_bytes_all_guests":
        return f"{figure.value / _GIB:,.1f} GiB"
    return format_size(figure.value) if figure.unit == Unit.BYTES else f"{figure.value:,}"


# --- facts of a device -------------------------------------------------------------------------------------------


class Topic(StrEnum):
    """Subject of a fact; the value is its label."""

    REGION = "region"
    BOARD = "board"
    ACCESS = "access"
    EXTENT = "extent"
    WRITTEN = "written"
    PROGRAMMED = "programmed"
    UNPROVED = "programs"
    ERASED = "erased"
    COMMANDED = "commanded"
    REFUSED = "refused, aborted"
    BACKING = "smallest backing"
    SELF_CHECK = "self-check"
    POLICY = "policy"


class Fact(NamedTuple):
    """A phrase on one subject of a device."""

    topic: Topic
    words: str


def device_facts(device: DeviceAudit) -> Iterator[Fact]:
    """Facts of a device in the order of a report; the reasons of its verdict are not among them."""
    identity = device.identity
    if device.geometry is not None and identity is not None:
        yield Fact(Topic.REGION, _region(device))
        if identity.others:
            have = f"{'have' if len(identity.others) > 1 else 'has'} a {device.name}"
            others = " and ".join(identity.others)
            yield Fact(Topic.BOARD, f"guessed: {identity.board}; {others} {have} too; --board says which")
        yield Fact(Topic.ACCESS, device.access)
    if device.extent is not None:
        yield Fact(Topic.EXTENT, f"{format_size(device.extent.bytes)} ({device.extent.source})")
    yield from _work(device)
    if device.replayed and (device.backing.known or not device.taken_as_read_only):
        yield Fact(Topic.BACKING, _saving(device))
    if device.geometry is not None:
        yield Fact(Topic.SELF_CHECK, _self_check(device))
    if device.extent is not None and not device.policy_evaluated:
        late = "the extent became known only after writes beyond it, and a stream cannot be read again"
        yield Fact(Topic.POLICY, f"EXT004 to EXT006 not evaluated: {late}")


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
    if geometry.command_set == CommandSet.CFI02:
        bus = f"{8 * geometry.bank_width}-bit, CFI02"
    if identity.mirrors > 1:
        bus += f", mapped {identity.mirrors} times"
    return f"{size} in {_blocks(geometry)}, {bus} ({identity.geometry_source})"


def _blocks(geometry: Geometry) -> str:
    """The erase blocks, by region where they are unlike."""
    if not geometry.layout:
        return f"blocks of {format_size(geometry.block)}"
    return "sectors " + ", ".join(f"{count} x {format_size(sector)}" for count, sector in geometry.layout)


def _work(device: DeviceAudit) -> Iterator[Fact]:
    totals, ends = device.totals, device.ends
    if not totals.writes and not ends.highest:
        yield Fact(Topic.WRITTEN, "never")
        return
    kinds = (totals.buffered_programs, "buffered"), (totals.programs, "single")
    programs = " and ".join(f"{count:,} {kind}" for count, kind in kinds if count)
    if programs:
        amount = f"{programs}, {totals.bytes_programmed:,} B"
        yield Fact(Topic.PROGRAMMED, f"{amount}, up to {format_offset(ends.programmed)}")
    if totals.unproved_programs:
        yield Fact(Topic.UNPROVED, f"{count_of(totals.unproved_programs, 'time')}, stored or not is not known")
    if totals.erases:
        yield Fact(Topic.ERASED, f"{count_of(totals.erases, 'time')}, up to {format_offset(ends.erased)}")
    if totals.writes:
        yield Fact(Topic.COMMANDED, f"{count_of(totals.writes, 'write')}, up to {format_offset(ends.commanded)}")
    if totals.refused or totals.aborted:
        yield Fact(Topic.REFUSED, f"{totals.refused:,} and {totals.aborted:,}")


def _saving(device: DeviceAudit) -> str:
    smallest, why = device.backing
    if smallest is None:
        return f"not known: {why}"
    words = format_size(smallest) + (f" ({why})" if why else "")
    if not device.saved_bytes:
        return f"{words}, the whole region"
    words += f", which saves {format_size(device.saved_bytes)} a guest"
    if device.guests > 1:
        words += f", {figure_text(device.figures['saved_bytes_all_guests'])} for {device.guests:,}"
    return words


def _self_check(device: DeviceAudit) -> str:
    if not device.totals.writes and device.ends.highest:
        return "not possible without io_write events"
    if not device.self_check:
        return "model and trace disagree (TRC001)"
    behaviour = "" if device.behaviour == Behaviour.UNDETERMINED else f", buffered writes {device.behaviour.label}"
    return f"{count_of(device.events, 'event')}, all as the model predicts{behaviour}"
