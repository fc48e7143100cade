"""The policies compared, as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from replay.backing import Policy
from tracetool.report.figures import counted
from tracetool.report.layout import print_grid
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from tracetool.audit.compare import Consequence

__all__ = ["policies_document", "print_policies"]

_SEEN = {
    Policy.PADDED: "everything as recorded",
    Policy.DISCARD: "success, and zeros when it reads",
    Policy.VOLATILE: "success, until the machine ends",
    Policy.ERROR: "an error bit in the status",
}
_TITLES = ("device", "policy", "reads differ", "torn", "refused", "lost", "memory", "what the guest sees of it")


def policies_document(rows: Sequence[Consequence]) -> list[dict[str, Any]]:
    """One object for each device and policy; counts that could not be evaluated are None."""
    return [asdict(row) | {"policy": row.policy.label} for row in rows]


def print_policies(rows: Sequence[Consequence], console: Console) -> None:
    """Print the table; nothing where no device has an extent."""
    if not rows:
        return
    console.print()
    console.print(Text("policies", style="bold"), Text("what each would have meant for this trace", style="dim"))
    print_grid(console, [_TITLES, *(_row(row) for row in rows)])


def _row(row: Consequence) -> tuple[str, ...]:
    return (
        row.device,
        row.policy.label,
        counted(row.reads_that_differ),
        counted(row.torn_writes),
        counted(row.refused),
        "?" if row.lost_bytes is None else f"{row.lost_bytes:,} B",
        format_size(row.memory_bytes),
        _SEEN[row.policy] if row.evaluated else "not in this trace: the recorded device threw writes away",
    )
