"""AMD: rules about single operations of a CFI02 flash, and about a trace that shows too little of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.columns import Flag, OpKind
from tracetool.analysis.cluster import Cluster
from tracetool.findings.operations import OPERATION_RULES, OperationRule, register
from tracetool.findings.registry import Hit, rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from tracetool.findings.registry import Case
    from tracetool.findings.watched import Watched

__all__ = ["CFI02_RULES"]

_INTEL_READ_ARRAY = 0xFF
"""What a driver writes that does not know the command set yet; this one ignores it."""

_POLLS = 8
"""Reads of a word that cannot become what was programmed, from which a driver polls for it."""

_PROGRAM_ACCESSES = 4


def _flagged(flag: Flag) -> Callable[[Watched], NDArray[np.bool_]]:
    return lambda o: o.flagged(flag)


def _whole_chip(o: Watched) -> NDArray[np.bool_]:
    """Mask of erases of all of a flash that has several sectors."""
    size = o.geometry.size
    found: NDArray[np.bool_] = o.is_kind(OpKind.ERASE) & (o["low"] == 0) & (o["high"] == size)
    return found & (size > o.block_bytes)


_OWN = {
    "AMD001": OperationRule(_flagged(Flag.BITS_KEPT), "program", "asked for bits that stay 0"),
    "AMD002": OperationRule(
        lambda o: o.flagged(Flag.WRONG_UNLOCK) & (o.low_byte >= 0) & (o.low_byte != _INTEL_READ_ARRAY),
        "command",
        "came without the right unlock cycles, and did nothing",
    ),
    "AMD003": OperationRule(
        _flagged(Flag.SUSPENDED_TARGET),
        "program or erase",
        "came while an erase was suspended, and did nothing",
        "programs and erases",
    ),
    "AMD004": OperationRule(
        _flagged(Flag.WINDOW_MISSED), "erase", "got another sector after its window, which is not erased"
    ),
    "AMD005": OperationRule(
        _flagged(Flag.ERASE_GIVEN_UP), "erase", "was given up in its window: QEMU has erased, silicon would not have"
    ),
    "AMD006": OperationRule(_whole_chip, "chip erase", "took all of the flash"),
    "AMD007": OperationRule(_flagged(Flag.BUSY), "erase", "ignored writes while it ran"),
    "AMD008": OperationRule(
        lambda o: o.flagged(Flag.POLLED) & (o["accesses"] >= _PROGRAM_ACCESSES + _POLLS),
        "program",
        "was polled for, which can never end: bits that it asked for stay 0",
    ),
    "AMD009": OperationRule(
        _flagged(Flag.ARRAY_READS_END), "operation", "was followed by 43 reads, after which reads leave no event"
    ),
}

CFI02_RULES: dict[str, OperationRule] = {"WEAR002": OPERATION_RULES["WEAR002"], **_OWN}
"""Rules about single operations of a CFI02 flash, by identifier."""

for _name, _words in _OWN.items():
    register(_name, _words)


@rule("TRC009")
def too_thin(case: Case) -> Iterator[Hit]:
    """A trace without the events from which the image of a CFI02 flash follows."""
    for notes in case.device.notes:
        if notes.lacking:
            names = " and ".join(f"pflash_{name}" for name in notes.lacking)
            verb = "is" if len(notes.lacking) == 1 else "are"
            yield Hit(Cluster.at(notes.trace), f"{names} {verb} not traced: the image that follows may not be QEMU's")
