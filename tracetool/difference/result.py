"""The differences of two runs, as data; reports take it and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from tracetool.audit.verdict import doubts
from tracetool.difference.operations import align_operations, operations_with_data
from tracetool.uefi.varstore import store_differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed
    from tracetool.audit import Audit, DeviceAudit
    from tracetool.difference.operations import Matched
    from tracetool.findings import Finding

__all__ = [
    "BLOCK_DIFFERENCES_SCHEMA",
    "CONTENT_DIFFERENCES_SCHEMA",
    "FIGURE_DIFFERENCES_SCHEMA",
    "FINDING_DIFFERENCES_SCHEMA",
    "VARIABLE_DIFFERENCES_SCHEMA",
    "VERDICT_DIFFERENCES_SCHEMA",
    "Difference",
    "Side",
    "compare",
]

FIGURE_DIFFERENCES_SCHEMA = pl.Schema(
    {"device": pl.String(), "figure": pl.String(), "label": pl.String(), "unit": pl.String()}
    | {side: pl.Int64() for side in "ab"}
)
"""One row a figure (`tracetool.audit.figures`) that differs; null where it is not known or the device not there."""

BLOCK_DIFFERENCES_SCHEMA = pl.Schema(
    {"device": pl.String(), "block": pl.Int64(), "offset": pl.Int64()}
    | {f"{name}_{side}": pl.Int64() for name in ("erases", "programs", "bytes_programmed") for side in "ab"}
)
"""One row an erase block that was used otherwise."""

CONTENT_DIFFERENCES_SCHEMA = pl.Schema(
    {name: pl.Int64() for name in ("block", "offset", "first", "last", "bytes", "bytes_before")}
)
CONTENT_DIFFERENCES_SCHEMA = pl.Schema({"device": pl.String(), **CONTENT_DIFFERENCES_SCHEMA})
"""One row an erase block whose contents differ at the end: the first and the last byte that does, how many do, and
how many did before the traces (null: that was not known). Bytes that are not known in both are not compared."""

VERDICT_DIFFERENCES_SCHEMA = pl.Schema({"device": pl.String(), "a": pl.String(), "b": pl.String()})
"""One row a device with another verdict; null where it is not in that run."""

FINDING_DIFFERENCES_SCHEMA = pl.Schema(
    {"change": pl.Enum(["gone", "added", "changed"]), "rule": pl.String(), "severity": pl.String()}
    | {"device": pl.String(), "message_a": pl.String(), "message_b": pl.String(), "seq_a": pl.Int64()}
    | {"seq_b": pl.Int64()}
)
"""One row a finding that is in one run only, or there about another place, extent or number of cases."""

VARIABLE_DIFFERENCES_SCHEMA = pl.Schema(
    {"device": pl.String()}
    | {name: pl.String() for name in ("variable", "guid", "change", "value", "value_after")}
    | {name: pl.UInt32() for name in ("attributes", "attributes_after")}
)
"""One row a UEFI variable of the final store that differs; `added` is in B only, `removed` in A only."""

_LEFT_OUT = ("events", "saved_bytes", "saved_bytes_all_guests", "all_programs", "not_done")
"""Figures that depend on how a run was traced, or follow from others."""

_OF_BLOCKS = ("erases", "programs", "bytes_programmed")


@dataclass(frozen=True)
class Side:
    """One of the two runs: its traces by name, what the audit found, and why its traces are incomplete."""

    names: tuple[str, ...]
    audit: Audit
    doubts: tuple[str, ...]
    flash_ns: int | None
    """Time from the first to the last event of its operations, summed up; None without times."""
    boots: int
    operations: int


class _Run(NamedTuple):
    replayed: Replayed
    audit: Audit


@dataclass(frozen=True)
class Difference:
    """What differs between two runs. Frames have only what differs; their schemas say what the columns are."""

    a: Side
    b: Side
    matched: Matched = field(repr=False)
    operations: pl.DataFrame = field(repr=False)
    figures: pl.DataFrame = field(repr=False)
    blocks: pl.DataFrame = field(repr=False)
    verdicts: pl.DataFrame = field(repr=False)
    findings: pl.DataFrame = field(repr=False)
    contents: pl.DataFrame = field(repr=False)
    variables: pl.DataFrame = field(repr=False)
    undecoded: tuple[str, ...] = ()
    """Devices whose variable store could be decoded in one run only, or not to its end."""

    @property
    def same(self) -> int:
        """Operations that are the same in both."""
        return self.matched.same_count

    @cached_property
    def frames(self) -> dict[str, pl.DataFrame]:
        """What differs, by subject."""
        subjects = ("verdicts", "findings", "operations", "figures", "blocks", "contents", "variables")
        return {name: getattr(self, name) for name in subjects}

    @property
    def equal(self) -> bool:
        """True where nothing differs."""
        return all(frame.is_empty() for frame in self.frames.values())

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why what is equal may not be: the traces are incomplete."""
        return tuple(dict.fromkeys((*self.a.doubts, *self.b.doubts)))

    @property
    def exit_code(self) -> int:
        """1: something differs; 4: nothing does, but a trace is incomplete; 0: nothing does."""
        return 1 if not self.equal else 4 if self.doubts else 0


