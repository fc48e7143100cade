"""The table of a fleet: one row a run and device, made of the run's audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tracetool.audit.figures import FIGURES
from tracetool.audit.verdict import Verdict
from tracetool.findings import Severity
from tracetool.ingest.directory import natural_order
from tracetool.sparse_file import data_pieces
from tracetool.uefi.firmware_version import named_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracetool.audit import Audit, DeviceAudit
    from tracetool.findings import Finding
    from tracetool.runs.directory import RunDirectory
    from tracetool.runs.run import SavedImage

    Row = dict[str, Any]

__all__ = [
    "FLEET_SCHEMA",
    "NOT_READ",
    "TIMES",
    "UNREADABLE",
    "FleetRows",
    "fleet_table",
    "not_read",
    "rows_of",
    "unreadable",
    "without_times",
]

UNREADABLE = "unreadable"
"""Verdict of a run that could not be read; its reason is the error."""

NOT_READ = "not-read"
"""Code of a run that was not read because the fleet was interrupted."""

_BATCH = 1024

TIMES = ("seconds", "cpu_seconds")
"""Columns that differ each time that a run is read."""

_FINDINGS = pl.List(pl.Struct({"rule": pl.String, "severity": pl.Enum([s.label for s in Severity]), "count": pl.Int64}))
_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "run": pl.String,
    "device": pl.String,
    "verdict": pl.Enum([UNREADABLE, *Verdict]),
    "unsure": pl.Boolean,
    "reasons": pl.List(pl.String),
    "codes": pl.List(pl.String),
    "qemu": pl.String,
    "board": pl.String,
    "firmware": pl.String,
    "firmware_version": pl.String,
    "behaviour": pl.String,
    "read_only": pl.Boolean,
    **dict.fromkeys(FIGURES, pl.Int64),
    "hottest_block": pl.Int64,
    "hottest_erases": pl.Int64,
    "findings": _FINDINGS,
    "operations": pl.Int64,
    "fingerprint": pl.String,
    "variables": pl.Int64,
    "store_free_bytes": pl.Int64,
    "digest": pl.String,
    **dict.fromkeys(TIMES, pl.Float64),
}
FLEET_SCHEMA = pl.Schema(_COLUMNS)
"""One row a run and device, by run and device; a run that could not be read is one row without a device.

