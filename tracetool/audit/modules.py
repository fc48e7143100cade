"""What each module of the guest did to the flash, by the code behind its operations."""

from __future__ import annotations

import polars as pl

from tracetool.timeline.chain import UNKNOWN
from tracetool.timeline.operations import COUNTED

__all__ = ["WHO_SCHEMA", "sum_by_module"]

WHO_SCHEMA = pl.Schema(
    {
        "by": pl.String(),
        "operations": pl.Int64(),
        "programs": pl.Int64(),
        "erases": pl.Int64(),
        "live_erases": pl.Int64(),
        "bytes_programmed": pl.Int64(),
        "bytes_erased": pl.Int64(),
        "bytes_changed": pl.Int64(),
        "refused": pl.Int64(),
        "accesses": pl.Int64(),
        "time_ns": pl.Int64(),
        "rules": pl.List(pl.String()),
    }
)
"""One row a module that asked for operations, `?` for those of unknown code: how many, and of which kinds; erases of
blocks with live UEFI variables among them (null where no store was decoded); bytes that they programmed, erased and
changed (of known contents); how many were refused or aborted; bus accesses; time from first to last access; and the
rules with a finding about them, the worst first."""

_LIVE = pl.col("part").eq("variables") & pl.col("intent").is_in(["rewrite", "reclaim"])
_BY = pl.col("by").fill_null(UNKNOWN)


def sum_by_module(operations: pl.DataFrame) -> pl.DataFrame:
    """Sum operations by the module that asked for them: a frame of `WHO_SCHEMA`, most accesses first.

    `operations` are a frame of `OPERATIONS_SCHEMA` with the columns of `tracetool.findings.marked.with_findings`.
    """
    done = pl.any_horizontal(COUNTED["programs"], COUNTED["erases"])
    decoded = operations["part"].count() > 0
    live = (COUNTED["erases"] & _LIVE.fill_null(value=False)).sum()
    sums = (
        operations.sort("severity", descending=True, nulls_last=True, maintain_order=True)
        .group_by(_BY)
        .agg(
            pl.len().alias("operations"),
            *(which.sum().alias(name) for name, which in COUNTED.items()),
            (live if decoded else pl.lit(None)).alias("live_erases"),
            pl.col("length").filter(COUNTED["programs"]).sum().alias("bytes_programmed"),
            pl.col("length").filter(COUNTED["erases"]).sum().alias("bytes_erased"),
            pl.col("bytes_changed").filter(done).sum(),
            pl.col("accesses").sum(),
            pl.col("duration_ns").sum().alias("time_ns"),
            pl.col("rule").explode().drop_nulls().unique(maintain_order=True).alias("rules"),
        )
    )
    ordered = sums.sort("accesses", "by", descending=[True, False])
    return ordered.select(pl.col(name).cast(dtype) for name, dtype in WHO_SCHEMA.items())
