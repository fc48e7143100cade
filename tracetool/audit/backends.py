"""The cost of one boot's variables in a flash and in QEMU's `uefi-vars` device, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracetool.errors import InputError
from tracetool.ingest.uefi_vars import DEVICE

if TYPE_CHECKING:
    from tracetool.analysis.wear import StoreWear

__all__ = ["BACKENDS_SCHEMA", "compare_backends"]

BACKENDS_SCHEMA = pl.Schema(
    {
        "backend": pl.String(),
        "trace": pl.UInt16(),
        "boot": pl.UInt32(),
        "requests": pl.Int64(),
        "writes": pl.Int64(),
        "accesses": pl.Int64(),
        "written_bytes": pl.Int64(),
        "erases": pl.Int64(),
        "duration_ns": pl.Int64(),
    }
)
"""One row a backend: the boot; requests to the device (null: a flash has none); writes of variables; accesses of the
guest; bytes programmed, or moved through the transfer register (null: by DMA, which is not traced); erases (null: none
to make); and the time from the first access to the last (null: the trace has no times)."""


def compare_backends(wear: StoreWear, requests: pl.DataFrame) -> pl.DataFrame:
    """The last boot of each, a frame of `BACKENDS_SCHEMA`.

    Args:
        wear: of the flash.
        requests: a frame of `REQUESTS_SCHEMA`.

    Raises:
        InputError: one of them has no boot.
    """
    if requests.is_empty():
        raise InputError("--against: no uefi-vars event in it; start that QEMU with -trace 'uefi_*'")
    if wear.boots.is_empty():
        raise InputError("the trace of the flash holds no boot")
    return pl.concat(each.cast(BACKENDS_SCHEMA) for each in (_of_flash(wear), _of_requests(requests)))


def _of_flash(wear: StoreWear) -> pl.DataFrame:
    boot = wear.boots.tail(1)
    own = ["trace", "boot"]
    writes = wear.variables.join(boot, on=own, how="semi")["copies"].sum()
    operations = wear.operations.join(boot, on=own, how="semi")
    return boot.select(
        pl.lit("pflash").alias("backend"),
        *own,
        pl.lit(None, pl.Int64).alias("requests"),
        pl.lit(writes).alias("writes"),
        pl.lit(operations["accesses"].sum()).alias("accesses"),
        pl.col("programmed_bytes").alias("written_bytes"),
        "erases",
        pl.lit(operations.select(_span()).item(), pl.Int64).alias("duration_ns"),
    )


def _of_requests(requests: pl.DataFrame) -> pl.DataFrame:
    boot = requests.select("trace", "boot").tail(1)
    moved = pl.col("transferred_bytes").sum()
    return requests.join(boot, on=["trace", "boot"], how="semi").select(
        pl.lit(DEVICE).alias("backend"),
        pl.col("trace", "boot").last(),
        pl.len().alias("requests"),
        (pl.col("operation") == "set-variable").sum().alias("writes"),
        pl.col("accesses").sum(),
        pl.when(moved > 0).then(moved).alias("written_bytes"),
        pl.lit(None, pl.Int64).alias("erases"),
        _span().alias("duration_ns"),
    )


def _span() -> pl.Expr:
    """Time from the first row's begin to the last one's end."""
    return (pl.col("time_ns") + pl.col("duration_ns")).max() - pl.col("time_ns").min()
