"""The columns that a query on the table of a fleet may speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracetool.audit.figures import COUNT_FIGURES, FIGURES, LABELS
from tracetool.fleet.table import FLEET_SCHEMA
from tracetool.timeline.query import Column, Type, Vocabulary, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FLEET", "chosen"]


def _columns() -> Iterator[Column]:
    yield Column("run", Type.TEXT, "path of the run")
    yield Column("device", Type.TEXT, "the flash, as the trace names it: virt.flash1")
    verdict = FLEET_SCHEMA["verdict"]
    yield Column(
        "verdict",
        Type.ENUM,
        "answer for the device",
        values=tuple(verdict.categories) if isinstance(verdict, pl.Enum) else (),
    )
    yield Column("unsure", Type.BOOL, "whether the question has no answer")
    yield Column("codes", Type.NAMES, "reasons of the verdict, as codes", aliases=("code",))
    yield Column("reasons", Type.NAMES, "reasons of the verdict, as sentences", aliases=("reason",))
    yield Column("rules", Type.NAMES, "rules that found something", aliases=("rule",))
    for name, about in _TEXTS.items():
        yield Column(name, Type.TEXT, about)
    yield Column("read_only", Type.BOOL, "whether the flash is read-only")
    for name in FIGURES:
        yield Column(name, Type.COUNT if name in COUNT_FIGURES else Type.SIZE, LABELS[name])
    for name, about in _COUNTS.items():
        yield Column(name, Type.COUNT, about)
    yield Column("store_free_bytes", Type.SIZE, "free bytes of the UEFI variable store")


_TEXTS = {
    "qemu": "release of QEMU",
    "board": "board of QEMU",
    "firmware": "SHA-256 of the code flash",
    "firmware_version": "version that the code flash names",
    "behaviour": "when buffered writes are stored",
    "fingerprint": "hash of what was done to the flash",
}
_COUNTS = {
    "hottest_block": "number of the block that was erased most",
    "hottest_erases": "erases of that block",
    "operations": "flash operations",
    "variables": "UEFI variables at the end",
}

FLEET = Vocabulary("fleet", tuple(_columns()), instead=(("op", "operations"), ("name", "run")))
"""The table of a fleet: one row a run and device."""


def chosen(table: pl.DataFrame, where: str) -> pl.DataFrame:
    """The rows of a fleet's table (`FLEET_SCHEMA`) that a query selects; QueryError, a UsageError, if it is none."""
    condition = parse(where, FLEET).expression(())
    rules = pl.col("findings").list.eval(pl.element().struct.field("rule")).alias("rules")
    return table.with_columns(rules).filter(condition).select(FLEET_SCHEMA.names())
