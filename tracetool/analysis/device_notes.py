"""What is to be said of one device in one trace, and who looks on while it is replayed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tracetool.analysis.access import Access
from tracetool.analysis.tally import Cluster

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from replay.columns import RowKind
    from replay.engine import Disagreement
    from tracetool.analysis.evidence import Realize
    from tracetool.analysis.wide_erases import WideErases

__all__ = ["DeviceNotes", "Watch"]


@dataclass
class DeviceNotes:
    """What is to be said of one device in one trace; seqs, None where nothing is to be said."""

    trace: int
    events: int = 0
    impossible: Cluster = field(default_factory=Cluster)
    disagreement: Disagreement | None = None
    disagreements: int = 0
    adopted_at: int | None = None
    migrated_at: int | None = None
    io_write_traced: bool = True
    started_with_reset: bool = False
    accesses: int = 0
    """Events that only an access of the guest's causes."""
    stored: int = 0
    """Programs and erases that the model counts as done."""
    access: Access = field(default_factory=Access)
    """What it shows of whether the flash is read-only."""
    ends_midway: bool = False
    awaited: RowKind | None = None
    """The event that the last one must still have beside it."""
    reset_midway: int | None = None
    """The first reset in the middle of an operation."""
    realized: Realize | None = None
    """What the first of its `pflash_realize` events says that says something else than the first of all."""
    left_in_command: int | None = None
    changed_before: bool = False
    """Its image is not, or not certainly, the one that the trace before left."""
    last_seq: int = -1
    changes_before: int = 0
    """Changes in the journal when the trace began, where a journal is kept."""


class Watch(Protocol):
    """Looks at a device's operations as they close, and keeps what the rules about them ask for."""

    written_bytes: int
    changed_bytes: int
    contents_unknown: bool
    wide_erases: WideErases

    @property
    def clusters(self) -> Mapping[str, Cluster]:
        """The operations that each rule's predicate selects, by the rule's identifier."""

    def add(self, sums: pl.DataFrame, trace: int) -> None:
        """Take in operations that have closed (columns of `tracetool.timeline.operations`' sums)."""
