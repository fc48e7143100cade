"""Operations of two runs, aligned by device, place and data: what was added, is gone, was changed or moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from tracetool.difference.alignment import match_levels, moves
from tracetool.timeline.operations import OPERATIONS_SCHEMA, WRITING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from tracetool.analysis.session import Replayed
    from tracetool.difference.alignment import Level, Run

__all__ = [
    "CHANGES",
    "DIFFERENCES_SCHEMA",
    "OF_SIDE",
    "Aligned",
    "Matched",
    "align_operations",
    "operations_with_data",
]

CHANGES = ("gone", "added", "changed", "moved")
OF_SIDE = tuple(name for name in OPERATIONS_SCHEMA if name not in ("device", "block", "command_offset"))
"""Columns of an operation (`OPERATIONS_SCHEMA`) that each side of a difference has."""

_FIRST = ("change", "device", "differs")
DIFFERENCES_SCHEMA = pl.Schema(
    {"change": pl.Enum(CHANGES), "device": pl.String(), "differs": pl.List(pl.String())}
    | {f"{name}_{side}": OPERATIONS_SCHEMA[name] for side in "ab" for name in OF_SIDE}
)
"""One row an operation that is in one run only (`gone`: in A, `added`: in B), is otherwise in the other (`changed`;
`differs` names how: kind, offset, length, outcome, data), or at another moment (`moved`). In the order of the runs. The
columns of each side are those of `OPERATIONS_SCHEMA` with `_a` or `_b`; null where it is not in that run."""

_EXACT = ("device", "kind", "offset", "length", "outcome", "data")
_PLACED = ("device", "kind", "offset")
_WRITTEN = ("device", "kind", "written")
_MEANT = ("device", "kind", "part", "variables", "intent")
_TARGETED = ("device", "target")
_DIFFERENT = ("kind", "offset", "length", "outcome", "data")
_ABSENT = -1


class Matched(NamedTuple):
    """Which operations of two runs are one another, by their numbers in the timelines."""

    same: list[Run]
    changed: list[tuple[int, int]]
    moved: list[tuple[int, int]]
    gone: list[int]
    added: list[int]

    @property
    def same_count(self) -> int:
        """Operations that are the same in both."""
        return sum(run.length for run in self.same)


class Aligned(NamedTuple):
    """The differing operations of two runs (`DIFFERENCES_SCHEMA`), and which are one another."""

    table: pl.DataFrame
    matched: Matched


def operations_with_data(replayed: Replayed) -> pl.DataFrame:
    """The timeline with a digest of the data that each operation wrote, in column `data` (int64)."""
    frames = [OPERATIONS_SCHEMA.to_frame().with_columns(data=pl.lit(0, pl.Int64))]
    frames += [
        device.operation_table().with_columns(pl.concat(device.digests).alias("data"))
        for device in replayed.devices.values()
        if device.digests
    ]
    return pl.concat(frames).sort("trace", "first_seq", maintain_order=True)


def align_operations(a: pl.DataFrame, b: pl.DataFrame) -> Aligned:
    """Compare two timelines with data (`operations_with_data`); times and numbers of events are left out."""
    a, b = (_with_keys(side) for side in (a, b))
    levels = [_keys(a, b, columns) for columns in (_EXACT, _PLACED, _WRITTEN, _MEANT, _TARGETED)]
    exact = levels[0]
    same, *coarser = match_levels(levels)
    changed = [*_pairs(run for runs in coarser for run in runs)]
    left_a, left_b = (np.ones(len(side), np.bool_) for side in (a, b))
    for run in same:
        left_a[run.a : run.a + run.length] = left_b[run.b : run.b + run.length] = False
    for i, j in changed:
        left_a[i] = left_b[j] = False
    only_a, only_b = np.flatnonzero(left_a), np.flatnonzero(left_b)
    moved = moves(_keyed(only_a, exact[0]), _keyed(only_b, exact[1]))
    gone = sorted({*only_a.tolist()} - {i for i, _ in moved})
    added = sorted({*only_b.tolist()} - {j for _, j in moved})
    rows = [
        *((i, _ABSENT, "gone") for i in gone),
        *((_ABSENT, j, "added") for j in added),
        *((i, j, "changed") for i, j in changed),
        *((i, j, "moved") for i, j in moved),
    ]
    return Aligned(_table(a, b, _in_order(rows, same)), Matched(same, changed, moved, gone, added))


def _with_keys(operations: pl.DataFrame) -> pl.DataFrame:
    """The operations with columns that are null where an operation is like no other."""
    return operations.with_columns(
        variables=pl.col("variable").list.join("\0"),
        written=pl.when(pl.col("data") != 0).then("data"),
        target=pl.when(pl.col("kind").is_in(WRITING)).then("offset"),
    )


def _keys(a: pl.DataFrame, b: pl.DataFrame, columns: tuple[str, ...]) -> Level:
    """A number for each operation of both, the same for those that are alike in some columns.

    One in which `variables`, `written` or `target` is null is like no other.
    """
    both = pl.concat([side.select(pl.col(columns).cast(pl.String)) for side in (a, b)])
    _, numbers = np.unique(both.hash_rows().to_numpy(), return_inverse=True)
    keys = numbers.astype(np.int64)
    needed = [name for name in columns if name in ("variables", "written", "target")]
    if needed:
        unknown = both.select(pl.any_horizontal(pl.col(needed).is_null())).to_series().to_numpy()
        keys[unknown] = -1 - np.arange(len(keys))[unknown]
    return keys[: len(a)], keys[len(a) :]


def _keyed(places: NDArray[np.int64], keys: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    return zip(places.tolist(), keys[places].tolist(), strict=True)


def _pairs(runs: Iterable[Run]) -> Iterator[tuple[int, int]]:
    """Each pair of items in runs."""
    return ((run.a + at, run.b + at) for run in runs for at in range(run.length))


# --- as a table --------------------------------------------------------------------------------------------------


def _in_order(rows: list[tuple[int, int, str]], same: list[Run]) -> pl.DataFrame:
    """Rows by their place in A; what only B has, after the operation of A that is before it."""
    frame = pl.DataFrame(rows, {"a": pl.Int64, "b": pl.Int64, "change": pl.Enum(CHANGES)}, orient="row")
    columns = dict.fromkeys(("begin", "at", "length"), pl.Int64)
    ends = pl.DataFrame([(run.b, run.a, run.length) for run in same], columns, orient="row")
    placed = frame.sort("b").join_asof(ends, left_on="b", right_on="begin", strategy="backward", check_sortedness=False)
    before = pl.col("at") + pl.col("length") - 1
    place = pl.when(pl.col("a") >= 0).then("a").otherwise(before.fill_null(-1))
    return placed.with_columns(place=place).sort("place", pl.col("a") < 0, "b").select("a", "b", "change")


def _table(a: pl.DataFrame, b: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as a frame of `DIFFERENCES_SCHEMA`."""
    sides = [rows.select("change")]
    for name, side in (("a", a), ("b", b)):
        columns = ["device", *OF_SIDE, "data"]
        numbered = side.select(columns).rename({column: f"{column}_{name}" for column in columns}).with_row_index("row")
        numbered = numbered.with_columns(pl.col("row").cast(pl.Int64), pl.col(f"device_{name}").cast(pl.String))
        sides.append(rows.select(row=name).join(numbered, on="row", how="left", maintain_order="left").drop("row"))
    both = pl.concat(sides, how="horizontal")
    differs = [pl.when(pl.col(f"{name}_a").ne_missing(pl.col(f"{name}_b"))).then(pl.lit(name)) for name in _DIFFERENT]
    changed = pl.concat_list(differs).list.drop_nulls()
    return both.with_columns(
        device=pl.coalesce("device_a", "device_b"), differs=pl.when(pl.col("change") == "changed").then(changed)
    ).select(pl.col(name).cast(dtype) for name, dtype in DIFFERENCES_SCHEMA.items())
