"""What operations touched of a UEFI variable store: the columns `part`, `variable` and `intent`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracetool.timeline.code import CODE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FOUND", "OF_OPERATIONS", "TOUCHED", "names_text", "with_operations", "with_touches"]

TOUCHED = ("part", "variable", "intent")
"""Columns of `OPERATIONS_SCHEMA` that are null where no variable store was decoded."""

OF_OPERATIONS = (*TOUCHED, *CODE)
"""Columns of `OPERATIONS_SCHEMA` that a query on events can speak of."""

FOUND = ("finding", "severity", "rule")
"""Columns of operations that a query can speak of once they are audited; see `tracetool.findings.marked`."""


def with_touches(operations: pl.DataFrame, touches: pl.DataFrame) -> pl.DataFrame:
    """Fill the columns `TOUCHED` of one device's operations (`OPERATIONS_SCHEMA`, by trace and first event).

    `touches` (`tracetool.uefi.touches.TOUCHES_SCHEMA`) are those of its store: part and intent are the first's, the
    variables those of all.
    """
    numbered = operations.drop(TOUCHED).with_row_index("row")
    places = numbered.select("row", "trace", "first_seq", "last_seq").sort("first_seq")
    named = touches.with_columns(pl.coalesce("erased", pl.concat_list("variable")).alias("variable"))
    found = (
        named.with_columns(pl.col("part", "intent").cast(pl.String).str.to_lowercase().str.replace_all(" ", "-"))
        .with_row_index("touch")
        .sort("seq")
        .join_asof(places, left_on="seq", right_on="first_seq", by="trace", strategy="backward", check_sortedness=False)
        .filter(pl.col("seq") <= pl.col("last_seq"))
        .sort("touch")
        .explode("variable")
        .group_by("row")
        .agg(pl.col("part", "intent").first(), pl.col("variable").drop_nulls().unique(maintain_order=True))
        .with_columns(pl.when(pl.col("variable").list.len() > 0).then("variable"))
    )
    joined = numbered.join(found, on="row", how="left", maintain_order="left")
    return joined.select(pl.col(name).cast(dtype) for name, dtype in operations.schema.items())


def with_operations(events: pl.DataFrame, operations: pl.DataFrame) -> pl.DataFrame:
    """Events (`EVENTS_SCHEMA`) with columns of their operations, as far as those have them: `OF_OPERATIONS`, `FOUND`.

    Also the column `chosen`, if there is one.
    """
    carried = [name for name in (*OF_OPERATIONS, *FOUND, "chosen") if name in operations.columns]
    spans = (
        operations.select("device", "trace", "first_seq", "last_seq", *carried)
        .with_columns(pl.col("device").cast(pl.String))
        .sort("first_seq")
    )
    found = (
        events.with_columns(pl.col("device").cast(pl.String).alias("name"))
        .join_asof(
            spans.rename({"device": "name"}),
            left_on="seq",
            right_on="first_seq",
            by=["name", "trace"],
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns(pl.when(pl.col("seq") <= pl.col("last_seq")).then(pl.col(carried)))
    )
    return found.select(*events.columns, *carried)


def names_text(names: Sequence[str]) -> str:
    """The first name, and how many more there are: `BootOrder +16`."""
    return names[0] if len(names) == 1 else f"{names[0]} +{len(names) - 1}"
