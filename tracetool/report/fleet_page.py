"""The answers of a fleet as a page for a browser; see `tracetool.report.formats.html`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracetool.findings import RULES, Severity
from tracetool.fleet.answers import ORDER
from tracetool.report.fleet import (
    backing_words,
    behaviour_words,
    branch_words,
    firmware_words,
    fork_words,
    headline,
    label_of,
    reason_words,
    runs_words,
    saving_words,
    shown_figure,
)
from tracetool.report.formats.html import page_parts, template
from tracetool.report.phrases import SIGNS

if TYPE_CHECKING:
    from tracetool.fleet.answers import Fleet

__all__ = ["write_fleet_page"]

MOST_ROWS = 2000
MOST_CLUSTERS = 50
"""Rows of the tables on the page; the file of `fleet -o` has all."""


def write_fleet_page(fleet: Fleet) -> str:
    """Render the page, with a newline at its end."""
    rank = pl.col("verdict").cast(pl.String).replace_strict({name: at for at, name in enumerate(ORDER)})
    rows = fleet.table.sort(~pl.col("unsure") & (pl.col("verdict") == "no-extent"), rank, maintain_order=True)
    signs = {str(name): sign for name, sign in SIGNS.items() if not isinstance(name, Severity)}
    signs |= {severity.label: SIGNS[severity] for severity in Severity} | {"unreadable": "?"}
    spreads = [
        row
        | {"label": label_of(row["figure"])}
        | {f"{name}_words": shown_figure(row["figure"], row[name]) for name in _NAMES}
        for row in fleet.spreads.iter_rows(named=True)
    ]
    return template("fleet.html.jinja").render(
        **page_parts(),
        fleet=fleet,
        headline=headline(fleet),
        saving=saving_words(fleet),
        behaviour=behaviour_words(fleet),
        rules=RULES,
        signs=signs,
        order=list(ORDER),
        reason_words=reason_words,
        reasons=fleet.reasons.to_dicts(),
        backings=[(backing.device, backing_words(backing, fleet.guests)) for backing in fleet.backings],
        rules_found=fleet.rules.to_dicts(),
        spreads=spreads,
        clusters=[row | {"words": firmware_words(row)} for row in fleet.clusters.head(MOST_CLUSTERS).to_dicts()],
        more_clusters=max(fleet.clusters.height - MOST_CLUSTERS, 0),
        forks=[
            {
                "title": fork_words(fork),
                "branches": [(runs_words(fleet, each), branch_words(each)) for each in fork.branches],
            }
            for fork in fleet.forks
        ],
        rows=rows.head(MOST_ROWS).to_dicts(),
        more_rows=max(rows.height - MOST_ROWS, 0),
    )


_NAMES = ("least", "median", "p95", "most")
