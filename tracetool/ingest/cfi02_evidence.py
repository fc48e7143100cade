"""Evidence of a CFI02 device in its first events: that it is one, its width, its sectors, and how it logs `reset`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from replay.boards import boards_with
from replay.cfi02.facts import ADDRESS_MASK, UNLOCK_ADDRESSES, Command, Cycle
from replay.command_set import CommandSet
from tracetool.events import CFI02_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_cfi02", "is_quiet", "sectors_in", "width_in"]

_WIDTHS = (1, 2, 4)
_HIGHEST_CFI01_CYCLE = 3
_ONLY = sorted(CFI02_ONLY | {"timer_expired"})


def _unlocked(accesses: pl.DataFrame) -> Iterator[tuple[int, int]]:
    """Width and number of the first unlock cycles that led to the next write cycle, for each width that has any.

    A CFI01 device stays in its command cycle: 0xaa is no command of it.
    """
    led = (
        (pl.col("event") == "io_write")
        & (pl.col("wcycle") == int(Cycle.REST))
        & (pl.col("value") & 0xFF == int(Command.FIRST_UNLOCK))
        & (pl.col("wcycle").shift(-1) == int(Cycle.UNLOCK))
    )
    offsets = accesses.filter(led.fill_null(value=False))["offset"]
    for width in _WIDTHS:
        yield width, int((((offsets // width) & ADDRESS_MASK) == UNLOCK_ADDRESSES[0]).sum())


def is_cfi02(events: pl.DataFrame, accesses: pl.DataFrame) -> bool:
    """True for a device with events or write cycles that no CFI01 device has. `accesses` are those among the events.

    The name of a device that boards have as CFI01 alone outweighs them: one damaged event is no other device.
    """
    known = boards_with(str(events["device"][0])) if events.height else []
    if known and all(board.command_set != CommandSet.CFI02 for board in known):
        return False
    if events["event"].cast(pl.String).is_in(_ONLY).any() or any(count for _, count in _unlocked(accesses)):
        return True
    highest = accesses["wcycle"].max()
    return highest is not None and int(highest) > _HIGHEST_CFI01_CYCLE  # type: ignore[arg-type]


def width_in(events: pl.DataFrame, accesses: pl.DataFrame) -> int | None:
    """The width of the device by the addresses of its unlock cycles, else by the digits of its erases."""
    count, width = max((count, width) for width, count in _unlocked(accesses))
    if count:
        return width
    digits = events.filter(pl.col("event") == "sector_erase_start")["size"].drop_nulls()
    return int(digits[0]) if len(digits) and int(digits[0]) in _WIDTHS else None


def sectors_in(events: pl.DataFrame) -> tuple[tuple[int, int], ...]:
    """Offset and length of each sector that was erased; CTF has no lengths."""
    erases = events.filter(pl.col("event") == "sector_erase_start").select("offset", "length").drop_nulls()
    return tuple(erases.unique().sort("offset").rows())


def is_quiet(events: pl.DataFrame) -> bool:
    """True for a trace of the series' first patch on QEMU 5.2: a timer's return to rest logs no `reset`."""
    names = events["event"].cast(pl.String)
    if not (names == "timer_expired").any() or not (names == "reset").any() or (names == "mode_read_array").any():
        return False
    unexplained = names.shift(1).is_in(["timer_expired", "erase_complete", "io_read", "reset"]).fill_null(value=True)
    return not ((names == "reset") & unexplained).any()