def compare(a: tuple[Replayed, Audit], b: tuple[Replayed, Audit]) -> Difference:
    """Compare two runs, each replayed with operations and variables, and audited."""
    one, other = _Run(*a), _Run(*b)
    names = sorted({*one.replayed.devices, *other.replayed.devices})
    pairs = [(name, one.replayed.devices.get(name), other.replayed.devices.get(name)) for name in names]
    both = [(name, first, second) for name, first, second in pairs if first is not None and second is not None]
    tables = [operations_with_data(run.replayed) for run in (one, other)]
    aligned = align_operations(*tables)
    return Difference(
        a=_side(one, tables[0]),
        b=_side(other, tables[1]),
        matched=aligned.matched,
        operations=aligned.table,
        figures=pl.DataFrame(list(_figures(one.audit, other.audit)), FIGURE_DIFFERENCES_SCHEMA, orient="row"),
        blocks=_blocks(one.replayed.blocks(), other.replayed.blocks()),
        verdicts=pl.DataFrame(list(_verdicts(one.audit, other.audit)), VERDICT_DIFFERENCES_SCHEMA, orient="row"),
        findings=pl.DataFrame(list(_findings(one.audit, other.audit)), FINDING_DIFFERENCES_SCHEMA, orient="row"),
        contents=pl.DataFrame(
            [row for name, *devices in both for row in _contents(name, *devices)],
            CONTENT_DIFFERENCES_SCHEMA,
            orient="row",
        ),
        variables=pl.concat([VARIABLE_DIFFERENCES_SCHEMA.to_frame(), *(_variables(*each) for each in both)]),
        undecoded=tuple(name for name, *devices in both if len({each.variable_store is None for each in devices}) > 1),
    )


def _side(run: _Run, operations: pl.DataFrame) -> Side:
    found = [doubt.text for device in run.replayed.devices.values() for doubt in doubts(device, run.replayed)]
    durations = operations["duration_ns"].drop_nulls()
    return Side(
        names=tuple(trace.meta.name for trace in run.replayed.traces),
        audit=run.audit,
        doubts=tuple(dict.fromkeys(found)),
        flash_ns=int(durations.sum()) if len(durations) else None,
        boots=operations.select(pl.struct("trace", "boot").n_unique()).item(),
        operations=len(operations),
    )


# --- figures -----------------------------------------------------------------------------------------------------


def _by_name(audit: Audit) -> dict[str, DeviceAudit]:
    return {device.name: device for device in audit.devices}


def _verdicts(a: Audit, b: Audit) -> Iterator[tuple[str, str | None, str | None]]:
    one, other = _by_name(a), _by_name(b)
    for name in sorted({*one, *other}):
        verdicts = [str(side[name].verdict) if name in side else None for side in (one, other)]
        if verdicts[0] != verdicts[1]:
            yield name, verdicts[0], verdicts[1]


def _figures(a: Audit, b: Audit) -> Iterator[tuple[str, str, str, str, int | None, int | None]]:
    one, other = _by_name(a), _by_name(b)
    for name in sorted({*one, *other}):
        figures = [side[name].figures if name in side else {} for side in (one, other)]
        for key, figure in (figures[0] or figures[1]).items():
            values = [side[key].value if key in side else None for side in figures]
            if values[0] != values[1] and key not in _LEFT_OUT:
                yield name, key, figure.label, str(figure.unit), values[0], values[1]


