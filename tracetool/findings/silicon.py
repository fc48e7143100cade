"""NOR: what a real chip would have refused. Notes, or errors where silicon is what counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.findings.phrases import count_of, place
from tracetool.findings.registry import RULES, Severity, rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tracetool.findings.registry import Case, Finding

# What the operations of each rule are called: one, several, and what they did.
_WORDS = {
    "NOR001": ("program", "programs", "set bits from 0 to 1"),
    "NOR002": ("erase", "erases", "had no 0xd0 confirm"),
    "NOR003": ("sequence", "sequences", "had a second cycle that silicon refuses"),
    "NOR004": ("buffered write", "buffered writes", "had words outside start and count, or in another block"),
    "NOR005": ("buffered write", "buffered writes", "did not start at a multiple of the chip's buffer"),
    "NOR006": ("command", "commands", "came while a chip could still be busy with the program or erase before"),
    "NOR006-untimed": (
        "command",
        "commands",
        "came after a program or erase whose end was not polled for; without times it is not known if too early",
    ),
    "NOR007": ("command", "commands", "came with an error bit set"),
    "NOR008": ("program or erase", "programs and erases", "went to blocks that were never unlocked"),
    "NOR009": ("command", "commands", "reached one chip of the bank only"),
    "NOR010": ("write", "writes", "would suspend or resume an erase"),
}


def severity_of(case: Case, rule_id: str) -> Severity:
    """A note, unless the user asked for silicon's own rules."""
    return Severity.ERROR if case.strict_silicon else RULES[rule_id].severity


def _register(rule_id: str, watches: Sequence[str]) -> Callable[[Case], Iterator[Finding]]:
    @rule(rule_id)
    def refused(case: Case) -> Iterator[Finding]:
        for watched in watches:
            found = case.operations(watched)
            if found is not None:
                one, several, what = _WORDS[watched]
                message = f"{count_of(found.count, one, several)} {place(found)} {what}"
                yield from case.finding(rule_id, found, message, severity=severity_of(case, rule_id))

    return refused


for _rule_id in dict.fromkeys(watched.partition("-")[0] for watched in _WORDS):
    _register(_rule_id, [watched for watched in _WORDS if watched.startswith(_rule_id)])


@rule("NOR011")
def worn_out(case: Case) -> Iterator[Finding]:
    """Blocks that were erased more often than a real chip is specified for."""
    device = case.device
    if device is None or device.blocks is None:
        return
    block, erases = device.blocks.most_erased()
    if erases > case.chip.erase_cycles:
        message = f"block {block} was erased {erases:,} times; a real chip is good for {case.chip.erase_cycles:,}"
        where = (block * device.blocks.block_bytes, device.blocks.block_bytes)
        yield case.about("NOR011", where, erases, message, severity=severity_of(case, "NOR011"))
