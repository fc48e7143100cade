"""The erase blocks of a device that were written, and what wrote to a range of it, as rows of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tracetool.report.frames import seconds
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset, format_size
from tracetool.timeline.operations import COUNTED, WRITING
from tracetool.timeline.starts import elapsed
from tracetool.timeline.touched import names_text
from tracetool.viewmodel.cells import Cell, Column
from tracetool.viewmodel.frame_rows import FrameColumn, FrameRows
from tracetool.viewmodel.range_stats import within

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.viewmodel.heatmap import Subject

__all__ = ["block_rows", "blocks", "range_rows"]

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BAR = 6
"""Characters of a bar."""


def blocks(subject: Subject) -> pl.DataFrame:
    """The blocks to which operations wrote or tried to, by number.

    Columns: block, offset, end (bytes), region (string), outside (bool), erases, programs, refused, changed (bytes),
    first_trace, first_seq, first and last (ns from the first event of the trace, null without times). An operation that
    spans blocks counts in each.
    """
    size = subject.block_bytes
    reach = pl.col("offset") + pl.max_horizontal(pl.col("length").fill_null(1), 1)
    writing = subject.operations.filter(pl.col("kind").is_in(WRITING) & pl.col("offset").is_not_null()).select(
        pl.int_ranges(pl.col("offset") // size, (reach - 1) // size + 1).alias("block"),
        *(counted.cast(pl.Int64).alias(name) for name, counted in COUNTED.items()),
        pl.col("trace").alias("first_trace"),
        "first_seq",
        elapsed(subject.starts).alias("time"),
    )
    found = (
        writing.explode("block")
        .group_by("block", maintain_order=True)
        .agg(
            *(pl.col(name).sum() for name in COUNTED),
            pl.col("first_trace", "first_seq").first(),
            pl.col("time").first().alias("first"),
            pl.col("time").last().alias("last"),
        )
        .sort("block")
    )
    changed = np.bincount(subject.changes.start // size, subject.changes.amount, subject.block_count)
    offset, limit = pl.col("block") * size, subject.extent_bytes
    return found.with_columns(
        offset.alias("offset"),
        (offset + size).alias("end"),
        pl.lit(None, pl.Boolean).alias("outside") if limit is None else (offset + size > limit).alias("outside"),
        pl.Series("changed", changed[found["block"].to_numpy()].astype(np.int64)),
        pl.Series(
            "region", [_regions(subject, block * size, (block + 1) * size) for block in found["block"]], pl.String
        ),
    )


def _regions(subject: Subject, start: int, end: int) -> str:
    return ", ".join(region.name for region in subject.regions if region.start < end and start < region.end)


def block_rows(frame: pl.DataFrame) -> FrameRows:
    """A frame of `blocks` as a table."""
    counts = [name for name in ("erases", "programs", "refused") if frame[name].sum()]
    columns = [
        FrameColumn(Column("block", "block", 5, right=True), _block, "block"),
        FrameColumn(
            Column("region", "region", _widest(frame["region"], 6, 16)), lambda row: Cell(row["region"]), "region"
        ),
        *(FrameColumn(Column(name, name, _BAR + 8), _bar(name, _top(frame[name])), name) for name in counts),
        FrameColumn(Column("changed", "changed B", 9, right=True), lambda row: Cell(f"{row['changed']:,}"), "changed"),
        FrameColumn(Column("first", "first", 11, right=True), lambda row: Cell(_when(row, "first")), "first"),
        FrameColumn(Column("last", "last", 11, right=True), lambda row: Cell(_when(row, "last")), "last"),
        FrameColumn(
            Column("offset", "offset", 10, right=True), lambda row: Cell(format_offset(row["offset"])), "offset"
        ),
    ]
    return FrameRows(frame, tuple(columns))


def _block(row: dict[str, Any]) -> Cell:
    return Cell(f"✖{row['block']}", "bad") if row["outside"] else Cell(str(row["block"]))


def _bar(name: str, most: int) -> Callable[[dict[str, Any]], Cell]:
    def cell(row: dict[str, Any]) -> Cell:
        count = row[name]
        if not count:
            return Cell("")
        eighths = max(round(count * _BAR * 8 / most), 1)
        bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        return Cell(f"{count:>6,} {bar}")

    return cell


def _when(row: dict[str, Any], name: str) -> str:
    return "" if row[name] is None else seconds(row[name])


def _top(column: pl.Series) -> int:
    top = column.max()
    return top if isinstance(top, int) else 0


def _widest(texts: pl.Series, least: int, most: int) -> int:
    return min(max([least, *(len(text) for text in texts)]), most)


# --- a range -----------------------------------------------------------------------------------------------------


def range_rows(subject: Subject, start: int, end: int) -> FrameRows:
    """The operations that wrote to bytes `start` to `end`, or tried to, in their order."""
    found = within(subject.operations.filter(pl.col("kind").is_in(WRITING)), start, end)
    frame = found.with_columns(elapsed(subject.starts).alias("time"), pl.col("variable").list.first().alias("name"))
    columns = (
        FrameColumn(Column("seq", "seq", 9, right=True), lambda row: Cell(f"{row['first_seq']}", "quiet"), "first_seq"),
        FrameColumn(Column("time", "time", 11, right=True), lambda row: Cell(_when(row, "time"), "quiet"), "time"),
        FrameColumn(Column("operation", "operation", 16), _operation, "kind"),
        FrameColumn(
            Column("offset", "offset", 9, right=True), lambda row: Cell(format_offset(row["offset"])), "offset"
        ),
        FrameColumn(Column("length", "length", 8, right=True), _length, "length"),
        FrameColumn(Column("changed", "changed", 7, right=True), _changed, "bytes_changed"),
        FrameColumn(Column("outcome", "outcome", 8), _outcome, "outcome"),
        FrameColumn(Column("variable", "variable", 24), _variable, "name"),
    )
    return FrameRows(frame, columns)


def _operation(row: dict[str, Any]) -> Cell:
    return Cell(row["kind"], "strong" if row["kind"] == "erase" else "")


def _length(row: dict[str, Any]) -> Cell:
    return Cell("" if row["length"] is None else format_size(row["length"]), "quiet")


def _changed(row: dict[str, Any]) -> Cell:
    return Cell("?" if row["bytes_changed"] is None else f"{row['bytes_changed']:,}")


def _outcome(row: dict[str, Any]) -> Cell:
    return Cell(row["outcome"] or "", "quiet" if row["outcome"] == "done" else "warn")


def _variable(row: dict[str, Any]) -> Cell:
    return Cell("" if row["variable"] is None else sanitize(names_text(row["variable"])))
