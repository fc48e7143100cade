"""The next boot of a flash image, as text and as JSON."""

from __future__ import annotations

import hashlib
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tracetool.findings.phrases import count_of
from tracetool.report.layout import print_grid, print_words
from tracetool.sanitize import first_of, listed, sanitize
from tracetool.uefi.boot import Outcome
from tracetool.uefi.boot.prospect import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from tracetool.uefi.boot.prospect import Prospect

__all__ = ["print_prospects", "prospect_document", "prospect_rows", "prospect_title"]

_MOST_NAMES = 12


def prospect_document(prospect: Prospect) -> dict[str, Any]:
    """The next boot as plain data."""
    boot = prospect.boot
    return {
        "firmware": boot.firmware.name,
        "outcome": boot.outcome,
        "for_good": boot.for_good,
        "measured": boot.measured,
        "taken_up": [
            {
                "name": variable.name,
                "guid": str(variable.guid),
                "sha256": hashlib.sha256(variable.data).hexdigest(),
                "bytes": len(variable.data),
            }
            for variable in boot.taken_up
        ],
        "lost": [{"name": variable.name, "guid": str(variable.guid)} for variable in prospect.lost],
        "rules": list(boot.rules),
    }


def print_prospects(prospects: Sequence[Prospect], console: Console) -> None:
    """Print the next boot of several firmwares; those that do the same are told of together."""
    for number, (_, group) in enumerate(groupby(prospects, _told)):
        same = list(group)
        if number:
            console.print()
        title = f"{listed([prospect.boot.firmware.name for prospect in same])}: {prospect_title(same[0])}"
        print_words(console, Text(title, style="bold"), hang=2)
        print_grid(console, list(prospect_rows(same[0])), first_style="dim")


def _told(prospect: Prospect) -> object:
    return prospect_title(prospect), list(prospect_rows(prospect))


def prospect_title(prospect: Prospect) -> str:
    """Outcome of the next boot, and how many variables come up or are lost."""
    boot = prospect.boot
    lost = f"{count_of(len(prospect.lost), 'variable')} lost" if prospect.lost else ""
    match boot.outcome:
        case Outcome.HUNG if prospect.following is not None:
            after = count_of(len(prospect.following.taken_up), "variable")
            return f"hangs at its next boot; the one after that starts with {after}"
        case Outcome.HUNG:
            return _and("does not start with this flash, and never will", lost)
        case Outcome.IGNORED:
            return _and("takes this flash for absent, so that a guest stores nothing for good", lost)
        case Outcome.REFORMATTED:
            erased = "the cut has erased its variables" if prospect.erased else "there is nothing to lose"
            return _and("formats this flash at its next boot", lost or erased)
    return _and(
        f"boots{' from the spare' * (boot.outcome is Outcome.RECOVERED)} with "
        f"{'all ' * prospect.is_safe}{count_of(len(boot.taken_up), 'variable')}",
        lost or "more may be missing" * prospect.cut,
    )


def _and(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def prospect_rows(prospect: Prospect) -> Iterator[tuple[str, str]]:
    """Label and words of each line: the rules that decide (`why`, `note`), `lost`, `helps`, `proof`."""
    for step in prospect.boot.steps:
        if step.words:
            yield "note" if prospect.is_safe else "why", f"{step.rule}: {sanitize(step.words)}"
    if prospect.lost:
        yield "lost", first_of([sanitize(variable.name) for variable in prospect.lost], _MOST_NAMES)
    if not prospect.is_safe:
        yield "helps", _help(prospect)
    if not prospect.boot.measured:
        yield "proof", "known from edk2's source alone, not seen on real firmware"


def _help(prospect: Prospect) -> str:
    firmware = prospect.boot.firmware
    then = f"then it starts with {count_of(prospect.remedied, 'variable')}"
    before = "before the next boot, in a copy of the file,"
    if prospect.remedy is Remedy.SPARE:
        count, skip = firmware.store_bytes // firmware.block_bytes, firmware.spare // firmware.block_bytes
        command = f"dd if=FILE of=FILE bs={firmware.block_bytes} skip={skip} count={count} conv=notrunc"
        return f"{before} write the spare over the store: {command}; {then}"
    if prospect.remedy is Remedy.HEADERS:
        command = f"dd if=TEMPLATE of=FILE bs={len(firmware.headers)} count=1 conv=notrunc"
        return f"{before} take the headers from the firmware's template: {command}; {then}"
    if prospect.following is not None:
        return "boot it once more"
    return "put a backup of the file in its place, or the firmware's template for an empty store"
