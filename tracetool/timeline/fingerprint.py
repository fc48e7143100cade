"""Fingerprint of a device's operations, by which runs that did the same to their flash are recognised."""

from __future__ import annotations

import hashlib

import polars as pl

from replay.columns import OpKind, Outcome

__all__ = ["COMPARED", "Fingerprint"]

COMPARED = ("kind", "offset", "length", "outcome")
"""Columns of `OPERATIONS_SCHEMA` that a fingerprint covers: no contents, times or numbers of events."""

_DIGITS = 16
_CODES = (
    pl.when(pl.col("kind") == OpKind.NONE).then(int(OpKind.INCOMPLETE)).otherwise("kind").cast(pl.Int64).alias("kind"),
    pl.coalesce("low", "command_offset").fill_null(-1).cast(pl.Int64).alias("offset"),
    pl.coalesce(pl.col("high") - pl.col("low"), "command_size").fill_null(-1).cast(pl.Int64).alias("length"),
    pl.col("outcome").fill_null(int(Outcome.OPEN)).cast(pl.Int64),
)
"""The same columns of `SUMS_SCHEMA`, as numbers (int64)."""


class Fingerprint:
    """Collector of the operations of one device: their number, and a hash over them in order."""

    def __init__(self) -> None:
        self.operations = 0
        self._hash = hashlib.sha256()

    def __deepcopy__(self, _memo: object) -> Fingerprint:
        other = Fingerprint()
        other.operations, other._hash = self.operations, self._hash.copy()
        return other

    def add(self, sums: pl.DataFrame) -> None:
        """Add the operations of a batch (`SUMS_SCHEMA`)."""
        self.operations += sums.height
        codes = sums.select(_CODES)
        self._hash.update(codes.to_numpy().astype("<i8").tobytes(order="C"))

    def of(self, device: str) -> str:
        """The fingerprint of a device of this name: 16 hex digits."""
        whole = self._hash.copy()
        whole.update(device.encode("utf-8", "surrogateescape"))
        return whole.hexdigest()[:_DIGITS]
