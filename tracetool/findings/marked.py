"""Operations with what findings say of them: the columns `FOUND`, which queries can speak of."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.findings.registry import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tracetool.findings.registry import Finding

__all__ = ["cases_of", "with_findings"]

_SEVERITY = pl.Enum([severity.label for severity in sorted(Severity)])


def cases_of(finding: Finding) -> Iterator[tuple[int, int]]:
    """Trace and seq of the event of each case; of the first and last one where cases were not kept."""
    if finding.occurrences:
        yield from ((case.trace, case.seq) for case in finding.occurrences)
        return
    ends = ((finding.trace, finding.first_seq), (finding.last_trace, finding.last_seq))
    yield from dict.fromkeys((trace or 0, seq) for trace, seq in ends if seq is not None)


def with_findings(operations: pl.DataFrame, findings: Iterable[Finding]) -> pl.DataFrame:
    """Add the columns `FOUND` to operations (`OPERATIONS_SCHEMA`, by trace and first event for each device).

    `finding` (Boolean) is true where the event of a case is one of the operation's, `severity` (Enum) that of the worst
    such finding, `rule` (List(String)) the rules; both null without a finding.
    """
    rules: dict[int, list[str]] = defaultdict(list)
    worst: dict[int, str] = {}
    places: dict[str, tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...]] = {}
    for finding in sorted(findings, key=lambda found: -found.severity):
        if finding.device is None:
            continue
        if finding.device not in places:
            places[finding.device] = _places(operations, finding.device)
        for row in _rows(places[finding.device], list(cases_of(finding))):
            worst.setdefault(row, finding.severity.label)
            if finding.rule not in rules[row]:
                rules[row].append(finding.rule)
    found = pl.DataFrame(
        {"row": list(worst), "severity": list(worst.values()), "rule": [rules[row] for row in worst]},
        schema={"row": pl.UInt32, "severity": _SEVERITY, "rule": pl.List(pl.String)},
    )
    numbered = operations.with_row_index("row").join(found, on="row", how="left", maintain_order="left")
    return numbered.drop("row").with_columns(finding=pl.col("severity").is_not_null())


def _places(operations: pl.DataFrame, device: str) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...]:
    """Row, first and last event of each operation of a device, the trace in the upper bits."""
    trace = pl.col("trace").cast(pl.Int64) * (1 << 40)
    mine = (
        operations.with_row_index("row")
        .filter(pl.col("device").cast(pl.String) == device)
        .select(pl.col("row").cast(pl.Int64), trace + pl.col("first_seq"), last=trace + pl.col("last_seq"))
    )
    return tuple(mine[name].to_numpy() for name in mine.columns)


def _rows(
    places: tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...], cases: list[tuple[int, int]]
) -> Iterator[int]:
    """The row of each case, where its event is of an operation."""
    rows, first, last = places
    events = np.array([(trace << 40) + seq for trace, seq in cases], np.int64)
    found = np.searchsorted(first, events, side="right") - 1
    for at, event in zip(found.tolist(), events.tolist(), strict=True):
        if at >= 0 and event <= last[at]:
            yield int(rows[at])