def _blocks(a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """A frame of `BLOCK_DIFFERENCES_SCHEMA`."""
    places = ["device", "block", "offset"]
    one, other = (side.select(pl.col("device").cast(pl.String), *places[1:], *_OF_BLOCKS) for side in (a, b))
    joined = one.join(other, on=places, how="full", coalesce=True, suffix="_b").rename(
        {name: f"{name}_a" for name in _OF_BLOCKS}
    )
    counts = [pl.col(f"{name}_{side}").fill_null(0) for name in _OF_BLOCKS for side in "ab"]
    different = pl.any_horizontal(pl.col(f"{name}_a") != pl.col(f"{name}_b") for name in _OF_BLOCKS)
    found = joined.with_columns(counts).filter(different).sort("device", "block")
    return found.select(pl.col(name).cast(dtype) for name, dtype in BLOCK_DIFFERENCES_SCHEMA.items())


# --- findings ----------------------------------------------------------------------------------------------------


def _findings(a: Audit, b: Audit) -> Iterator[tuple[str | int | None, ...]]:
    """Findings of the same rule about the same device are one another, in order."""
    one, other = _by_rule(a.findings), _by_rule(b.findings)
    for rule, device in dict.fromkeys((*other, *one)):
        these, those = one.get((rule, device), []), other.get((rule, device), [])
        known = {_about(finding) for finding in these} & {_about(finding) for finding in those}
        these, those = ([each for each in side if _about(each) not in known] for side in (these, those))
        for number in range(max(len(these), len(those))):
            first, second = (side[number] if number < len(side) else None for side in (these, those))
            change = "added" if first is None else "gone" if second is None else "changed"
            severity = (second or first or these[0]).severity.label
            yield change, rule, severity, device, *_said(first, second)


def _said(a: Finding | None, b: Finding | None) -> tuple[str | int | None, ...]:
    """Messages and first events of a finding in both runs."""
    messages = (None if each is None else each.message for each in (a, b))
    events = (None if each is None else each.first_seq for each in (a, b))
    return (*messages, *events)


def _by_rule(findings: Iterable[Finding]) -> dict[tuple[str, str | None], list[Finding]]:
    by_rule: dict[tuple[str, str | None], list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault((finding.rule, finding.device), []).append(finding)
    return by_rule


def _about(finding: Finding) -> tuple[object, ...]:
    """What makes a finding the same in another run, where events have other numbers."""
    return finding.severity, finding.offset, finding.length, finding.count


# --- contents ----------------------------------------------------------------------------------------------------


def _contents(name: str, a: Device, b: Device) -> Iterator[tuple[str | int | None, ...]]:
    """Rows of `CONTENT_DIFFERENCES_SCHEMA`."""
    if a.machine is None or b.machine is None:
        return
    block = a.machine.config.geometry.block
    for number in sorted(_known_blocks(a, block) & _known_blocks(b, block)):
        start, end = number * block, (number + 1) * block
        (data, known), (other, also_known) = (_part(device, start, end) for device in (a, b))
        length = min(len(data), len(other))
        both = known[:length] & also_known[:length]
        different = np.flatnonzero((data[:length] != other[:length]) & both)
        if len(different):
            first, last = start + int(different[0]), start + int(different[-1])
            yield name, number, start, first, last, len(different), _bytes_before(a, b, start, end)


def _known_blocks(device: Device, block: int) -> set[int]:
    """Blocks that were written, or that the image has; all others were erased or zero, or are unknown."""
    written = device.block_table()["block"].to_list()
    given = 0 if device.image is None else -(-len(device.image) // block)
    return {*written, *range(given)}


def _part(device: Device, start: int, end: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    machine = device.machine
    if machine is None:
        raise AssertionError("only replayed devices are compared")
    return machine.storage()[start:end], machine.storage_mask[start:end] == machine.known_value


def _bytes_before(a: Device, b: Device, start: int, end: int) -> int | None:
    """How many bytes differed before the traces; None where an image is not given."""
    if a.image is None or b.image is None:
        return None
    one, other = a.image[start:end], b.image[start:end]
    length = min(len(one), len(other))
    return int(np.count_nonzero(one[:length] != other[:length])) + abs(len(one) - len(other))


def _variables(name: str, a: Device, b: Device) -> pl.DataFrame:
    """A frame of `VARIABLE_DIFFERENCES_SCHEMA`."""
    if a.variable_store is None or b.variable_store is None:
        return VARIABLE_DIFFERENCES_SCHEMA.to_frame()
    found = store_differences(a.variable_store, b.variable_store).with_columns(device=pl.lit(name))
    return found.select(pl.col(column).cast(dtype) for column, dtype in VARIABLE_DIFFERENCES_SCHEMA.items())
