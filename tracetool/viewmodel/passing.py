"""What passes the filter, for the views that count it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from tracetool.viewmodel.filters import passing
from tracetool.viewmodel.range_stats import statistics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tracetool.viewmodel.filters import Filter
    from tracetool.viewmodel.tables import Tables

__all__ = ["Passing", "what_passes"]


@dataclass(frozen=True)
class Passing:
    """Operations that pass a filter: their numbers (int64, ascending)."""

    tables: Tables
    numbers: NDArray[np.int64]

    @cached_property
    def operations(self) -> pl.DataFrame:
        """The operations, a frame of `OPERATIONS_SCHEMA`."""
        return self.tables.operations[self.numbers]

    @cached_property
    def findings(self) -> dict[tuple[str, str], int]:
        """How many of them each finding speaks of, by rule and device."""
        named = self.tables.audited[self.numbers].select(pl.col("device").cast(pl.String), "rule").explode("rule")
        counted = named.drop_nulls().group_by("rule", "device").len()
        return {(rule, device): count for rule, device, count in counted.iter_rows()}

    def words(self, device: str | None = None) -> str:
        """Counts, bytes and gaps of the operations, or of those of a device."""
        mine = self.operations
        if device is not None:
            mine = mine.filter(pl.col("device").cast(pl.String) == device)
        return ", ".join(statistics(mine).words())


def what_passes(tables: Tables, chosen: Filter) -> Passing | None:
    """What passes a filter; None where no chip on operations is on."""
    numbers = passing(tables, chosen)
    return None if numbers is None else Passing(tables, numbers)
