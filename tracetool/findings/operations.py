"""SEQ, WEAR, NOR: rules about single operations, each a predicate over their columns and the words of its finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from replay.cfi import Opcode, Status
from replay.columns import Flag, OpKind, Outcome
from tracetool.findings.phrases import count_of, place
from tracetool.findings.registry import Hit, rule
from tracetool.timeline.operations import IS_WRITING, flagged, is_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.findings.registry import Case

__all__ = ["OPERATION_RULES", "QUIET", "OperationRule", "register"]

_ERROR_BITS = int(Status.PROGRAM_ERROR | Status.ERASE_ERROR)
QUIET = (OpKind.READ_ARRAY, OpKind.IDENTIFY, OpKind.QUERY)
"""Kinds that neither change the flash nor read its status."""
_HARMLESS = is_kind(OpKind.STATUS, OpKind.CLEAR_STATUS, OpKind.RESET, *QUIET)
_SUSPEND = 0xB0
# Second cycles of 0x60 that QEMU does not know: lock-down and the read configuration register.
# Ref: Intel 28F160C18 data sheet, table 5; Numonyx L18 data sheet, order 251902, table 20.
_LOCK_CYCLES = [0x2F, 0x03]


class OperationRule(NamedTuple):
    """A predicate over operations and the words of its finding: `2 NOUNS at PLACE WHAT`.

    The predicate reads the columns of `SUMS_SCHEMA` and those that `OperationWatch` adds. `unfounded` selects the
    operations of which the trace shows too little to blame the guest.
    """

    when: pl.Expr
    noun: str
    what: str
    plural: str = ""
    unfounded: pl.Expr = flagged(Flag.MISMATCH | Flag.ADOPTED)
    """Model and trace disagree, or the state is a guess: TRC001 or TRC007 is the finding then."""


_ON_WRITABLE = ~flagged(Flag.READ_ONLY_TARGET)
_KNOWN = ~pl.col("unknown")
_DOUBLE_ERROR = (pl.col("status_before") & _ERROR_BITS) != 0
_BUFFERED = is_kind(OpKind.BUFFERED_PROGRAM)
_BLOCK_OF_COUNT = pl.col("count_offset") // pl.col("block_bytes")
_LOW_BYTE = pl.col("command_value") & 0xFF
_LOCK_ON_SILICON = _LOW_BYTE.eq(int(Opcode.LOCK_SETUP)) & (pl.col("bad_cycle_value") & 0xFF).is_in(_LOCK_CYCLES)
_ALLOWED_WHEN_BUSY = _HARMLESS | (_LOW_BYTE == _SUSPEND)


def _ended(*outcomes: Outcome) -> pl.Expr:
    return pl.col("outcome").is_in([int(outcome) for outcome in outcomes])


def _nor(when: pl.Expr, noun: str, what: str, plural: str = "") -> OperationRule:
    """A rule of silicon: inner events alone do not show which commands a chip would have seen."""
    return OperationRule(when, noun, what, plural, flagged(Flag.MISMATCH | Flag.ADOPTED) | pl.col("inferred"))


_PROGRAM_OR_ERASE = ("program or erase", "programs and erases")

OPERATION_RULES: dict[str, OperationRule] = {
    # Reported by `sequence`, which says more of it.
    "SEQ002": OperationRule(
        _BUFFERED & _ended(Outcome.REFUSED, Outcome.ABORTED) & _ON_WRITABLE, "buffered write", "refused or aborted"
    ),
    "SEQ003": OperationRule(is_kind(OpKind.ERASE) & flagged(Flag.BAD_SECOND_CYCLE), "erase", "without a confirm"),
    "SEQ006": OperationRule(
        IS_WRITING & _DOUBLE_ERROR,
        _PROGRAM_OR_ERASE[0],
        "began with an error bit of an earlier operation set",
        _PROGRAM_OR_ERASE[1],
    ),
    # By inner events alone a buffered write that changed nothing is but one of its words.
    "WEAR002": OperationRule(
        IS_WRITING & _ended(Outcome.DONE) & _KNOWN & (pl.col("bytes_changed") == 0) & _ON_WRITABLE,
        _PROGRAM_OR_ERASE[0],
        "changed nothing",
        _PROGRAM_OR_ERASE[1],
        _BUFFERED & pl.col("inferred"),
    ),
    "NOR001": _nor(IS_WRITING & _KNOWN & (pl.col("bits_set_without_erase") > 0), "program", "set bits from 0 to 1"),
    "NOR002": _nor(is_kind(OpKind.ERASE) & flagged(Flag.BAD_SECOND_CYCLE), "erase", "had no 0xd0 confirm"),
    # 0x98 has no second cycle: what QEMU takes for one is a command of its own on silicon.
    # Ref: Intel 28F160C18 data sheet, table 5 (Read Query: one write, then reads).
    "NOR003": _nor(
        ~is_kind(OpKind.ERASE, OpKind.QUERY)
        & flagged(Flag.BAD_SECOND_CYCLE)
        & ~_LOCK_ON_SILICON.fill_null(value=False),
        "sequence",
        "had a second cycle that silicon refuses",
    ),
    # The start is the first word's place; setup and count may go anywhere in the block.
    # Ref: ST M58PR256J data sheet, 4.8 (the same command set); Linux's cfi_cmdset_0001 and U-Boot's cfi_flash do so.
    "NOR004": _nor(
        _BUFFERED
        & (
            (pl.col("words_low") < pl.col("words_start"))
            | (pl.col("words_high") > pl.col("words_start") + pl.col("counted_bytes"))
            | (pl.col("words_low") // pl.col("block_bytes") != _BLOCK_OF_COUNT)
            | ((pl.col("words_high") - 1) // pl.col("block_bytes") != _BLOCK_OF_COUNT)
        ),
        "buffered write",
        "had words outside start and count, or in another block",
    ),
    "NOR005": _nor(
        _BUFFERED & (pl.col("words_start") % pl.col("buffer_bytes") != 0),
        "buffered write",
        "did not start at a multiple of the chip's buffer",
    ),
    # Ref: P30 data sheet, order 306666, 11.1: which commands can be issued during programming.
    "NOR006": _nor(
        pl.col("busy_before") & ~_ALLOWED_WHEN_BUSY,
        "command",
        "came while a chip could still be busy with the program or erase before",
    ),
    "NOR006-untimed": _nor(
        pl.col("unpolled_before") & ~_ALLOWED_WHEN_BUSY,
        "command",
        "came after a program or erase whose end was not polled for; without times it is not known if too early",
    ),
    "NOR007": _nor(_DOUBLE_ERROR & ~_HARMLESS, "command", "came with an error bit set"),
    "NOR008": _nor(
        IS_WRITING & pl.col("locked"),
        _PROGRAM_OR_ERASE[0],
        "went to blocks that were never unlocked",
        _PROGRAM_OR_ERASE[1],
    ),
    "NOR009": _nor(pl.col("one_lane"), "command", "reached one chip of the bank only"),
    "NOR010": _nor(
        pl.col("command_value").is_in([0xB0, 0xD0, 0xB000B0, 0xD000D0]), "write", "would suspend or resume an erase"
    ),
}
"""Rules about single operations, by identifier; `NOR006-untimed` is what NOR006 can tell without times."""


def register(name: str, words: OperationRule) -> None:
    """Register the check of a rule about single operations."""

    @rule(name.partition("-")[0])
    def check(case: Case) -> Iterator[Hit]:
        if case.device.watch is not None and name in case.device.watch.clusters:
            found = case.device.watch.clusters[name]
            yield Hit(found, f"{count_of(found.count, words.noun, words.plural)} {place(found)} {words.what}")


for _name, _words in OPERATION_RULES.items():
    if _name != "SEQ002":
        register(_name, _words)
