"""Values of the library's keywords and of the command line's options, parsed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from replay.backing import Policy
from tracetool.analysis.options import ANY_DEVICE
from tracetool.errors import UsageError
from tracetool.findings import RULES, Need
from tracetool.sizes import parse_size

if TYPE_CHECKING:
    from tracetool.findings import Rule
    from tracetool.timeline.query import Query

T = TypeVar("T")
ByDevice: TypeAlias = "T | Mapping[str, T] | None"
"""A value for each device by its name, or one for the device that is written."""

ALL_POLICIES = "all"
"""In place of a policy: the audit under `discard`, with what each policy would have meant."""

__all__ = [
    "ALL_POLICIES",
    "ByDevice",
    "by_device",
    "parse_event",
    "parse_extent",
    "parse_number",
    "parse_policy",
    "parse_rule",
    "parse_where",
    "rule_needs",
]


def by_device(given: T | Mapping[str, T] | None) -> dict[str, T]:
    """Values by device, where one alone is that of the device that is written."""
    if given is None:
        return {}
    return dict(given) if isinstance(given, Mapping) else {ANY_DEVICE: given}


def parse_extent(size: str | int) -> int:
    """Size of an extent in bytes; UsageError for anything else."""
    try:
        return size if isinstance(size, int) else parse_size(size)
    except UsageError as error:
        raise UsageError(f"--extent: {error}") from error


def parse_policy(policy: Policy | str | None) -> Policy | None:
    """A policy, or the one with this label; UsageError that lists them."""
    if policy is None or isinstance(policy, Policy):
        return policy
    labels = {each.label: each for each in Policy}
    if policy not in labels:
        raise UsageError(f"--policy {policy!r}: give one of {', '.join(labels)}")
    return labels[policy]


def parse_number(number: int | str, name: str) -> int:
    """The number of an event or a trace, decimal or hex; UsageError for anything else."""
    text = str(number)
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,15}|[0-9]{1,18}", text):
        raise UsageError(f"{name} {text!r} is not a number; write 4370 or 0x1112")
    return int(text, 0) if text.startswith("0x") else int(text)


def parse_event(event: int | str, traces: int, name: str = "SEQ") -> tuple[int, int]:
    """Parse `[N:]SEQ` of `traces` traces, which messages call `name`: number of the trace and of the event.

    Raises:
        UsageError: it is no number, there is no such trace, or the trace is not named and there are several.
    """
    head, colon, tail = str(event).rpartition(":")
    if not colon and traces > 1:
        raise UsageError(f"{event}: name the trace too, 0:{event} to {traces - 1}:{event}: there are {traces}")
    trace = parse_number(head, "N") if colon else 0
    if trace >= traces:
        raise UsageError(f"{event}: there is no trace {trace}; they are numbered from 0, and the last is {traces - 1}")
    return trace, parse_number(tail, name)


def parse_rule(text: str) -> Rule:
    """The rule of this identifier, in either case; UsageError that names the most similar."""
    if text.upper() not in RULES:
        from difflib import get_close_matches

        classes = dict.fromkeys(name.rstrip("0123456789") for name in RULES)
        similar = get_close_matches(text.upper(), RULES)
        hint = f"did you mean {similar[0]}?" if similar else f"rules begin with {', '.join(classes)}"
        raise UsageError(f"no rule {text!r}, and none that speaks of it; {hint}")
    return RULES[text.upper()]


def rule_needs(rule: str | None) -> dict[str, bool]:
    """The options (`tracetool.analysis.options.Options`) without which a rule is not evaluated: True where it has them.

    Without a rule none is; UsageError for one that there is not.
    """
    needs = set() if rule is None else {*parse_rule(rule).needs}
    return {
        "variables": not needs.isdisjoint({Need.VARIABLES, Need.VARIABLES_OR_CODE}),
        "power_cuts": Need.POWER_CUTS in needs,
    }


def parse_where(text: str | None, table: str) -> Query | None:
    """The query on a table; QueryError, a UsageError, if it is none."""
    if text is None:
        return None
    from tracetool.timeline.query import VOCABULARIES, parse

    return parse(text, next(vocabulary for vocabulary in VOCABULARIES if vocabulary.name == table))
