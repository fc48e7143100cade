"""The answers of a fleet as text, JSON and CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from rich.text import Text

from tracetool.audit.figures import LABELS
from tracetool.findings.phrases import count_of
from tracetool.report.layout import print_grid, print_table, print_words
from tracetool.sanitize import sanitize
from tracetool.sizes import about, format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from tracetool.fleet.answers import Fleet, SafeBacking
    from tracetool.fleet.differences import Branch, Fork

__all__ = [
    "SCHEMA",
    "backing_words",
    "behaviour_words",
    "branch_words",
    "firmware_words",
    "fleet_csv",
    "fleet_document",
    "fork_words",
    "headline",
    "label_of",
    "print_fleet",
    "reason_words",
    "runs_words",
    "saving_words",
    "shown_figure",
]

SCHEMA = "tracetool.fleet/1"

SHORT_HASH = 8
MOST_REASONS = 12
MOST_CLUSTERS = 8
MOST_OUTLIERS = 20

_GIB = 1 << 30
_BYTES = ("bytes_programmed",)
_LABELS = {"hottest_erases": "erases of the hottest block"}


# --- phrases -----------------------------------------------------------------------------------------------------


def headline(fleet: Fleet) -> str:
    """How many runs have which verdict: `962 of 1,000 runs within-extent, 38 inconclusive`."""
    total = fleet.runs.height
    if not total:
        return "no runs"
    (first, count), *others = reversed(fleet.verdicts.items())
    words = [f"{count:,} of {count_of(total, 'run')} {first}", *(f"{number:,} {name}" for name, number in others)]
    return ", ".join(words)


def backing_words(backing: SafeBacking, guests: int = 1) -> str:
    """The smallest safe file of a device, and what it saves, or why it is not known."""
    if backing.bytes is not None:
        words = f"{format_size(backing.bytes)} of {format_size(backing.region_bytes)}"
        if not backing.saved_bytes:
            return f"{words}: nothing is saved"
        words += f", which saves {format_size(backing.saved_bytes)} a guest"
        if guests > 1:
            words += f", {backing.saved_bytes * guests / _GIB:,.1f} GiB for {guests:,}"
        return words
    words = f"not known: {backing.unknown:,} of {count_of(backing.runs, 'run')} do not tell"
    return words if backing.least is None else f"{words}; the others need {format_size(backing.least)}"


def saving_words(fleet: Fleet) -> str:
    """What all writable flashes of the guests save; empty for a single flash."""
    if fleet.saved_bytes is None or len(fleet.backings) < 2:  # noqa: PLR2004  the device says it
        return ""
    words = f"all together {format_size(fleet.saved_bytes)} a guest"
    return words + (f", {fleet.saved_bytes * fleet.guests / _GIB:,.1f} GiB for {fleet.guests:,}" * (fleet.guests > 1))


def behaviour_words(fleet: Fleet) -> str:
    """How far the runs of each firmware did the same."""
    clusters = fleet.clusters
    found = count_of(clusters.height, "behaviour")
    firmwares = clusters["firmware"].n_unique()
    of = f" of {count_of(firmwares, 'firmware')}" if firmwares > 1 else ""
    outliers = fleet.outliers.height
    return f"{found}{of} in {count_of(int(clusters['runs'].sum()), 'run')}; {count_of(outliers, 'outlier')}"


def firmware_words(row: dict[str, Any]) -> str:
    """A firmware by its hash and the release that it names; empty where it is not known."""
    names = [(row["firmware"] or "")[:SHORT_HASH], row["firmware_version"] or ""]
    return sanitize(" ".join(filter(None, names)))


def fork_words(fork: Fork) -> str:
    """Where runs part."""
    firmware = "" if fork.firmware is None else f", firmware {fork.firmware[:SHORT_HASH]}"
    return f"{sanitize(fork.device)}{firmware}: after {count_of(fork.common, 'operation')} in common"


def branch_words(branch: Branch) -> str:
    """How runs go on after a fork."""
    step = branch.step
    if step is None:
        return "ends"
    where = "" if step.offset is None else f" at {format_offset(step.offset)}"
    size = "" if step.length is None else f" of {format_size(step.length)}"
    return f"{step.kind or 'reset'}{size}{where}, {step.outcome or 'open'} (event {step.seq:,})"


def runs_words(fleet: Fleet, branch: Branch) -> str:
    """The runs of a branch, by their examples."""
    first, *others = branch.runs
    return sanitize(fleet.short(first)) + (f" and {len(others)} more" if others else "")


def reason_words(fleet: Fleet, run: str, reason: str) -> str:
    """A reason beside its run: files are named by their place in it."""
    return sanitize(fleet.short(reason.removeprefix(f"{run}: ").removeprefix(f"{run}/")))


def label_of(figure: str) -> str:
    """The name of a figure for people."""
    return _LABELS.get(figure) or LABELS[figure]


def shown_figure(figure: str, value: int) -> str:
    """A figure for people."""
    return about(value) if figure in _BYTES else f"{value:,}"


# --- text --------------------------------------------------------------------------------------------------------


def print_fleet(fleet: Fleet, console: Console) -> None:
    """Print the report; the console decides about colour and width."""
    print_words(console, Text.assemble((fleet.verdict.upper(), "bold"), f": {headline(fleet)}"))
    ending = fleet.ending
    print_words(console, f"exit code {ending.code}: {ending.why}")
    if not fleet.runs.height:
        return
    if fleet.folder:
        print_words(console, f"runs in {sanitize(fleet.folder)}")
    _section(console, "why", _reason_rows(fleet))
    rows = [(sanitize(backing.device), backing_words(backing, fleet.guests)) for backing in fleet.backings]
    _section(console, "smallest backing that is safe for all runs", [*rows, *_saving_rows(fleet)])
    _section(console, "findings (tracetool rules RULE explains one)", list(_rule_rows(fleet)))
    for device in fleet.spreads["device"].unique(maintain_order=True):
        note = "half of the runs have at most the median, 95 of 100 at most p95"
        print_table(console, f"figures of {sanitize(device)}", note, list(_spread_rows(fleet, device)))
    _section(console, f"behaviour: {behaviour_words(fleet)}", list(_cluster_rows(fleet)))
    _section(console, "outliers", list(_outlier_rows(fleet)))
    for fork in fleet.forks:
        _section(
            console, fork_words(fork), [(runs_words(fleet, branch), branch_words(branch)) for branch in fork.branches]
        )


def _section(console: Console, title: str, rows: list[tuple[str, ...]]) -> None:
    if rows:
        console.print()
        print_words(console, Text(title, style="bold"))
        print_grid(console, rows, first_style="dim")


def _reason_rows(fleet: Fleet) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (f"{row['runs']:,}", row["verdict"], _reason(fleet, row))
        for row in fleet.reasons.head(MOST_REASONS).iter_rows(named=True)
    ]
    more = fleet.reasons.height - len(rows)
    return rows + [("", "", f"and {count_of(more, 'more reason')}")] * bool(more)


def _reason(fleet: Fleet, row: dict[str, Any]) -> str:
    """The reason, after the first run that it is about and its device."""
    where = row["run"] if row["device"] is None else f"{row['run']}, {row['device']}"
    return f"{sanitize(fleet.short(where))}: {reason_words(fleet, row['run'], row['reason'])}"


def _saving_rows(fleet: Fleet) -> Iterator[tuple[str, str]]:
    words = saving_words(fleet)
    if words:
        yield "host", words


def _rule_rows(fleet: Fleet) -> Iterator[tuple[str, ...]]:
    for row in fleet.rules.iter_rows(named=True):
        words = (
            f"{count_of(row['runs'], 'run')}, at most {row['most']:,} in one; first {sanitize(fleet.short(row['run']))}"
        )
        yield row["severity"], row["rule"], words


def _spread_rows(fleet: Fleet, device: str) -> Iterator[tuple[str, ...]]:
    names = ("least", "median", "p95", "most")
    yield *names, ""
    for row in fleet.spreads.filter(device=device).iter_rows(named=True):
        yield *(shown_figure(row["figure"], row[name]) for name in names), label_of(row["figure"])


def _cluster_rows(fleet: Fleet) -> Iterator[tuple[str, ...]]:
    for row in fleet.clusters.head(MOST_CLUSTERS).iter_rows(named=True):
        yield f"{row['runs']:,}", f"{row['share']:.1%}", firmware_words(row), f"as {sanitize(fleet.short(row['run']))}"
    more = fleet.clusters.height - MOST_CLUSTERS
    if more > 0:
        yield "", "", "", f"and {more:,} more"


def _outlier_rows(fleet: Fleet) -> Iterator[tuple[str, ...]]:
    for row in fleet.outliers.head(MOST_OUTLIERS).iter_rows(named=True):
        yield row["verdict"], sanitize(fleet.short(row["run"]))
    more = fleet.outliers.height - MOST_OUTLIERS
    if more > 0:
        yield "", f"and {more:,} more"


# --- JSON and CSV ------------------------------------------------------------------------------------------------


def fleet_document(fleet: Fleet) -> dict[str, Any]:
    """Build the document as plain data; what is not known is None."""
    ending = fleet.ending
    return {
        "schema": SCHEMA,
        "verdict": fleet.verdict,
        "verdicts": fleet.verdicts,
        "exit_code": ending.code,
        "exit_reason": ending.why,
        "totals": dict(fleet.totals),
        "guests": fleet.guests,
        "saved_bytes": fleet.saved_bytes,
        "saved_bytes_all_guests": None if fleet.saved_bytes is None else fleet.saved_bytes * fleet.guests,
        "backings": [backing._asdict() | {"saved_bytes": backing.saved_bytes} for backing in fleet.backings],
        "reasons": fleet.reasons.to_dicts(),
        "findings": fleet.rules.to_dicts(),
        "distributions": fleet.spreads.to_dicts(),
        "clusters": fleet.clusters.to_dicts(),
        "outliers": fleet.outliers.to_dicts(),
        "forks": [_fork_document(fork) for fork in fleet.forks],
        "rows": fleet.table.to_dicts(),
    }


def _fork_document(fork: Fork) -> dict[str, Any]:
    branches = [
        {"runs": list(branch.runs), "operation": branch.step and branch.step._asdict()} for branch in fork.branches
    ]
    return {"device": fork.device, "common": fork.common, "branches": branches}


def fleet_csv(fleet: Fleet) -> str:
    """The table as CSV: reasons and codes of a row joined by `; `, findings as `RULE:COUNT`."""
    element = pl.element().struct
    findings = pl.concat_str(element.field("rule"), pl.lit(":"), element.field("count"))
    flat = fleet.table.with_columns(
        pl.col("reasons", "codes").list.join("; "), pl.col("findings").list.eval(findings).list.join(" ")
    )
    return flat.write_csv()
