"""The registry of rules: each has an identifier, its words (`rules.json`) and the checks that look for it."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum, StrEnum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tracetool.timeline.chain import code_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from replay.backing import Policy
    from replay.chip_limits import ChipProfile
    from tracetool.analysis.cluster import Cluster, Occurrence
    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed, TraceReport

    Check = Callable[["Case"], Iterator["Hit"]]
    TraceCheck = Callable[["TraceCase"], Iterator["Hit"]]

__all__ = [
    "DEFAULTS",
    "RULES",
    "Case",
    "Finding",
    "Hit",
    "Need",
    "Rule",
    "RuleOptions",
    "Severity",
    "TraceCase",
    "device_rules",
    "find",
    "rule",
    "trace_rule",
    "trace_rules",
]

WEAR_LIMIT = 10
"""Erases of one block in a session from which they are worth a note."""

CHECK_MODULES = ("extent", "sequence", "operations", "cfi02", "wear", "variables", "power_cuts", "trace")
"""Modules of this package whose import registers checks."""

_OF_SILICON = "NOR"

C = TypeVar("C")


class Severity(IntEnum):
    """Severity of a finding, ordered."""

    NOTE = 0
    WARNING = 1
    ERROR = 2

    @property
    def label(self) -> str:
        """`note`, `warning` or `error`."""
        return self.name.lower()


class Need(StrEnum):
    """Input without which a rule cannot be evaluated on a device; `tracetool.audit.coverage` says what it lacks."""

    REPLAY = "replay"
    CFI01 = "cfi01"
    """Command set of the device."""
    CFI02 = "cfi02"
    EXTENT = "extent"
    SHORT_FILE = "short-file"
    """Policy under which writes beyond the extent are not kept."""
    BUS_WRITES = "bus-writes"
    READ_ONLY = "read-only"
    WRITABLE = "writable"
    CONTENTS = "contents"
    VARIABLES = "variables"
    POWER_CUTS = "power-cuts"
    VARIABLES_OR_CODE = "variables-or-code"
    """The variable store, or at least where the code before it ends."""


class Rule(NamedTuple):
    """The words of one rule: `why` it matters on QEMU and on silicon, `cause` how to find it in the firmware.

    `needs` in the order in which a lack is reported; rules about the trace itself have none.
    """

    id: str
    severity: Severity
    title: str
    why: str
    cause: str
    remedy: str
    needs: tuple[Need, ...] = ()

    @property
    def about_trace(self) -> bool:
        """True for a rule about the trace itself, which is not the guest's doing."""
        return not self.needs


def _load() -> Mapping[str, Rule]:
    table = json.loads(Path(__file__).with_name("rules.json").read_text(encoding="utf-8"))
    return {
        name: Rule(
            name,
            severity=Severity[row["severity"].upper()],
            needs=tuple(map(Need, row.get("needs", ()))),
            **{words: row[words] for words in ("title", "why", "cause", "remedy")},
        )
        for name, row in table.items()
    }


RULES: Mapping[str, Rule] = _load()
"""Every rule by its identifier, in the order of the documentation."""


