"""Patterns of `~`: polars' regular expressions, which take linear time whatever the pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["expression", "matching"]


def expression(pattern: str, *, regex: bool) -> str:
    """The regular expression that finds the pattern, in upper or lower case."""
    return "(?i)" + (pattern if regex else pl.escape_regex(pattern))


def matching(texts: Sequence[str], pattern: str, *, regex: bool) -> tuple[str, ...]:
    """Those of the texts in which the pattern is found.

    Raises:
        ValueError: not a regular expression, or one too large; the message is the reason.
    """
    column = pl.Series(texts, dtype=pl.String)
    try:
        return tuple(column.filter(column.str.contains(expression(pattern, regex=regex))).to_list())
    except pl.exceptions.ComputeError as error:
        raise ValueError(_reason(str(error))) from error


def _reason(report: str) -> str:
    """The one line that says why, of the several that polars gives."""
    report = report.partition("\n\nThis error occurred")[0]
    lines = [line.removeprefix("error: ") for line in report.splitlines() if line.startswith("error: ")]
    return lines[-1] if lines else report.partition(": ")[2].partition("\n")[0] or "not a regular expression"
