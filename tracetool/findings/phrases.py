"""Phrases that several rules share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.sizes import format_offset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracetool.analysis.cluster import Cluster
    from tracetool.analysis.device import Device
    from tracetool.analysis.identity import Identity
    from tracetool.findings.registry import Finding
    from tracetool.ingest.trace_reader import Health

__all__ = ["address", "count_of", "events_lost", "events_of", "hex_bytes", "listed", "place", "span", "strays"]


_MOST_LISTED = 4
_NULL_PAGE = 0x1000
_MOST_TEXT = 48


def count_of(count: int, noun: str, plural: str = "") -> str:
    """`1 program`, `1,204 programs`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def events_lost(health: Health) -> str:
    """The events that the source of a trace reports as lost, in words; empty for none."""
    unknown = any(not place.count for place in health.lost_places)
    if health.lost:
        return f"{'at least ' if unknown else ''}{count_of(health.lost, 'event')} lost"
    return "an unknown number of events lost" if unknown else ""


def listed(items: Iterable[str]) -> str:
    """`0x1000`, `0x1000 and 0x2000`, `0, 1, 2 and 4`; of many the first and the last."""
    found = list(items)
    if len(found) > _MOST_LISTED:
        return f"{found[0]} to {found[-1]}"
    return " and ".join(part for part in (", ".join(found[:-1]), found[-1]) if part) if found else ""


def span(offset: int, end: int) -> str:
    """`0x100000`, or `0x100000 to 0x140000` where it is more than a word."""
    word = 8
    if end - offset <= word:
        return format_offset(offset)
    return f"{format_offset(offset)} to {format_offset(end)}"


def place(cluster: Cluster) -> str:
    """Place of a cluster: `at 0x100000`, `at 0x100000 to 0x140000`."""
    return f"at {span(cluster.offset, cluster.end)}"


def events_of(finding: Finding, *, several: bool) -> str:
    """The first and the last event of a finding, with their traces where there are `several`; empty without either."""
    if finding.first_seq is None:
        return f"trace {finding.trace}" if several and finding.trace is not None else ""
    of_first, of_last = (f" of trace {trace}" if several else "" for trace in (finding.trace, finding.last_trace))
    if finding.trace != finding.last_trace:
        return f"event {finding.first_seq}{of_first} to event {finding.last_seq}{of_last}"
    if finding.first_seq == finding.last_seq:
        return f"event {finding.first_seq}{of_first}"
    return f"events {finding.first_seq} to {finding.last_seq}{of_first}"


def address(identity: Identity | None, offset: int) -> str:
    """The guest-physical address of an offset, `guest-physical 0x4000000 on virt-arm`; empty where it is not known."""
    base = None if identity is None else identity.base
    if identity is None or base is None or offset < 0:
        return ""
    null = ", a null pointer?" if base + offset < _NULL_PAGE else ""
    return f"guest-physical {format_offset(base + offset)} on {identity.board}{null}"


def strays(device: Device, found: Cluster) -> tuple[str, str]:
    """Stores that are no commands: their first value, or the text that they read as; and where the first went."""
    value = f" (first value {found.example:#x})" if found.example >= 0 else ""
    where = address(device.identity, found.offset)
    text = device.tally.text.longest
    return f" (text: {text[:_MOST_TEXT]!r})" if text else value, f"{place(found)}{where and f' ({where})'}"


def hex_bytes(value: int, size: int, *, big_endian: bool = False) -> str:
    """A stored word as the bytes in the flash: `40 00 40 00`."""
    if value < 0 or not 0 < size <= 8:  # noqa: PLR2004  the widest access
        return ""
    mask = (1 << (8 * size)) - 1
    return (value & mask).to_bytes(size, "big" if big_endian else "little").hex(" ")
