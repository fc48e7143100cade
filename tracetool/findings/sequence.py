"""SEQ: sequences of commands that no driver should send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.findings.registry import rule
from tracetool.findings.words import count_of, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.findings.registry import Case, Finding


@rule("SEQ001")
def not_a_command(case: Case) -> Iterator[Finding]:
    """Writes in a command cycle that start no command; on a read-only flash they are stray stores."""
    device = case.device
    if device is None or device.identity is None or device.identity.read_only:
        return
    found = device.tally.not_commands
    value = f" (first value {found.example:#x})" if found.example >= 0 else ""
    yield from case.finding(
        "SEQ001", found, f"{count_of(found.count, 'write')}{value} {place(found)} started no command"
    )