@dataclass(frozen=True)
class Finding:
    """One finding of a rule, for all its occurrences.

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
    by: str | None = None
    """The module of the guest that asked for the first access, where a log of the guest's code tells."""
    chain: str | None = None
    """The callers of the first access (`tracetool.timeline.code.CODE_SCHEMA`)."""
    occurrences: tuple[Occurrence, ...] = field(default=(), repr=False, compare=False)
    """Each occurrence, where `Options.keep_occurrences` asked for them."""

    @property
    def values(self) -> dict[str, Any]:
        """Rule, severity's label, place, events, count and message by name, as documents and tables have them."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "occurrences"}
        return named | {"severity": self.severity.label}

    @property
    def why(self) -> str:
        """The reason why it matters."""
        return RULES[self.rule].why

    @property
    def remedy(self) -> str:
        """The remedy."""
        return RULES[self.rule].remedy


class Hit(NamedTuple):
    """Result of a check: accesses, operations or events, and the message; an empty cluster is no finding.

    `severity` overrides the rule's.
    """

    found: Cluster
    message: str
    severity: Severity | None = None


class RuleOptions(NamedTuple):
    """Options of the rules."""

    strict_silicon: bool = False
    """What silicon refuses (NOR) is an error."""
    wear_limit: int = WEAR_LIMIT
    """Erases of a block beyond which it is noted."""


DEFAULTS = RuleOptions()


class Case(NamedTuple):
    """Input of a check of a device: the device, its session, the policy and the options."""

    device: Device
    replayed: Replayed
    policy: Policy
    chip: ChipProfile
    options: RuleOptions = DEFAULTS


class TraceCase(NamedTuple):
    """Input of a check of a trace: its number, its report, and its session."""

    number: int
    report: TraceReport
    replayed: Replayed


_CHECKS: dict[str, list[Check]] = defaultdict(list)
_TRACE_CHECKS: dict[str, list[TraceCheck]] = defaultdict(list)


def rule(rule_id: str) -> Callable[[Check], Check]:
    """Register a check that is run for each device; KeyError for a rule without words."""
    return _registration(rule_id, _CHECKS)


def trace_rule(rule_id: str) -> Callable[[TraceCheck], TraceCheck]:
    """Register a check that is run for each trace; KeyError for a rule without words."""
    return _registration(rule_id, _TRACE_CHECKS)


def _registration(rule_id: str, checks: dict[str, list[C]]) -> Callable[[C], C]:
    if rule_id not in RULES:
        raise KeyError(rule_id)

    def register(check: C) -> C:
        checks[rule_id].append(check)
        return check

    return register


@cache
def _load_checks() -> None:
    for name in CHECK_MODULES:
        import_module(f"tracetool.findings.{name}")


def trace_rules() -> list[str]:
    """Rules that are checked for each trace."""
    _load_checks()
    return [name for name in RULES if name in _TRACE_CHECKS]


def device_rules() -> list[str]:
    """Rules that are checked for each device."""
    _load_checks()
    return [name for name in RULES if name in _CHECKS]


def find(replayed: Replayed, policy: Policy, chip: ChipProfile, options: RuleOptions = DEFAULTS) -> list[Finding]:
    """All findings of a session: the worst first, then by rule, device, trace and first event."""
    _load_checks()
    hits: list[tuple[str, str | None, Hit]] = [
        (rule_id, None, hit)
        for number, report in enumerate(replayed.traces)
        for rule_id, checks in _TRACE_CHECKS.items()
        for check in checks
        for hit in check(TraceCase(number, report, replayed))
    ]
    hits += [
        (rule_id, device.name, hit)
        for device in replayed.devices.values()
        for rule_id, checks in _CHECKS.items()
        for check in checks
        for hit in check(Case(device, replayed, policy, chip, options))
    ]
    found = [
        _with_code(_finding(*hit, strict_silicon=options.strict_silicon), replayed) for hit in hits if hit[-1].found
    ]
    return sorted(found, key=lambda f: (-f.severity, f.rule, f.device or "", f.trace or 0, f.first_seq or 0))


def _with_code(finding: Finding, replayed: Replayed) -> Finding:
    """Add who made the first access."""
    device = replayed.devices.get(finding.device or "")
    if device is None or finding.trace is None or finding.first_seq is None or RULES[finding.rule].about_trace:
        return finding
    last = finding.last_seq if finding.last_trace == finding.trace else None
    code = device.code_at(finding.trace, finding.first_seq, last)
    if code is None:
        return finding
    words = f"; {'the first ' if finding.count > 1 else ''}by {code_words(*code)}"
    return replace(finding, by=code[0], chain=code[1], message=finding.message + words)


def _finding(rule_id: str, device: str | None, hit: Hit, *, strict_silicon: bool) -> Finding:
    found, severity = hit.found, hit.severity
    if severity is None:
        strict = strict_silicon and rule_id.startswith(_OF_SILICON)
        severity = Severity.ERROR if strict else RULES[rule_id].severity
    numbers = (found.trace, found.last_trace, found.offset, found.end, found.first_seq, found.last_seq)
    trace, last_trace, offset, end, first_seq, last_seq = (None if number < 0 else number for number in numbers)
    return Finding(
        rule=rule_id,
        severity=severity,
        device=device,
        trace=trace,
        last_trace=last_trace,
        offset=offset,
        length=None if offset is None or end is None else end - offset,
        first_seq=first_seq,
        last_seq=last_seq,
        count=found.count,
        message=hit.message,
        occurrences=tuple(found.occurrences or ()),
    )
