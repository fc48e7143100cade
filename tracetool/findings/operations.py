"""SEQ, WEAR, NOR: rules about single operations, each a predicate over their columns and the words of its finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from replay.cfi import Opcode, Status
from replay.columns import Flag, OpKind, Outcome
from tracetool.findings.phrases import count_of, place
from tracetool.findings.registry import Hit, rule
from tracetool.findings.watched import QUIET, Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tracetool.findings.registry import Case

    Mask = NDArray[np.bool_]
    Predicate = Callable[[Watched], Mask]

__all__ = ["OPERATION_RULES", "OperationRule", "register"]

_ERROR_BITS = int(Status.PROGRAM_ERROR | Status.ERASE_ERROR)
_SUSPEND = 0xB0
_SUSPENDS_OR_RESUMES = (_SUSPEND, 0xD0, 0xB000B0, 0xD000D0)
# Second cycles of 0x60 that QEMU does not know: lock-down and the read configuration register.
# Ref: Intel 28F160C18 data sheet, table 5; Numonyx L18 data sheet, order 251902, table 20.
_LOCK_CYCLES = (0x2F, 0x03)


class OperationRule(NamedTuple):
    """A predicate over operations and the words of its finding: `2 NOUNS at PLACE WHAT`.

    `when` and `unfounded` return masks; `unfounded` selects the operations of which the trace shows too little to
    blame the guest.
    """

    when: Predicate
    noun: str
    what: str
    plural: str = ""
    unfounded: Predicate = lambda o: o.doubtful
    """TRC001 or TRC007 is the finding then."""

    def selects(self, operations: Watched) -> Mask:
        """Mask of the operations that the finding is about."""
        found = self.when(operations)
        return found & ~self.unfounded(operations) if found.any() else found


def _double_error(o: Watched) -> Mask:
    found: Mask = (o["status_before"] & _ERROR_BITS) != 0
    return found


def _harmless(o: Watched) -> Mask:
    return o.is_kind(OpKind.STATUS, OpKind.CLEAR_STATUS, OpKind.RESET, *QUIET)


def _disturbs(o: Watched) -> Mask:
    """Mask of commands that a chip does not take while it is busy."""
    found: Mask = ~_harmless(o) & (o.low_byte >= 0) & (o.low_byte != _SUSPEND)
    return found


def _buffered(o: Watched) -> Mask:
    return o.is_kind(OpKind.BUFFERED_PROGRAM)


def _bad_erase(o: Watched) -> Mask:
    return o.is_kind(OpKind.ERASE) & o.flagged(Flag.BAD_SECOND_CYCLE)


def _changed_nothing(o: Watched) -> Mask:
    unchanged: Mask = (o["unknown"] == 0) & (o["bytes_changed"] == 0)
    return unchanged & o.writing & o.ended(Outcome.DONE) & ~o.flagged(Flag.READ_ONLY_TARGET)


def _bad_sequence(o: Watched) -> Mask:
    second = o["bad_cycle_value"] & 0xFF
    locks: Mask = (o.low_byte == Opcode.LOCK_SETUP) & np.isin(second, _LOCK_CYCLES)
    return ~o.is_kind(OpKind.ERASE, OpKind.QUERY) & o.flagged(Flag.BAD_SECOND_CYCLE) & ~locks


def _words_elsewhere(o: Watched) -> Mask:
    """Mask of buffered writes with words outside start and count, or in another block than that of the count."""
    start, low, high = o["words_start"], o["words_low"], o["words_high"]
    block = o["count_offset"] // o.block_bytes
    beyond = (start >= 0) & (o["count_value"] >= 0) & (high > start + o.counted_bytes)
    other = (o["count_offset"] >= 0) & ((low // o.block_bytes != block) | ((high - 1) // o.block_bytes != block))
    found: Mask = _buffered(o) & (low >= 0) & ((low < start) | beyond | other)
    return found


def _nor(when: Predicate, noun: str, what: str, plural: str = "") -> OperationRule:
    """A rule of silicon: inner events alone do not show which commands a chip would have seen."""
    return OperationRule(when, noun, what, plural, lambda o: o.doubtful | o.inferred)


_PROGRAM_OR_ERASE = ("program or erase", "programs and erases")

OPERATION_RULES: dict[str, OperationRule] = {
    # Reported by `sequence`, which says more of it.
    "SEQ002": OperationRule(
        lambda o: _buffered(o) & o.ended(Outcome.REFUSED, Outcome.ABORTED) & ~o.flagged(Flag.READ_ONLY_TARGET),
        "buffered write",
        "refused or aborted",
    ),
    "SEQ003": OperationRule(_bad_erase, "erase", "without a confirm"),
    "SEQ006": OperationRule(
        lambda o: o.writing & _double_error(o),
        _PROGRAM_OR_ERASE[0],
        "began with an error bit of an earlier operation set",
        _PROGRAM_OR_ERASE[1],
    ),
    # By inner events alone a buffered write that changed nothing is but one of its words.
    "WEAR002": OperationRule(
        _changed_nothing,
        _PROGRAM_OR_ERASE[0],
        "changed nothing",
        _PROGRAM_OR_ERASE[1],
        lambda o: _buffered(o) & o.inferred,
    ),
    "NOR001": _nor(lambda o: o.writing & (o["unknown"] == 0) & (o["bits_set"] > 0), "program", "set bits from 0 to 1"),
    "NOR002": _nor(_bad_erase, "erase", "had no 0xd0 confirm"),
    # 0x98 has no second cycle: what QEMU takes for one is a command of its own on silicon.
    # Ref: Intel 28F160C18 data sheet, table 5 (Read Query: one write, then reads).
    "NOR003": _nor(_bad_sequence, "sequence", "had a second cycle that silicon refuses"),
    # The start is the first word's place; setup and count may go anywhere in the block.
    # Ref: ST M58PR256J data sheet, 4.8 (the same command set); Linux's cfi_cmdset_0001 and U-Boot's cfi_flash do so.
    "NOR004": _nor(_words_elsewhere, "buffered write", "had words outside start and count, or in another block"),
    "NOR005": _nor(
        lambda o: _buffered(o) & (o["words_start"] >= 0) & (o["words_start"] % o.buffer_bytes != 0),
        "buffered write",
        "did not start at a multiple of the chip's buffer",
    ),
    # Ref: P30 data sheet, order 306666, 11.1: which commands can be issued during programming.
    "NOR006": _nor(
        lambda o: o.busy_before & _disturbs(o),
        "command",
        "came while a chip could still be busy with the program or erase before",
    ),
    "NOR006-untimed": _nor(
        lambda o: o.unpolled_before & _disturbs(o),
        "command",
        "came after a program or erase whose end was not polled for; without times it is not known if too early",
    ),
    "NOR007": _nor(lambda o: _double_error(o) & ~_harmless(o), "command", "came with an error bit set"),
    "NOR008": _nor(
        lambda o: o.writing & o.locked,
        _PROGRAM_OR_ERASE[0],
        "went to blocks that were never unlocked",
        _PROGRAM_OR_ERASE[1],
    ),
    "NOR009": _nor(lambda o: o.one_lane, "command", "reached one chip of the bank only"),
    "NOR010": _nor(
        lambda o: np.isin(o["command_value"], _SUSPENDS_OR_RESUMES), "write", "would suspend or resume an erase"
    ),
}
"""Rules about single operations, by identifier; `NOR006-untimed` is what NOR006 can tell without times."""


def register(name: str, words: OperationRule) -> None:
    """Register the check of a rule about single operations."""

    @rule(name.partition("-")[0])
    def check(case: Case) -> Iterator[Hit]:
        found = None if case.device.watch is None else case.device.watch.clusters.get(name)
        if found:
            yield Hit(found, f"{count_of(found.count, words.noun, words.plural)} {place(found)} {words.what}")


for _name, _words in OPERATION_RULES.items():
    if _name != "SEQ002":
        register(_name, _words)
