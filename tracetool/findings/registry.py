"""The registry of rules: each has an identifier, its words (`rules.json`) and a function that looks for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from replay.backing import Policy
    from replay.silicon import ChipProfile
    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed
    from tracetool.analysis.tally import Cluster, Occurrence

__all__ = ["CHECK_MODULES", "RULES", "Case", "Finding", "Rule", "Severity", "checks", "find", "rule"]

WEAR_LIMIT = 10
"""Erases of one block in a session from which they are worth a note."""

CHECK_MODULES = ("extent", "read_only", "sequence", "wear", "silicon", "trace")


class Severity(IntEnum):
    """How bad a finding is; ordered."""

    NOTE = 0
    WARNING = 1
    ERROR = 2

    @property
    def label(self) -> str:
        """`note`, `warning` or `error`."""
        return self.name.lower()


class Rule(NamedTuple):
    """The words of one rule: `why` it matters on QEMU and on silicon, `cause` how to find it in the firmware."""

    id: str
    severity: Severity
    title: str
    why: str
    cause: str
    remedy: str


def _load() -> Mapping[str, Rule]:
    table = json.loads(Path(__file__).with_name("rules.json").read_text(encoding="utf-8"))
    return {
        name: Rule(name, Severity[row["severity"].upper()], row["title"], row["why"], row["cause"], row["remedy"])
        for name, row in table.items()
    }


RULES: Mapping[str, Rule] = _load()
"""Every rule by its identifier, in the order in which they are documented."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, however often it happened.

    `offset` and `length` in bytes, None where it has no place. `first_seq` counts the pflash events of trace number
    `trace`, `last_seq` those of `last_trace`; None where the finding is not about events.
    """

    rule: str
    severity: Severity
    device: str | None
    trace: int | None
    last_trace: int | None
    offset: int | None
    length: int | None
    first_seq: int | None
    last_seq: int | None
    count: int
    message: str
    occurrences: tuple[Occurrence, ...] = field(default=(), repr=False, compare=False)
    """Every one of them, where they were kept."""

    @property
    def values(self) -> dict[str, Any]:
        """Rule, severity's label, place, events, count and message by name, as documents and tables have them."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "occurrences"}
        return named | {"severity": self.severity.label}

    @property
    def why(self) -> str:
        """Why it matters."""
        return RULES[self.rule].why

    @property
    def remedy(self) -> str:
        """What to do."""
        return RULES[self.rule].remedy


class Case(NamedTuple):
    """What the rules look at: one device (None for those about a trace as a whole), all of the session, the policy."""

    replayed: Replayed
    device: Device | None
    policy: Policy
    chip: ChipProfile
    strict_silicon: bool = False
    wear_limit: int = WEAR_LIMIT

    def operations(self, rule_id: str) -> Cluster | None:
        """The operations that the predicate of a rule selects; None where nothing was watched."""
        watch = self.device.watch if self.device is not None else None
        return None if watch is None else watch.clusters[rule_id]

    def about(
        self,
        rule_id: str,
        place: tuple[int, int] | None,
        count: int,
        message: str,
        *,
        severity: Severity | None = None,
    ) -> Finding:
        """The finding about a place (offset and length, bytes) or the device as a whole, not about single events."""
        name = self.device.name if self.device else None
        offset, length = place if place is not None else (None, None)
        worst = RULES[rule_id].severity if severity is None else severity
        return Finding(rule_id, worst, name, None, None, offset, length, None, None, count, message)

    def finding(
        self, rule_id: str, cluster: Cluster, message: str, *, severity: Severity | None = None
    ) -> Iterator[Finding]:
        """The finding for a cluster, none if the cluster is empty."""
        if cluster.count:
            yield Finding(
                rule_id,
                RULES[rule_id].severity if severity is None else severity,
                self.device.name if self.device else None,
                cluster.trace,
                cluster.last_trace,
                cluster.offset if cluster.offset >= 0 else None,
                cluster.end - cluster.offset if cluster.offset >= 0 else None,
                cluster.first_seq,
                cluster.last_seq,
                cluster.count,
                message,
                tuple(cluster.occurrences or ()),
            )

    def at(self, rule_id: str, trace: int, seq: int | None, message: str, *, count: int = 1) -> Finding:
        """The finding for one event of a trace, or for the trace as a whole."""
        name = self.device.name if self.device else None
        return Finding(rule_id, RULES[rule_id].severity, name, trace, trace, None, None, seq, seq, count, message)


_CHECKS: dict[str, Callable[[Case], Iterator[Finding]]] = {}


def rule(rule_id: str) -> Callable[[Callable[[Case], Iterator[Finding]]], Callable[[Case], Iterator[Finding]]]:
    """Register the function that looks for a rule in a case."""
    if rule_id not in RULES:
        raise KeyError(rule_id)

    def register(check: Callable[[Case], Iterator[Finding]]) -> Callable[[Case], Iterator[Finding]]:
        _CHECKS[rule_id] = check
        return check

    return register


@cache
def checks() -> Mapping[str, Callable[[Case], Iterator[Finding]]]:
    """Every rule's function, in the order in which the rules are documented."""
    for name in CHECK_MODULES:
        import_module(f"tracetool.findings.{name}")
    return {rule_id: _CHECKS[rule_id] for rule_id in RULES}


def find(
    replayed: Replayed,
    policy: Policy,
    chip: ChipProfile,
    *,
    strict_silicon: bool = False,
    wear_limit: int = WEAR_LIMIT,
) -> list[Finding]:
    """All findings of a session: the worst first, then by rule, trace and place."""
    cases = [
        Case(replayed, device, policy, chip, strict_silicon=strict_silicon, wear_limit=wear_limit)
        for device in (None, *replayed.devices.values())
    ]
    found = [finding for case in cases for check in checks().values() for finding in check(case)]
    return sorted(found, key=lambda f: (-f.severity, f.rule, f.device or "", f.trace or 0, f.first_seq or 0))
