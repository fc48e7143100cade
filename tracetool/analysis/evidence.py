"""Evidence in the first events of a device: geometry, behaviour, read-only or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from replay.behaviour import Behaviour
from replay.cfi import SECTOR_BYTES, Opcode
from replay.cfi_answers import Answer
from replay.columns import RowKind
from tracetool.analysis.access import Access
from tracetool.analysis.machine_rows import IO_CODES, kinds_of
from tracetool.ingest.cfi02_evidence import is_cfi02, is_quiet, sectors_in, width_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["SHOWING", "Evidence", "Realize", "behaviour_in", "gather", "realize_in"]

SHOWING = (RowKind.WRITE_BLOCK, RowKind.WRITE_BLOCK_START, RowKind.DATA_WRITE)
"""Inner events of buffered writes, which `behaviour_in` looks at."""

_MOST_ANSWERS = 512
_LARGEST_BLOCK = 1 << 24


class Realize(NamedTuple):
    """The `pflash_realize` event of a device of the RFC series. Bytes."""

    read_only: bool
    extent: int | None
    region: int | None


@dataclass(frozen=True)
class Evidence:
    """Evidence in some events of one device; None without any.

    `erase_lengths` are bytes, most frequent first; `highest_end` is exclusive. `answers` are reads of
    identifiers and of the query table, at most `_MOST_ANSWERS` different ones; `flash_bytes` is the flash's length by
    the header of the variable store that the trace writes. `two_chips` says that commands come doubled for two 16-bit
    chips, `byte_wide` that they come as single bytes.
    """

    realize: Realize | None = None
    erase_lengths: tuple[int, ...] = ()
    highest_end: int = 0
    answers: tuple[Answer, ...] = ()
    flash_bytes: int | None = None
    two_chips: bool = False
    byte_wide: bool = False
    access: Access = field(default_factory=Access)
    nameless: bool = False
    """Its events name no device."""
    cfi02: bool = False
    width: int | None = None
    """Width of a CFI02 device by the addresses of its unlock cycles, or as its erases are printed."""
    sectors: tuple[tuple[int, int], ...] = ()
    """Offset and length of the sectors that a CFI02 device erased, each once."""
    reset_is_read_array: bool = False
    quiet: bool = False
    """A CFI02 device logs `reset` for commands that are given up, and for nothing else."""


def realize_in(events: pl.DataFrame) -> Realize | None:
    """The first `pflash_realize` among a device's events; None without one."""
    made = events.filter(pl.col("event") == "realize").head(1)
    if made.is_empty():
        return None
    row = made.row(0, named=True)
    return Realize(row["text"] == "ro", row["length"], row["region"])


def _commands(events: pl.DataFrame) -> pl.DataFrame:
    return events.filter((pl.col("event") == "io_write") & (pl.col("wcycle") == 0))


def _plausible_erase() -> pl.Expr:
    """True for erases of a block of possible size at its start; others are damage and prove nothing."""
    length, offset = pl.col("length"), pl.col("offset")
    whole = (length > 0) & (length <= _LARGEST_BLOCK) & (length % SECTOR_BYTES == 0) & (offset % length == 0)
    return (pl.col("event") == "write_block_erase") & whole


def _doubled(commands: pl.DataFrame) -> bool:
    """True when most commands address two 16-bit chips side by side."""
    value = pl.col("value").cast(pl.Int64)
    low = value & 0xFF
    wide = commands.filter((pl.col("size") == 4) & (low > 0) & (low < 0xFF00))  # noqa: PLR2004  a bank of 32 bits
    return len(wide) > 0 and 2 * len(wide.filter(value == (low | low * (1 << 16)))) > len(wide)


def _answers(accesses: pl.DataFrame) -> tuple[Answer, ...]:
    """Reads of identifiers and of the query table, each once."""
    asked = [int(Opcode.READ_IDENTIFIER), int(Opcode.CFI_QUERY)]
    columns = ("cmd", "offset", "size", "value")
    reads = accesses.filter((pl.col("event") == "io_read") & pl.col("cmd").is_in(asked)).select(columns).drop_nulls()
    found = reads.unique(maintain_order=True).head(_MOST_ANSWERS).rows()
    return tuple(Answer(*map(int, row)) for row in found)


def _reset_is_read_array(kinds: NDArray[np.uint8], commands: pl.DataFrame) -> bool:
    """True for a trace of the series' first patch, where `reset` is logged for every return to read array."""
    resets = kinds == RowKind.RESET
    if (kinds == RowKind.MODE_READ_ARRAY).any() or int(resets.sum()) < 2:  # noqa: PLR2004  one reset is a reset
        return False
    returns = commands.filter((pl.col("value") & 0xFF).is_in([int(Opcode.READ_ARRAY), int(Opcode.CLEAR_STATUS)]))
    after_write = np.isin(np.insert(kinds[:-1], 0, 0), (RowKind.IO_WRITE, RowKind.WRITE_TEXT))
    return len(returns) > 0 and 2 * int((resets & after_write).sum()) > len(returns)


def gather(events: pl.DataFrame, *, nameless: bool = False) -> Evidence:
    """Collect the evidence in the events of one device (`EVENTS_SCHEMA`); `nameless`: they do not name it."""
    kinds = kinds_of(events)
    commands = _commands(events)
    accesses = events.filter(pl.Series(np.isin(kinds, IO_CODES)))
    erases = events.filter(_plausible_erase())["length"]
    ends = (accesses["offset"] + accesses["size"].cast(pl.Int64)).drop_nulls()
    access = Access()
    access.add(events)
    return Evidence(
        realize=realize_in(events),
        erase_lengths=tuple(erases.value_counts(sort=True)["length"].to_list()) if len(erases) else (),
        highest_end=int(ends.max() or 0) if len(ends) else 0,  # type: ignore[arg-type]
        answers=_answers(accesses),
        two_chips=_doubled(commands),
        byte_wide=len(commands) > 0 and bool((commands["size"] == 1).all()),
        access=access,
        nameless=nameless,
        cfi02=is_cfi02(events, accesses),
        width=width_in(events, accesses),
        sectors=sectors_in(events),
        reset_is_read_array=_reset_is_read_array(kinds, commands),
        quiet=nameless or is_quiet(events),
    )


def behaviour_in(kinds: Iterable[int], wcycles: Iterable[int]) -> Behaviour:
    """The behaviour that the inner events after the count of a buffered write prove; `UNDETERMINED` for none.

    The rows are those after the count: a window that opens before the next write was opened by the count, one that
    opens later by a word; a word that is stored at once needs none.
    """
    words = 0
    cycle = -1
    for kind, wcycle in zip(kinds, wcycles, strict=True):
        if kind == RowKind.IO_WRITE:
            words += 1
            cycle = wcycle
        elif kind == RowKind.WRITE_BLOCK:
            return Behaviour.DIRECT
        elif kind == RowKind.WRITE_BLOCK_START:
            return Behaviour.STAGED_AT_DATA if words else Behaviour.STAGED_AT_COUNT
        elif kind == RowKind.DATA_WRITE and cycle == 2:  # noqa: PLR2004  the cycle of data words
            return Behaviour.DIRECT
    return Behaviour.UNDETERMINED
