"""Wear forecast of a variable store: what the next boot adds, when the store is reclaimed, how long its blocks last.

A boot is expected to write what the boots before it wrote, but for variables that exist by now and so are not created
again. What follows from that, and from the rules by which the firmware reclaims its store, is arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median_low
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from replay.chip_limits import DEFAULT_CHIP, chip_profiles
from tracetool.analysis.variables import device_store
from tracetool.analysis.wear import DRIVERS, IS_ERASED, store_wear
from tracetool.audit.reclaims import in_reclaims, reclaim_cost, reclaim_erases
from tracetool.audit.verdict import doubts
from tracetool.errors import InputError
from tracetool.uefi.touches import Intent, Part
from tracetool.uefi.variables import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed
    from tracetool.analysis.wear import FlashDriver, StoreRoom, StoreWear
    from tracetool.audit.reclaims import ReclaimCost
    from tracetool.uefi.regions import Region
    from tracetool.uefi.varstore import VariableStore

__all__ = [
    "BLOCK_WEAR_SCHEMA",
    "Boots",
    "Forecast",
    "Spread",
    "WearForecast",
    "forecast_wear",
    "of_boots",
]

BLOCK_WEAR_SCHEMA = pl.Schema(
    {
        "block": pl.Int64(),
        "offset": pl.Int64(),
        "part": pl.String(),
        "erases": pl.Int64(),
        "erases_a_boot": pl.Float64(),
        "boots_left": pl.Int64(),
    }
)
"""One row an erase block of the volume: the part of the store that begins in it or that it lies in, its erases in the
traces, its expected erases a boot (reclaims included; null without a forecast), and the boots until it has had as many
as a chip is good for (null: never, or not known)."""


class Spread(NamedTuple):
    """The least, the mean and the most over the boots that the forecast counts."""

    least: float
    mean: float
    most: float

    @classmethod
    def of(cls, values: Sequence[int]) -> Spread:
        """The spread of at least one value."""
        return cls(min(values), fmean(values), max(values))


class Boots(NamedTuple):
    """A number of boots from the last one on, 1 for the next: `earliest` if boots add the most, `latest` the least.

    None: it does not come.
    """

    earliest: int | None
    latest: int | None


@dataclass(frozen=True)
class Forecast:
    """What comes after the last boot.

    Attributes:
        boots: the boots that it is made of, by trace and boot.
        added_bytes: what a boot adds to the store.
        live_growth_bytes: how much more the live copies take after a boot.
        erases: erases a boot, without reclaims.
        next_added_bytes, next_free_bytes, next_reclaims: what the next boot adds, the room after it, and whether it
            reclaims the store.
        reclaimed_in: the boots until a reclaim.
        reclaimed_every: the boots from one reclaim to the next.
        full_in: the boots until even a reclaim leaves too little room for what a boot adds.
    """

    boots: tuple[tuple[int, int], ...]
    added_bytes: Spread
    live_growth_bytes: Spread
    erases: Spread
    next_added_bytes: int
    next_free_bytes: int
    next_reclaims: bool
    reclaimed_in: Boots
    reclaimed_every: Boots
    full_in: Boots


@dataclass(frozen=True)
class WearForecast:
    """Wear of the store of one device, and its forecast.

    Attributes:
        device: its name.
        wear: what the boots in the traces did.
        driver: how the firmware treats its store; None where the volume is not of a known length.
        forecast: None where there is none, and `why_not` says why.
        cost: of one reclaim; None where neither the traces nor the layout tell it.
        blocks: one row an erase block (`BLOCK_WEAR_SCHEMA`).
        endurance: erases that a block is good for, and where that is said.
    """

    device: str
    wear: StoreWear
    driver: FlashDriver | None
    forecast: Forecast | None
    why_not: tuple[str, ...]
    cost: ReclaimCost | None
    blocks: pl.DataFrame
    endurance: int
    endurance_source: str


def forecast_wear(device: Device, replayed: Replayed, *, endurance: int | None = None) -> WearForecast:
    """Forecast the wear of a device that was replayed with journal and operations.

    Args:
        device: the one with the variable store.
        replayed: its session.
        endurance: erases that a block is good for; None: those of the chip that QEMU's identifiers name.

    Raises:
        InputError: the store cannot be followed.
    """
    wear, store = store_wear(device), device_store(device)
    if wear is None or store is None:
        raise InputError(f"{device.name}: its variable store cannot be followed to the end of the trace; give --image")
    driver = None if store.volume is None else DRIVERS.get(store.volume.fv_length)
    counted = _counted(wear)
    why_not = tuple(dict.fromkeys(_why_not(device, replayed, wear, counted)))
    room = wear.rooms[-1]
    made = None if why_not or room is None else _forecast(wear, counted, room, driver)
    chip = chip_profiles()[DEFAULT_CHIP]
    limit, source = (endurance, "--endurance") if endurance else (chip.erase_cycles, f"{chip.name} data sheet")
    return WearForecast(
        device=device.name,
        wear=wear,
        driver=driver,
        forecast=made,
        why_not=why_not,
        cost=reclaim_cost(wear, driver, store, device.blocks.block_bytes),
        blocks=_blocks(device, wear, driver, made, store, limit),
        endurance=limit,
        endurance_source=source,
    )


# --- which boots count -------------------------------------------------------------------------------------------


def _counted(wear: StoreWear) -> list[tuple[int, int]]:
    """The boots that began with variables in the store: those that format or fill a blank one are not repeated."""
    boots = wear.boots.select("trace", "boot").rows()
    return [boot for boot, room in zip(boots, wear.rooms, strict=False) if room is not None and room.live > 0]


def _why_not(device: Device, replayed: Replayed, wear: StoreWear, boots: list[tuple[int, int]]) -> Iterator[str]:
    """Why no forecast can be made."""
    if wear.boots.height < 2:  # noqa: PLR2004  what a boot repeats is seen from the second on
        yield "the traces hold one boot; a forecast needs two that follow one another"
    elif not boots:
        yield "the store is not known at the beginning of any boot; give the image before the first with --image"
    yield from (found.text for found in doubts(device, replayed))
    for trace, name in sorted(device.options.restored_images):
        if name == device.base:
            yield f"trace {trace} begins with the image that the trace before it began with: QEMU threw its writes away"
    used = set(wear.boots["trace"])
    for notes in device.notes:
        if notes.trace not in used:
            yield f"the guest did nothing to the flash in trace {notes.trace}"
    if not all(reclaim.complete for reclaim in wear.reclaims):
        yield "the trace ends while the store is reclaimed"
    first = wear.boots["trace"].min() if wear.rooms[0] is None else None
    found = next(
        ((trace, seq, words) for trace, seq, words in _contradictions(wear) if trace != first and seq >= 0), None
    )
    if found is not None:
        trace, seq, words = found
        yield f"boots that do not follow one another, or another image: event {seq} of trace {trace} is {words}"


def _contradictions(wear: StoreWear) -> Iterator[tuple[int, int, str]]:
    """Events (trace, seq) that a firmware does not cause on the store that it finds, with words."""
    for fault in wear.timeline.faults:
        yield fault.trace, fault.seq, f"no step that the firmware takes ({fault.words})"
    stray = wear.timeline.touches.filter(pl.col("part") == str(Part.FREE), pl.col("intent") == str(Intent.OTHER))
    for trace, seq in stray.select("trace", "seq").rows():
        yield trace, seq, "a program of free space that makes no variable"
    gone = (State.IN_DELETED_TRANSITION, State.DELETED, State.DELETED_AFTER_TRANSITION)
    for copy in wear.timeline.copies:
        if copy.born is not None and copy.added is None and copy.header.state in gone:
            yield (*copy.born, f"the end of a copy of {copy.name or 'a variable'} that the store did not hold")


# --- the forecast ------------------------------------------------------------------------------------------------


def _forecast(wear: StoreWear, boots: list[tuple[int, int]], room: StoreRoom, driver: FlashDriver | None) -> Forecast:
    repeated = wear.variables.filter(~pl.col("lasting"))
    added = [_sum(repeated, boot) for boot in boots]
    lasting = wear.variables.filter("lasting")
    growth = [change - _sum(lasting, boot) for boot, change in zip(boots, _live_changes(wear, boots), strict=True)]
    least = 0 if driver is None else driver.reclaims_below
    expected = median_low(added)
    after = room.free - expected
    reclaims = after < least if driver else after < 0
    after_reclaim = room.capacity - room.live
    spread, growing = Spread.of(added), Spread.of(growth)
    return Forecast(
        boots=tuple(boots),
        added_bytes=spread,
        live_growth_bytes=growing,
        erases=Spread.of(_erases(wear, boots)),
        next_added_bytes=expected,
        next_free_bytes=after_reclaim if reclaims else after,
        next_reclaims=reclaims,
        reclaimed_in=_until(room.free - least, spread),
        reclaimed_every=_until(after_reclaim - least, spread),
        full_in=_until(after_reclaim - spread.most, growing),
    )


def _sum(variables: pl.DataFrame, boot: tuple[int, int]) -> int:
    return int(of_boots(variables, [boot])["bytes"].sum())


def _live_changes(wear: StoreWear, boots: Iterable[tuple[int, int]]) -> Iterator[int]:
    """How much more live copies took after each of these boots than before it."""
    rows = wear.boots.select("trace", "boot").rows()
    for boot in boots:
        index = rows.index(boot)
        before, after = wear.rooms[index : index + 2]
        yield (after.live if after else 0) - (before.live if before else 0)


def _erases(wear: StoreWear, boots: Iterable[tuple[int, int]]) -> list[int]:
    """Erases of each boot, without those of reclaims."""
    plain = wear.operations.filter(IS_ERASED & ~in_reclaims(wear)).group_by("trace", "boot").len()
    found = {(trace, boot): count for trace, boot, count in plain.rows()}
    return [found.get(boot, 0) for boot in boots]


def _until(room_bytes: float, step: Spread) -> Boots:
    """The boots after which less than nothing is left of some room."""
    if room_bytes < 0:
        return Boots(1, 1)
    return Boots(*(None if each <= 0 else int(room_bytes // each) + 1 for each in (step.most, step.least)))


# --- blocks ------------------------------------------------------------------------------------------------------


def _blocks(
    device: Device,
    wear: StoreWear,
    driver: FlashDriver | None,
    forecast: Forecast | None,
    store: VariableStore,
    endurance: int,
) -> pl.DataFrame:
    """A frame of `BLOCK_WEAR_SCHEMA`."""
    block = device.blocks.block_bytes
    seen = dict(device.block_table().select("block", "erases").rows())
    rates = {} if forecast is None else _rates(wear, forecast, reclaim_erases(wear, driver, store, block))
    rows = []
    for number in range(store.start // block, -(-store.end // block)):
        erases, rate = seen.get(number, 0), rates.get(number, 0.0)
        left = None if not rate else max(int((endurance - erases) / rate), 0)
        part = _part(store.regions, number * block, block)
        rows.append((number, number * block, part, erases, None if forecast is None else rate, left))
    return pl.DataFrame(rows, BLOCK_WEAR_SCHEMA, orient="row")


def of_boots(frame: pl.DataFrame, boots: Sequence[tuple[int, int]]) -> pl.DataFrame:
    """The rows of some boots, each a trace and a boot."""
    chosen = pl.DataFrame(boots, {name: frame.schema[name] for name in ("trace", "boot")}, orient="row")
    return frame.join(chosen, on=["trace", "boot"], how="semi", maintain_order="left")


def _rates(wear: StoreWear, forecast: Forecast, reclaim_erases: Mapping[int, float]) -> dict[int, float]:
    """Expected erases of each block a boot."""
    erases = wear.operations.filter(IS_ERASED & ~in_reclaims(wear))
    plain = of_boots(erases, forecast.boots).group_by("block").len()
    rates = {number: count / len(forecast.boots) for number, count in plain.rows()}
    every = [boots for boots in forecast.reclaimed_every if boots is not None]
    for number, count in reclaim_erases.items() if every else ():
        rates[number] = rates.get(number, 0.0) + count / fmean(every)
    return rates


def _part(regions: Iterable[Region], start: int, length: int) -> str:
    """The parts of the store that lie in a block."""
    return ", ".join(region.name for region in regions if region.start < start + length and region.end > start)
