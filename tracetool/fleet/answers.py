"""What the table of a fleet says of all its runs: the result document, which reports take and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tracetool.audit.gate import Ending, Gate
from tracetool.audit.verdict import Verdict
from tracetool.findings import RULES, Severity
from tracetool.findings.phrases import count_of
from tracetool.fleet.table import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracetool.fleet.differences import Fork

__all__ = ["ORDER", "SPREAD", "Fleet", "SafeBacking"]

RUN = ("run", "digest")
"""Columns that name a run."""

_OUTSIDE, _NO_EXTENT = str(Verdict.OUTSIDE_EXTENT), str(Verdict.NO_EXTENT)
ORDER = (_OUTSIDE, UNREADABLE, str(Verdict.INCONCLUSIVE), _NO_EXTENT, str(Verdict.WITHIN_EXTENT))
"""Verdicts, those first that decide about a run and a fleet."""

SPREAD = ("erases", "hottest_erases", "all_programs", "bytes_programmed", "writes", "not_done", "events")
"""Columns whose distribution is shown, where any run has one."""

_MOST_OUTLIERS = 0.05
"""Share of the runs of one firmware below which those that did the same are outliers."""

_USUAL = 0.5
"""Share of them that must have done the same, for others to be outliers."""


class SafeBacking(NamedTuple):
    """The smallest file that is safe for a device in all runs of a fleet.

    `bytes` is None where some runs do not tell (`unknown` of `runs`); `least` is what the others need all the same,
    None if no run tells. `example` is a run that needs as much.
    """

    device: str
    region_bytes: int
    bytes: int | None
    least: int | None
    runs: int
    unknown: int
    example: str | None

    @property
    def saved_bytes(self) -> int | None:
        """Bytes that a guest saves; None where not all runs tell."""
        return None if self.bytes is None else max(self.region_bytes - self.bytes, 0)


@dataclass(frozen=True)
class Fleet:
    """A fleet: its table (`FLEET_SCHEMA`), and the answers of it.

    Attributes:
        table: one row a run and device.
        guests: how many guests the saving is worked out for.
        gate: which findings fail, and whether an inconclusive run is accepted.
        forks: where the operations of runs part, if that was looked for.
    """

    table: pl.DataFrame
    guests: int = 1
    gate: Gate = field(default_factory=Gate)
    forks: tuple[Fork, ...] = ()

    @cached_property
    def folder(self) -> str:
        """The folder that all runs lie in, with a slash at its end; empty where there is none."""
        names = self.table["run"]
        first, last = (str(name or "") for name in (names.min(), names.max()))
        equal = next((at for at, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1), len(first))
        return first[: first.rfind("/", 0, equal) + 1]

    def short(self, words: str) -> str:
        """Words in which runs are named by their place in that folder."""
        return words.replace(self.folder, "") if len(self.folder) > 1 else words

    # --- verdicts ------------------------------------------------------------------------------------------------

    @cached_property
    def runs(self) -> pl.DataFrame:
        """One row a run, in the table's order: `run`, `digest`, its `verdict`, `firmware` (and version), `fingerprint`.

        The verdict is the worst of a device, where `no-extent` counts only as a question left open.
        """
        counts = (pl.col("verdict") != _NO_EXTENT) | pl.col("unsure")
        rank = pl.col("verdict").cast(pl.String).replace_strict(dict(zip(ORDER, range(len(ORDER)), strict=True)))
        worst = pl.when(counts).then(rank).min().fill_null(ORDER.index(_NO_EXTENT))
        names = pl.concat_str("device", pl.lit(":"), "fingerprint").sort_by("device").str.join(" ")
        return (
            self.table.group_by(*RUN, maintain_order=True)
            .agg(
                worst.cast(pl.Int64).alias("rank"),
                pl.col("unsure").any(),
                pl.col("firmware", "firmware_version").drop_nulls().first(),
                names.alias("fingerprint"),
            )
            .with_columns(pl.col("rank").replace_strict(dict(enumerate(ORDER))).alias("verdict"))
        )

    @property
    def verdicts(self) -> dict[str, int]:
        """The number of runs of each verdict, the worst first."""
        counts = dict(self.runs["verdict"].value_counts().rows())
        return {verdict: counts[verdict] for verdict in ORDER if verdict in counts}

    @property
    def verdict(self) -> str:
        """The verdict on the whole: the worst of a run."""
        return next(iter(self.verdicts), str(_NO_EXTENT))

    @cached_property
    def reasons(self) -> pl.DataFrame:
        """Why runs are what they are: `verdict`, `code`, `runs`, and the first of them with its device and reason.

        Those of devices that stayed within, or that nobody asks about (read-only, never written), are left out.
        """
        each = self.table.filter((pl.col("verdict") == _OUTSIDE) | pl.col("unsure")).select(
            *RUN, "device", "verdict", "codes", "reasons"
        )
        each = each.explode("codes", "reasons").with_columns(pl.col("verdict").cast(pl.String))
        found = each.group_by("verdict", "codes", maintain_order=True).agg(
            pl.struct(RUN).n_unique().alias("runs"), pl.col("run", "device", "reasons").first()
        )
        rank = pl.col("verdict").replace_strict(dict(zip(ORDER, range(len(ORDER)), strict=True)))
        return found.sort(rank, -pl.col("runs").cast(pl.Int64), maintain_order=True).rename(
            {"codes": "code", "reasons": "reason"}
        )

    @property
    def ending(self) -> Ending:
        """The exit code, and why: 1 for a write outside or findings, 4 where a run tells nothing, else 0."""
        failures = list(self._failures())
        if failures:
            return Ending(1, "; ".join(failures))
        unreadable = self.verdicts.get(UNREADABLE, 0)
        if unreadable:
            return Ending(4, f"{count_of(unreadable, 'run')} could not be read")
        unsure = self.runs.filter("unsure").height
        if unsure and not self.gate.allow_inconclusive:
            return Ending(4, f"{count_of(unsure, 'run')} left open (fleet --allow-inconclusive ends with 0)")
        allowed = f"{count_of(unsure, 'run')} left open, which --allow-inconclusive allows"
        return Ending(0, allowed if unsure else f"no finding {self.gate.severities}")

    def _failures(self) -> Iterator[str]:
        outside = self.verdicts.get(_OUTSIDE, 0)
        if outside:
            yield f"{count_of(outside, 'run')} wrote outside the extent"
        failing = [severity.label for severity in Severity if severity >= self.gate.fail_on]
        about_guest = [rule for rule, found in RULES.items() if not found.about_trace]
        counted = self._findings.filter(pl.col("severity").is_in(failing) & pl.col("rule").is_in(about_guest))
        if counted.height:
            runs = counted.select(pl.struct(RUN).n_unique()).item()
            yield f"findings {self.gate.severities} in {count_of(runs, 'run')}"

    # --- findings ------------------------------------------------------------------------------------------------

    @cached_property
    def _findings(self) -> pl.DataFrame:
        """One row a run, device and rule with findings."""
        each = self.table.select(*RUN, "device", "findings").explode("findings").drop_nulls("findings")
        return each.unnest("findings").with_columns(pl.col("severity").cast(pl.String))

    @cached_property
    def rules(self) -> pl.DataFrame:
        """Findings by rule, the worst first: `rule`, `severity`, `runs`, `most` in one run, and the first `run`."""
        rank = pl.col("severity").replace_strict({severity.label: -severity for severity in Severity})
        return (
            self._findings.group_by("rule", "severity", maintain_order=True)
            .agg(pl.struct(RUN).n_unique().alias("runs"), pl.col("count").max().alias("most"), pl.col("run").first())
            .sort(rank, -pl.col("runs").cast(pl.Int64), "rule")
        )

    # --- what the host saves -------------------------------------------------------------------------------------

    @cached_property
    def backings(self) -> list[SafeBacking]:
        """The smallest safe file of each writable device and region, over all runs."""
        writable = self.table.filter(pl.col("read_only").eq_missing(other=False) & pl.col("region_bytes").is_not_null())
        runs = self.runs.height
        found = []
        for (device, region), part in writable.group_by("device", "region_bytes", maintain_order=True):
            known = part.drop_nulls("minimum_backing_bytes").sort(
                "minimum_backing_bytes", descending=True, maintain_order=True
            )
            least, example = known["minimum_backing_bytes", "run"].row(0) if known.height else (None, None)
            unknown = part.select(pl.struct(RUN).n_unique()).item() - known.select(pl.struct(RUN).n_unique()).item()
            unknown += self.verdicts.get(UNREADABLE, 0)
            found.append(SafeBacking(device, region, None if unknown else least, least, runs, unknown, example))
        return found

    @property
    def saved_bytes(self) -> int | None:
        """Bytes that one guest saves on all its writable flashes; None where a run does not tell, or sizes differ."""
        saved = [backing.saved_bytes for backing in self.backings]
        names = {backing.device for backing in self.backings}
        known = [size for size in saved if size is not None]
        return sum(known) if saved and len(known) == len(saved) == len(names) else None

    # --- distributions -------------------------------------------------------------------------------------------

    @cached_property
    def spreads(self) -> pl.DataFrame:
        """Distribution of figures over the runs: `device`, `figure`, `least`, `median`, `p95`, `most`, the `run`."""
        rows: list[dict[str, Any]] = []
        for (device,), part in self.table.drop_nulls("device").group_by("device", maintain_order=True):
            for name in SPREAD:
                known = part.drop_nulls(name).sort(name, descending=True, maintain_order=True)
                if known.height and known[name].max():
                    values = known[name]
                    quantiles = {
                        "least": values.min(),
                        "median": values.quantile(0.5, "lower"),
                        "p95": values.quantile(0.95, "lower"),
                        "most": values.max(),
                    }
                    rows.append({"device": device, "figure": name, **quantiles, "run": known["run"][0]})
        return pl.DataFrame(rows, schema=_SPREADS)

    # --- runs that did the same ----------------------------------------------------------------------------------

    @cached_property
    def clusters(self) -> pl.DataFrame:
        """Runs by firmware and what they did to all their flashes, the most common first.

        Columns: `firmware` (null: not known) and `firmware_version`, `fingerprint` (of all devices), `runs`, `share` of
        those of the firmware, `outlier`, and the first `run`.
        """
        readable = self.runs.filter(pl.col("verdict") != UNREADABLE)
        of_firmware = pl.col("runs").sum().over("firmware")
        found = (
            readable.group_by("firmware", "fingerprint", maintain_order=True)
            .agg(pl.len().cast(pl.Int64).alias("runs"), pl.col("run", "firmware_version").first())
            .with_columns((pl.col("runs") / of_firmware).alias("share"))
        )
        rare, usual = pl.col("share") <= _MOST_OUTLIERS, pl.col("share").max().over("firmware") >= _USUAL
        return found.with_columns((rare & usual).alias("outlier")).sort(
            of_firmware, "firmware", "runs", descending=[True, False, True], maintain_order=True, nulls_last=True
        )

    @cached_property
    def outliers(self) -> pl.DataFrame:
        """The runs of clusters that are outliers: `run`, `verdict`, `firmware`, `fingerprint`."""
        rare = self.clusters.filter("outlier").select("firmware", "fingerprint")
        joined = self.runs.join(
            rare, on=["firmware", "fingerprint"], how="inner", nulls_equal=True, maintain_order="left"
        )
        return joined.select("run", "verdict", "firmware", "fingerprint")

    @property
    def totals(self) -> Mapping[str, int]:
        """Runs, rows, events and operations of the whole fleet."""
        sums = self.table.select(pl.col("events", "operations").sum()).row(0, named=True)
        return {"runs": self.runs.height, "rows": self.table.height, **sums}


_SPREADS = pl.Schema(
    {"device": pl.String, "figure": pl.String}
    | dict.fromkeys(("least", "median", "p95", "most"), pl.Int64)
    | {"run": pl.String}
)
