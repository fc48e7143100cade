"""RO: stores to a flash that does not take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.findings.phrases import count_of, place, strays
from tracetool.findings.registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.findings.registry import Case, Finding


@rule("RO001")
def stray_store(case: Case) -> Iterator[Finding]:
    """Values that no driver would send to a read-only flash."""
    device = case.device
    if device is None or not device.read_only:
        return
    found = device.tally.strays
    value, where = strays(case, found)
    yield from case.finding("RO001", found, f"{count_of(found.count, 'stray store')}{value} {where}")


@rule("RO002")
def refused(case: Case) -> Iterator[Finding]:
    """Programs and erases that a read-only flash refused."""
    device = case.device
    if device is None or not device.read_only:
        return
    found = device.tally.refused_read_only
    message = f"{count_of(found.count, 'program or erase', 'programs or erases')} refused {place(found)}"
    yield from case.finding("RO002", found, message)
