"""Reclaims of a variable store: the work and the time of one, as traced or as its layout has it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import polars as pl

from tracetool.analysis.wear import IS_ERASED, IS_PROGRAMMED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracetool.analysis.wear import FlashDriver, StoreWear
    from tracetool.uefi.varstore import VariableStore

__all__ = ["ReclaimCost", "in_reclaims", "reclaim_cost", "reclaim_erases"]

_NANOSECONDS = 1_000_000_000
_TIMES_RECLAIMED = {"variables": 1, "FTW spare": 2}
"""How often a reclaim erases each part: the spare before it is written and after it is done with."""


@dataclass(frozen=True)
class ReclaimCost:
    """Erases, programs and time (None where the trace has no times) of one reclaim.

    `measured` in the traces, or worked out from the store's layout and the pace of the programs in the traces.
    """

    erases: int
    programs: int
    seconds: float | None
    measured: bool


def reclaim_cost(wear: StoreWear, driver: FlashDriver | None, store: VariableStore, block: int) -> ReclaimCost | None:
    """The cost of one reclaim of a store in erase blocks of `block` bytes; None where nothing tells it."""
    complete = [reclaim for reclaim in wear.reclaims if reclaim.complete]
    if complete:
        times = [reclaim.duration_ns for reclaim in complete if reclaim.duration_ns is not None]
        return ReclaimCost(
            round(fmean(reclaim.erases for reclaim in complete)),
            round(fmean(reclaim.programs for reclaim in complete)),
            fmean(times) / _NANOSECONDS if times else None,
            measured=True,
        )
    room, parts = wear.rooms[-1], {region.name: region for region in store.regions}
    if driver is None or room is None or not parts.keys() >= _TIMES_RECLAIMED.keys():
        return None
    variables, spare = (parts[name] for name in _TIMES_RECLAIMED)
    blank = 0 if driver.programs_blank else room.capacity - room.live
    copied = variables.end - store.start - blank
    put_back = spare.end - spare.start if driver.programs_blank else 0
    programs = 2 * _units(copied, driver.program_bytes) + _units(put_back, driver.program_bytes)
    erases = sum(_expected_erases(driver, store, block).values())
    pace = _pace_ns(wear.operations)
    return ReclaimCost(erases, programs, None if pace is None else pace * programs / _NANOSECONDS, measured=False)


def _units(length: int, unit: int) -> int:
    return -(-length // unit)


def _pace_ns(operations: pl.DataFrame) -> float | None:
    """Usual time from the start of a program to that of the next, polling and the guest's own work included."""
    programs = operations.filter(IS_PROGRAMMED).select(pl.col("time_ns").diff().over("trace", "boot"))
    pace = programs["time_ns"].median()
    return pace if isinstance(pace, float) else None


def in_reclaims(wear: StoreWear) -> pl.Expr:
    """True for operations that are part of a reclaim."""
    within = pl.lit(value=False)
    for reclaim in wear.reclaims:
        overlaps = (pl.col("last_seq") >= reclaim.first_seq) & (pl.col("first_seq") <= reclaim.last_seq)
        within |= (pl.col("trace") == reclaim.trace) & overlaps
    return within


def reclaim_erases(
    wear: StoreWear, driver: FlashDriver | None, store: VariableStore, block: int
) -> Mapping[int, float]:
    """Erases of each block in a reclaim, as seen in the traces or as expected."""
    complete = [reclaim for reclaim in wear.reclaims if reclaim.complete]
    if not complete:
        return {} if driver is None else _expected_erases(driver, store, block)
    erases = wear.operations.filter(IS_ERASED & in_reclaims(wear)).group_by("block").len()
    return {number: count / len(complete) for number, count in erases.rows()}


def _expected_erases(driver: FlashDriver, store: VariableStore, block: int) -> dict[int, int]:
    """Erases of each block in a reclaim, by the layout of the store."""
    return {
        number: driver.erases * _TIMES_RECLAIMED[region.name]
        for region in store.regions
        if region.name in _TIMES_RECLAIMED
        for number in range(region.start // block, _units(region.end, block))
    }
