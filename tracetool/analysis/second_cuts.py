"""Power that is cut again while the firmware repairs what the first cut left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.powercut import BEFORE, cut_states, state_after
from tracetool.analysis.cut_costs import Boots, Cut, committed_at
from tracetool.analysis.tolls import Toll
from tracetool.uefi.boot import boot
from tracetool.uefi.boot.recovery import recovery_commits

if TYPE_CHECKING:
    from tracetool.analysis.cut_survey import CutSurvey
    from tracetool.analysis.power_cuts import StoreCommits
    from tracetool.uefi.boot import Firmware, Outcome

__all__ = ["SecondCuts", "second_cuts", "survey_second_cuts"]


@dataclass(frozen=True)
class SecondCuts:
    """Cuts in the repair after one cut.

    Attributes:
        case: name of the first cut.
        outcome: what the repair would come to.
        commits: how many erases and programs it takes.
        states: how many contents a second cut may leave.
        tolls: how many of them cost what, the worst first; those that cost nothing are left out.
        worst: the one that costs the most; None: none costs anything.
    """

    case: str
    outcome: Outcome
    commits: int
    states: int
    tolls: dict[Toll, int]
    worst: Cut | None


def survey_second_cuts(survey: CutSurvey, commits: StoreCommits, *, torn: bool = True) -> list[SecondCuts]:
    """Cut the repair after the worst cut of each cause; causes whose boot repairs nothing are left out."""
    found = []
    for group in survey.groups:
        event = (group.worst.commit.trace, group.worst.commit.seq)
        cuts = second_cuts(commits, survey.firmware, event, group.worst.shape, group.case, torn=torn)
        if cuts.commits:
            found.append(cuts)
    return found


def second_cuts(
    commits: StoreCommits, firmware: Firmware, event: tuple[int, int], shape: str, case: str, *, torn: bool = True
) -> SecondCuts:
    """Cut the repair after the cut of an event (trace, seq), at every commit and with `torn` inside each.

    What is lost is counted against what was committed before the first cut.

    Raises:
        ValueError: the event commits nothing to the store; there is no such shape of such a commit.
    """
    contents = state_after(commits.before, commits, *event, shape)
    first = boot(contents, firmware)
    repair = list(recovery_commits(contents, first))
    (committed, _), boots = committed_at(commits, firmware, event, shape), Boots(firmware)
    tolls: dict[Toll, int] = {}
    worst: Cut | None = None
    keys = set()
    for state in cut_states(contents, repair, torn=torn):
        if state.key in keys or state.shape == BEFORE:
            continue
        keys.add(state.key)
        verdict = boots.of(state)
        cost = committed.cost(verdict)
        if cost.toll is None:
            continue
        tolls[cost.toll] = tolls.get(cost.toll, 0) + 1
        cut = Cut(state.commit, state.shape, verdict.outcome, verdict.for_good, cost)
        if worst is None or _badness(cut) > _badness(worst):
            worst = cut
    order = {toll: tolls[toll] for toll in Toll if toll in tolls}
    return SecondCuts(case, first.outcome, len(repair), len(keys), order, worst)


def _badness(cut: Cut) -> tuple[int, int]:
    tolls = list(Toll)
    return -tolls.index(cut.cost.toll or tolls[-1]), len(cut.cost.names)