`unsure` where the audit's question has no answer. `reasons` and `codes` are those of the verdict. `qemu` and `firmware`
(SHA-256 of the code flash's image) are known of run directories, `firmware_version` where that image names it. The
figures are those of an audit, in bytes or counts.
`hottest_block` is the number of the block that was erased most. `findings` are those of the device and of the run's
trace, by rule. `fingerprint` is equal where two runs did the same to a device. The figures of the UEFI variable store,
at the end of the run, are there where it was followed. `digest` is a hash of the run's files and of the options;
`seconds` and `cpu_seconds` are what it took to read the run."""


def rows_of(run: str, audit: Audit, recorded: RunDirectory | None) -> list[Row]:
    """The rows of a run that was audited, but for its digest and the times."""
    common = {"run": run, **_machine_of(recorded)}
    return [common | _row(device, audit.findings) for device in audit.devices]


def unreadable(run: str, why: str) -> Row:
    """The row of a run that could not be read."""
    return {"run": run, "verdict": UNREADABLE, "unsure": True, "reasons": [why], "codes": [UNREADABLE]}


def not_read(run: str) -> Row:
    """The row of a run that is still to be read when a fleet is interrupted."""
    return unreadable(run, "the fleet was interrupted before this run was read") | {"codes": [NOT_READ]}


def _machine_of(recorded: RunDirectory | None) -> Row:
    if recorded is None:
        return {}
    saved = [flash.before for flash in recorded.run.flashes if flash.read_only and flash.before is not None]
    found = {"qemu": recorded.run.version}
    if not saved:
        return found
    return found | {"firmware": saved[0].sha256, "firmware_version": _version_of(recorded, saved[0])}


_versions: dict[str, str | None] = {}
"""Versions by the hash of the code flash, which many runs share; the audit has compared the hash with the file."""


def _version_of(recorded: RunDirectory, code: SavedImage) -> str | None:
    if code.file is None:
        return None
    if code.sha256 not in _versions:
        try:
            with (Path(recorded.path) / code.file).open("rb") as file:
                data = b"".join(piece for _, piece in data_pieces(file.fileno(), 0, code.bytes))
        except OSError:  # a directory whose images were removed
            return None
        _versions[code.sha256] = named_version(data)
    return _versions[code.sha256]


def _row(device: DeviceAudit, findings: Iterable[Finding]) -> Row:
    hottest = device.blocks.filter(pl.col("erases") > 0).sort("erases", "block", descending=[True, False]).head(1)
    block, erases = hottest["block", "erases"].row(0) if hottest.height else (None, 0)
    return {
        "device": device.name,
        "verdict": str(device.verdict),
        "unsure": device.unsure,
        "reasons": list(device.verdict_reasons),
        "codes": [str(code) for code in device.verdict_codes],
        "board": device.identity and device.identity.board,
        "behaviour": device.behaviour.label,
        "read_only": device.read_only,
        **{key: device.figures[key].value for key in FIGURES},
        "hottest_block": block,
        "hottest_erases": erases,
        "findings": _summed(finding for finding in findings if finding.device in (device.name, None)),
        "operations": device.fingerprint.operations,
        "fingerprint": device.fingerprint.of(device.name),
        "variables": device.store and len(device.store.current),
        "store_free_bytes": device.store and device.store.free_bytes,
    }


def _summed(findings: Iterable[Finding]) -> list[Row]:
    """One entry a rule and severity."""
    counts: dict[tuple[str, str], int] = {}
    for finding in findings:
        key = (finding.rule, finding.severity.label)
        counts[key] = counts.get(key, 0) + finding.count
    return [{"rule": rule, "severity": severity, "count": count} for (rule, severity), count in sorted(counts.items())]


def fleet_table(rows: Iterable[Row]) -> pl.DataFrame:
    """The rows of runs as a frame of `FLEET_SCHEMA`; they may be in any order, and some be there twice.

    Where an interrupted fleet did not read a run and another did, only the rows of the latter are kept.
    """
    kept = FleetRows()
    kept.add(rows)
    return kept.table()


class FleetRows:
    """Rows of a fleet as they come, kept as columns, which take a tenth of the memory."""

    def __init__(self) -> None:
        self._frames = [FLEET_SCHEMA.to_frame()]
        self._waiting: list[Row] = []

    def add(self, rows: Iterable[Row]) -> None:
        """Add the rows of a run, or of several."""
        for row in rows:
            self._waiting.append(row)
            if len(self._waiting) >= _BATCH:
                self._pack()

    def add_table(self, table: pl.DataFrame) -> None:
        """Add the rows of another fleet (`FLEET_SCHEMA`)."""
        self._frames.append(table)

    def _pack(self) -> None:
        complete = [{name: row.get(name) for name in FLEET_SCHEMA} for row in self._waiting]
        self._frames.append(pl.DataFrame(complete, schema=FLEET_SCHEMA))
        self._waiting = []

    def table(self) -> pl.DataFrame:
        """The table, as `fleet_table` returns it."""
        self._pack()
        table = pl.concat(self._frames).unique(["run", "digest", "device"], keep="last", maintain_order=True)
        left = pl.col("codes").list.contains(NOT_READ)
        table = table.filter(~left | left.all().over("run"))
        places = sorted(table["run"].unique(), key=lambda run: (natural_order(run), run))
        place = pl.col("run").replace_strict(places, range(len(places)), return_dtype=pl.Int64)
        return table.sort(place, "digest", "device", nulls_last=False)


def without_times(table: pl.DataFrame) -> pl.DataFrame:
    """The table (`FLEET_SCHEMA`) without what reading took: it is the same whenever, and by whom, the runs are read."""
    return table.with_columns(pl.lit(None, FLEET_SCHEMA[name]).alias(name) for name in TIMES)
