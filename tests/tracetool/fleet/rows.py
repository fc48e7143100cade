"""Handmade rows of fleets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracetool.fleet.table import fleet_table

if TYPE_CHECKING:
    import polars as pl

    from tracetool.fleet.table import Row

REGION = 64 << 20
NEEDED = 768 << 10


def a_row(run: str, **changes: Any) -> Row:  # noqa: ANN401  whatever the column holds
    """A run whose writable flash stayed within its extent."""
    facts: Row = {
        "run": run,
        "device": "virt.flash1",
        "verdict": "within-extent",
        "unsure": False,
        "reasons": ["it ended at 0xc0000"],
        "codes": ["within-extent"],
        "firmware": "f" * 64,
        "read_only": False,
        "region_bytes": REGION,
        "minimum_backing_bytes": NEEDED,
        "writes": 10,
        "erases": 2,
        "events": 100,
        "operations": 20,
        "findings": [],
        "fingerprint": "same",
        "digest": f"digest of {run}",
    }
    return facts | changes


def code_row(run: str, **changes: Any) -> Row:  # noqa: ANN401
    """The row of its code flash, which nobody asks about."""
    facts = {"device": "virt.flash0", "verdict": "no-extent", "codes": ["no-extent"], "read_only": True}
    return a_row(run, **facts | {"minimum_backing_bytes": None, "reasons": ["no extent is known"]} | changes)


def a_table(*rows: Row) -> pl.DataFrame:
    """The table of these rows."""
    return fleet_table(rows)
