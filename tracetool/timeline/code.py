"""The guest code behind accesses and operations: the columns `pc`, `by` and `chain`."""

from __future__ import annotations

import polars as pl

from tracetool.timeline.chain import CALLED_BY, OFFSET

__all__ = ["CODE", "CODE_SCHEMA", "modules_in", "without_code"]

CODE_SCHEMA = pl.Schema({"pc": pl.UInt64(), "by": pl.String(), "chain": pl.String()})
"""Program counter of the access, in an operation of its first; the module that asked for it; and the chain of callers,
innermost first, each `module+offset`, with ` (function file:line)` where symbols tell it. Null where no log of the
guest's code tells (`docs/who.md`)."""

CODE = tuple(CODE_SCHEMA)


def without_code() -> list[pl.Expr]:
    """The columns `CODE`, null."""
    return [pl.lit(None, dtype).alias(name) for name, dtype in CODE_SCHEMA.items()]


def modules_in(chain: pl.Expr) -> pl.Expr:
    """The names of the modules in a chain (List(String)), innermost first; null where the chain is."""
    return chain.cast(pl.String).str.split(CALLED_BY).list.eval(pl.element().str.replace(OFFSET.pattern, ""))
