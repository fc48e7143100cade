"""The rules by which the firmware treats a flash image, as the steps of one boot."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["Rule", "Step", "Trail"]


class Rule(StrEnum):
    """Rules of the flash driver (F), fault tolerant write (W), the variable driver (V) and OVMF's order of both (O).

    `words` says what the rule is.
    """

    words: str

    def __new__(cls, value: str, words: str) -> Self:
        """Make a rule of its name and its words."""
        rule = str.__new__(cls, value)
        rule._value_ = value
        rule.words = words
        return rule

    F1 = "F1", "AAVMF checks volume header and store header, and formats what fails."
    F2 = "F2", "OVMF checks the volume header, and formats what fails, without a store header."
    F3 = "F3", "OVMF takes flash for absent where every byte of the first block looks like a status."
    F4 = "F4", "AAVMF since edk2-stable202402 formats a store with an unsound variable."
    F5 = "F5", "OVMF does not compare the store's size, and does not come to an end with another one."
    W1 = "W1", "The working block begins with 32 fixed bytes, or is taken from the spare, or made anew."
    W2 = "W2", "A queue with no room for one more write starts anew."
    W3 = "W3", "Of several records of a write the first counts whose destination is not complete."
    W4 = "W4", "A write whose spare is not complete is dropped."
    W5 = "W5", "A write whose destination is complete is marked complete."
    W6 = (
        "W6",
        "Behind the last write all is erased, or the queue starts anew; the counts that say where are not checked.",
    )
    W7 = "W7", "A write whose spare is complete is carried out from the spare."
    W8 = "W8", "A queue that starts anew keeps the open write and the spare's contents."
    V1 = "V1", "The store header has GUID, format and state of a formatted, healthy store, or the boot ends."
    V2 = "V2", "The list of variables ends at the first place without a start id."
    V3 = "V3", "An abandoned header costs its own length and hides nothing."
    V4 = "V4", "A variable is its first added copy, else its first copy in deleted transition."
    V5 = "V5", "Programmed bytes behind the list have the store reclaimed: only current copies stay."
    V6 = "V6", "A current copy that reaches beyond the store ends the boot in an exception."
    V7 = "V7", "Data have no checksum: a copy that was cut counts, and reads as erased."
    V8 = "V8", "A nearly full store is reclaimed at ReadyToBoot."
    O1 = "O1", "OVMF read the store before it was recovered, and writes into the middle of it."
    O2 = "O2", "OVMF read the old store before another took its place, and programs states at wrong offsets."
    O3 = "O3", "OVMF found no store, recovers it, and is sound at the boot after that."
    O4 = "O4", "OVMF reads the status register for the queue after a recovery, and makes the queue anew."
    O5 = "O5", "OVMF recovers a store that is already whole without loss."


class Step(NamedTuple):
    """One rule that a boot came to.

    Attributes:
        rule: which.
        words: what it found and did; empty where everything was in order.
        measured: False where real firmware was not seen doing it: the source alone says so.
    """

    rule: Rule
    words: str = ""
    measured: bool = True


class Trail(list[Step]):
    """The steps of a boot in order.

    Args:
        seen: the rules that real firmware was seen to follow; None: all.
    """

    def __init__(self, seen: Container[Rule] | None = None) -> None:
        super().__init__()
        self._seen = seen

    def note(self, rule: Rule, words: str = "", *, measured: bool = True) -> None:
        """Add a step."""
        self.append(Step(rule, words, measured and (self._seen is None or rule in self._seen)))
