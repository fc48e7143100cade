"""Fingerprint of a device's operations, by which runs that did the same to their flash are recognised."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from replay.columns import OpKind

if TYPE_CHECKING:
    from tracetool.timeline.sums import Sums

__all__ = ["COMPARED", "Fingerprint"]

COMPARED = ("kind", "offset", "length", "outcome")
"""Columns of `OPERATIONS_SCHEMA` that a fingerprint covers: no contents, times or numbers of events."""

_DIGITS = 16


class Fingerprint:
    """Collector of the operations of one device: their number, and a hash over them in order."""

    def __init__(self) -> None:
        self.operations = 0
        self._hash = hashlib.sha256()

    def __deepcopy__(self, _memo: object) -> Fingerprint:
        other = Fingerprint()
        other.operations, other._hash = self.operations, self._hash.copy()
        return other

    def add(self, sums: Sums) -> None:
        """Add the operations of a batch."""
        self.operations += len(sums)
        kind = np.where(sums["kind"] == OpKind.NONE, OpKind.INCOMPLETE, sums["kind"])
        length = np.where(sums["low"] >= 0, sums["high"] - sums["low"], sums["command_size"])
        codes = np.stack([kind, sums.offset, length, sums["outcome"]], axis=1)
        self._hash.update(codes.astype("<i8", copy=False).tobytes())

    def of(self, device: str) -> str:
        """The fingerprint of a device of this name: 16 hex digits."""
        whole = self._hash.copy()
        whole.update(device.encode("utf-8", "surrogateescape"))
        return whole.hexdigest()[:_DIGITS]
