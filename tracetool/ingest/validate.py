"""Validation of canonical rows from a file: each has to be an event that a trace can hold."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.events import ACCESS_SIZES, CATALOGUE, EVENT_NAMES, EVENTS_SCHEMA, variants
from tracetool.ingest.binary_columns import ARGUMENT_COLUMNS, held_columns
from tracetool.ingest.names import NAME, TEXT

if TYPE_CHECKING:
    import re

    from numpy.typing import NDArray

__all__ = ["Verdict", "judge"]

_SIGNED = [name for name in ("offset", "length", "region") if EVENTS_SCHEMA[name] == pl.Int64]


class Verdict:
    """Mask of the rows that are no events, with the reason for the first."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.bad = np.zeros(frame.height, np.bool_)
        self.reason = ""

    def add(self, bad: pl.Series, reason: str) -> None:
        """Rows that are no events for this reason."""
        found = bad.fill_null(value=False).to_numpy()
        if found.any() and (not self.bad.any() or found.argmax() < self.bad.argmax()):
            self.reason = reason
        self.bad |= found


def judge(frame: pl.DataFrame) -> Verdict:
    """Look at the rows of a frame of `EVENTS_SCHEMA`."""
    verdict = Verdict(frame)
    verdict.add(frame["event"].is_null() | frame["device"].is_null(), "no event or no device")
    verdict.add(_unprintable(frame["device"], NAME), "a device name that cannot be one")
    verdict.add(_unprintable(frame["text"], TEXT), "a text that cannot be one")
    verdict.add(frame.select(pl.any_horizontal(pl.col(_SIGNED) < 0)).to_series(), "value out of range")
    verdict.add(_no_access_size(frame), "value out of range")
    verdict.add(_misshapen(frame), "columns do not match the event")
    return verdict


def _unprintable(strings: pl.Series, pattern: re.Pattern[str]) -> pl.Series:
    odd = [text for text in strings.unique().drop_nulls().to_list() if not pattern.fullmatch(text)]
    if not odd:
        return pl.repeat(value=False, n=len(strings), dtype=pl.Boolean, eager=True)
    return strings.cast(pl.String).is_in(odd)


def _no_access_size(frame: pl.DataFrame) -> pl.Series:
    outer = pl.col("event").cast(pl.String).is_in([v.event for v in CATALOGUE if not v.accesses])
    return frame.select(pl.col("size").is_not_null() & ~pl.col("size").is_in(ACCESS_SIZES) & ~outer).to_series()


@cache
def _shapes() -> NDArray[np.bool_]:
    """True for each event's code and set of columns that a variant fills exactly."""
    bit = {name: 1 << number for number, name in enumerate(ARGUMENT_COLUMNS)}
    shapes = np.zeros((len(EVENT_NAMES), 1 << len(ARGUMENT_COLUMNS)), np.bool_)
    for code, name in enumerate(EVENT_NAMES):
        for variant in variants(name):
            full = sum(bit[column] for column in variant.columns)
            shapes[code, full] = True
            if any(argument.column == "end" for argument in variant.arguments):
                shapes[code, full & ~bit["length"]] = True  # of an end before its start
    return shapes


def _misshapen(frame: pl.DataFrame) -> pl.Series:
    return pl.Series(~_shapes()[frame["event"].to_physical().fill_null(0).to_numpy(), held_columns(frame)])
