"""VAR: what became of the UEFI variables, where the audit was asked to follow their store."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

import polars as pl

from tracetool.analysis.cluster import Cluster
from tracetool.findings.phrases import count_of, listed
from tracetool.findings.registry import Hit, rule
from tracetool.sizes import format_offset, format_size
from tracetool.uefi.store_timeline import Fault, Intent, Part
from tracetool.uefi.variables import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.findings.registry import Case

_RECLAIMED_BELOW = {0xC0000: 0x2800, 0x84000: 0x8400}
"""Free bytes below which the firmware reclaims the store at ReadyToBoot, by the length of the volume: AAVMF and
RiscVVirt, OVMF 4M. Ref: edk2 MdeModulePkg VariableRuntimeDxe, PcdReclaimVariableSpaceSize; seen in boots of both."""


def _faults(case: Case, fault: Fault) -> Iterator[Hit]:
    """One hit for all steps of a kind, with the first of them in words."""
    timeline = case.device.store_timeline
    found = Cluster.empty(listed=False)
    steps = [] if timeline is None else [step for step in timeline.faults if step.fault == fault]
    for step in steps:
        end = step.offset + step.length
        found.merge(Cluster(1, 0, step.offset, end, step.seq, step.seq, trace=step.trace, last_trace=step.trace))
    if steps:
        yield Hit(found, f"{'first: ' if len(steps) > 1 else ''}{steps[0].words}")


@rule("VAR001")
def illegal_states(case: Case) -> Iterator[Hit]:
    """State bytes that went to a value that may not follow."""
    yield from _faults(case, Fault.ILLEGAL_STATE)


@rule("VAR002")
def rewritten(case: Case) -> Iterator[Hit]:
    """Erases of the live store outside fault tolerant write."""
    timeline = case.device.store_timeline
    if timeline is None:
        return
    erases = timeline.touches.filter(pl.col("part") == str(Part.VARIABLES), pl.col("intent") == str(Intent.REWRITE))
    found = Cluster.empty(listed=False)
    for trace, seq, offset, length in erases.select("trace", "seq", "offset", "length").iter_rows():
        found.merge(Cluster(1, length, offset, offset + length, seq, seq, trace=trace, last_trace=trace))
    if found:
        times = count_of(found.count, "time")
        yield Hit(found, f"the live store was erased {times} with no copy in the spare")


@rule("VAR003")
def out_of_order(case: Case) -> Iterator[Hit]:
    """Steps of a fault tolerant write before their turn."""
    yield from _faults(case, Fault.QUEUE_ORDER)


@rule("VAR004")
def wrong_region(case: Case) -> Iterator[Hit]:
    """Programs of free space that make no variable, and of the spare without a write in progress."""
    yield from _faults(case, Fault.WRONG_REGION)


@rule("VAR005")
def reformatted(case: Case) -> Iterator[Hit]:
    """Stores that lost all their variables in a format."""
    yield from _faults(case, Fault.REFORMATTED)


@rule("VAR006")
def copies(case: Case) -> Iterator[Hit]:
    """Variables with two live copies at the end, and variables that a rewrite did not put back."""
    yield from _faults(case, Fault.LOST)
    store = case.device.variable_store
    if store is None:
        return
    added = [variable for variable in store.variables if variable.header.state == State.ADDED]
    counts = Counter((variable.name, variable.guid) for variable in added)
    twice = [variable for variable in added if counts[variable.name, variable.guid] > 1]
    found = Cluster(len(twice))
    if twice:
        found.offset, found.end = twice[0].header.offset, twice[-1].header.end
        names = listed([name for name, _ in groupby(sorted(variable.name for variable in twice))])
        yield Hit(found, f"{names}: more than one live copy at the end of the trace")


@rule("VAR007")
def nearly_full(case: Case) -> Iterator[Hit]:
    """Stores that the firmware will reclaim at its next start."""
    store = case.device.variable_store
    if store is None or store.header is None or store.volume is None:
        return
    least = _RECLAIMED_BELOW.get(store.volume.fv_length)
    if least is not None and store.free_bytes < least:
        message = (
            f"{format_size(store.free_bytes)} free from {format_offset(store.list_end)} on; the firmware reclaims the "
            f"store below {format_size(least)}"
        )
        yield Hit(Cluster(1, offset=store.list_end, end=store.header.end), message)
