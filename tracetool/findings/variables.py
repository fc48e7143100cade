"""VAR: the UEFI variables and their store, where the audit follows it."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

import polars as pl

from tracetool.analysis.cluster import Cluster
from tracetool.analysis.store_use import (
    accessed_beside,
    beside,
    holds_code,
    looks_absent,
    stored_nothing,
    unlike_builds,
)
from tracetool.findings.phrases import count_of, listed
from tracetool.findings.registry import Hit, rule
from tracetool.sizes import format_offset, format_size
from tracetool.uefi.touches import Fault, Intent, Part
from tracetool.uefi.variables import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.findings.registry import Case

_WORN_BY_ONE = 0.5
"""Least share of one variable in the bytes added to the store that is worth a note."""

_LEAST_ROOM = 1 / 20
"""Least part of the store's room that its updates must have taken."""


def _faults(case: Case, fault: Fault) -> Iterator[Hit]:
    """One hit for all faulty steps of a kind; its message is that of the first."""
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
    """State bytes changed to a value that cannot follow."""
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
    """Steps of a fault tolerant write out of order."""
    yield from _faults(case, Fault.QUEUE_ORDER)


@rule("VAR004")
def wrong_region(case: Case) -> Iterator[Hit]:
    """Programs of free space that create no variable, and of the spare without a write in progress."""
    yield from _faults(case, Fault.WRONG_REGION)


@rule("VAR005")
def reformatted(case: Case) -> Iterator[Hit]:
    """Formats of a store that held variables."""
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
    """Stores with less room than the firmware's limit, which it reclaims at its next start."""
    store = case.device.variable_store
    if store is None or store.header is None or store.volume is None:
        return
    from tracetool.analysis.wear import DRIVERS  # noqa: PLC0415  few audits follow a store

    driver = DRIVERS.get(store.volume.fv_length)
    if driver is not None and store.free_bytes < driver.reclaims_below:
        message = (
            f"{format_size(store.free_bytes)} free from {format_offset(store.list_end)} on; the firmware reclaims the "
            f"store below {format_size(driver.reclaims_below)}"
        )
        yield Hit(Cluster(1, offset=store.list_end, end=store.header.end), message)


@rule("VAR008")
def wearing(case: Case) -> Iterator[Hit]:
    """Variables whose updates take most of what is added to the store."""
    timeline, store = case.device.store_timeline, case.device.variable_store
    if timeline is None or store is None or store.header is None:
        return
    from tracetool.analysis.wear import variable_writes  # noqa: PLC0415  as above

    writes = variable_writes(timeline).sort("trace", "seq")
    updates = (
        writes.filter(~pl.col("lasting"))
        .group_by("variable", "guid", maintain_order=True)
        .agg(
            pl.col("bytes", "copies", "rewrites").sum(),
            pl.col("trace").first(),
            pl.col("trace").last().alias("last_trace"),
            pl.col("seq").first(),
            pl.col("seq").last().alias("last_seq"),
        )
    )
    total, room = int(writes["bytes"].sum()), store.header.end - store.header.first
    for row in updates.iter_rows(named=True):
        if row["bytes"] >= _WORN_BY_ONE * total and row["bytes"] >= _LEAST_ROOM * room:
            message = (
                f"{count_of(row['copies'], 'update')} of {row['variable'] or 'a variable'} took {row['bytes']:,} of "
                f"{total:,} B that were added to the store ({row['bytes'] / total:.0%}), and "
                f"{count_of(row['rewrites'], 'rewrite')} of the live store"
            )
            events = (row["seq"], row["last_seq"], row["trace"], row["last_trace"])
            yield Hit(_of_events(row["copies"], *events), message)


def _of_events(count: int, first_seq: int, last_seq: int, trace: int, last_trace: int) -> Cluster:
    return Cluster(count, first_seq=first_seq, last_seq=last_seq, trace=trace, last_trace=last_trace)


@rule("VAR009")
def misplaced(case: Case) -> Iterator[Hit]:
    """Variables that are written to the code's flash, and stores of another build than the code."""
    device, replayed = case.device, case.replayed
    if not device.options.variables:
        return
    unlike = unlike_builds(device, replayed)
    if unlike is not None:
        yield Hit(Cluster(1), f"the firmware does not find its store: {unlike}")
    from tracetool.analysis.variables import store_range  # noqa: PLC0415  as above

    span, others = store_range(device), [other.name for other in beside(device, replayed)]
    if span is None or not others or not holds_code(device):
        return
    start, end = span
    blocks = device.block_table().filter(pl.col("offset") < end, pl.col("offset") + pl.col("length") > start)
    count = int(blocks.select(pl.sum_horizontal(pl.col("erases", "programs", "refused").sum())).item())
    message = (
        f"{count_of(count, 'program or erase', 'programs and erases')} went to a variable store in the code's flash at "
        f"{format_offset(start)}; {listed(others)} is not used for it"
    )
    if count:
        yield Hit(Cluster(count, 0, start, end), message)


@rule("VAR010")
def unused(case: Case) -> Iterator[Hit]:
    """Stores that a guest left as they were, though it used its flashes, and flashes that OVMF cannot find."""
    device, replayed = case.device, case.replayed
    if not device.options.variables:
        return
    lost = "its firmware keeps the variables in RAM, where they are lost when QEMU ends"
    if looks_absent(device):
        block = format_size(device.blocks.block_bytes)
        words = f"the first {block} of the image hold nothing but 00, 50 and 70, so OVMF takes the flash for absent"
        yield Hit(Cluster(1, offset=0, end=device.blocks.block_bytes), f"{words}: {lost}")
        return
    for notes in device.notes:
        ran = notes.accesses or any(accessed_beside(device, notes.trace, replayed))
        if ran and stored_nothing(device, notes):
            message = f"the guest used its flashes and stored nothing in the variable store: {lost}"
            yield Hit(_of_events(1, 0, notes.last_seq, notes.trace, notes.trace), message)
