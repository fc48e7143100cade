"""CUT: what a power cut costs, where the audit was asked to try one at every commit to the UEFI variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.analysis.cluster import Cluster
from tracetool.analysis.tolls import Toll
from tracetool.findings.phrases import count_of
from tracetool.findings.registry import Hit, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.cut_survey import CutGroup
    from tracetool.findings.registry import Case


def _hit(case: Case, toll: Toll) -> Iterator[Hit]:
    """One hit for all commits at which a cut has this toll; the worst cause in words."""
    survey = case.device.cut_survey
    groups = [] if survey is None else [group for group in survey.groups if group.toll is toll]
    found = Cluster.empty(listed=False)
    commits = {event: span for group in groups for event, span in group.commits.items()}
    for (trace, seq), (offset, length) in sorted(commits.items()):
        found.merge(Cluster(1, 0, offset, offset + length, seq, seq, trace=trace, last_trace=trace))
    if survey is not None and groups:
        yield Hit(found, f"{_words(groups[0])}, with {survey.firmware.name}; such as case {groups[0].case}")


def _words(group: CutGroup) -> str:
    cost = group.worst.cost
    lost = f", up to {len(cost.names):,} of {count_of(cost.committed, 'variable')}" if cost.names else ""
    return f"{count_of(len(group.commits), 'time')} {group.what}{lost}"


@rule("CUT001")
def everything_lost(case: Case) -> Iterator[Hit]:
    """Cuts after which no committed variable is left."""
    yield from _hit(case, Toll.ALL)


@rule("CUT002")
def something_lost(case: Case) -> Iterator[Hit]:
    """Cuts after which committed variables are missing or torn."""
    yield from _hit(case, Toll.SOME)


@rule("CUT003")
def older_value(case: Case) -> Iterator[Hit]:
    """Cuts after which a variable has a value that had been replaced."""
    yield from _hit(case, Toll.OLDER)


@rule("CUT004")
def no_start(case: Case) -> Iterator[Hit]:
    """Cuts after which the firmware hangs at every boot."""
    yield from _hit(case, Toll.NO_START)


@rule("CUT005")
def recovered(case: Case) -> Iterator[Hit]:
    """Cuts that the firmware recovers from."""
    yield from _hit(case, Toll.RECOVERED)
