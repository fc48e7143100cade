"""Who put bytes of the image there, in words: the operation that gave them their value, and later copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tracetool.analysis.blame import IMAGE, RESTART, Blame
from tracetool.findings.phrases import count_of
from tracetool.report.frames import seconds
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset, format_size
from tracetool.timeline.chain import code_words

if TYPE_CHECKING:
    from tracetool.analysis.history import History
    from tracetool.viewmodel.audit_session import AuditSession

__all__ = ["Blamed", "Writer", "blame_of", "blamed"]

_MOST_VALUE = 47
"""Characters of a value: sixteen bytes."""


class Writer(NamedTuple):
    """Who stored bytes: what it did to them, the facts in a line each, and its event, (trace, seq), or None."""

    did: str
    facts: tuple[str, ...]
    event: tuple[int, int] | None


class Blamed(NamedTuple):
    """Bytes of one origin: which, and their writers, the one that gave them their value first."""

    words: str
    writers: tuple[Writer, ...]


def blame_of(session: AuditSession, device: str, history: History) -> Blame:
    """Prepare the answers about a device whose contents are `history`."""
    mine = session.operations.filter(pl.col("device").cast(pl.String) == device)
    return Blame(history, mine, session.store_timeline(device))


def blamed(session: AuditSession, blame: Blame, start: int, end: int, position: int) -> list[Blamed]:
    """Who put the bytes from `start` to `end` there, at a position of the history, by offset."""
    return [_blamed(session, row) for row in blame.frame(start, end, position).iter_rows(named=True)]


def _blamed(session: AuditSession, row: dict[str, Any]) -> Blamed:
    first = _writer(session, row, "first_", "gave the value")
    last = _writer(session, row, "", "copied it here" if row["copies"] else "wrote the same again")
    return Blamed(_bytes(row), (first,) if first.event == last.event else (first, last))


def _bytes(row: dict[str, Any]) -> str:
    """Which bytes, their value, and what they are."""
    length = row["length"]
    where = format_offset(row["offset"])
    ends = where if length == 1 else f"{where} to {format_offset(row['offset'] + length)}, {format_size(length)}"
    value = "value not known" if set(row["value"].partition("*")[0]) == {"?"} else sanitize(row["value"], _MOST_VALUE)
    names = [row["part"] or "", sanitize(row["variable"] or "")]
    return " │ ".join([ends, value, *filter(None, [" of ".join(filter(None, names))])])


def _writer(session: AuditSession, row: dict[str, Any], prefix: str, did: str) -> Writer:
    kind, trace, seq = (row[f"{prefix}{name}"] for name in ("kind", "trace", "seq"))
    if kind == IMAGE:
        return Writer(did, ("no operation: the bytes were there before the trace",), None)
    event = trace, max(seq, 0)
    of_trace = f" of trace {trace}" if len(session.traces) > 1 else ""
    if kind == RESTART:
        return Writer(did, (f"the restart before event {event[1]}{of_trace}, which reloaded the image file",), event)
    time, start, intent = row[f"{prefix}time_ns"], session.starts[trace], row[f"{prefix}intent"]
    at = "" if time is None or start is None else f" at {seconds(time - start)} s"
    facts = [f"{kind}{at}, event {seq:,}{of_trace}"]
    if not prefix and row["copies"]:
        facts.append(f"the last of {count_of(row['copies'], 'copy', 'copies')} by the firmware")
    if prefix and row["first_offset"] != row["offset"]:
        facts.append(f"at {format_offset(row['first_offset'])}: the firmware has moved it since")
    by, chain = row[f"{prefix}by"], row[f"{prefix}chain"]
    asked = f"asked for by {sanitize(by)}" if by else "asked for by code that is not known"
    facts.append(f"{asked}, for: {intent}" if intent else asked)
    if by and chain:
        facts.append(sanitize(code_words(by, chain)))
    return Writer(did, tuple(facts), event)
