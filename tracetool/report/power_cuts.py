"""What power cuts cost at the commits of a trace, by cause, as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tracetool.analysis.cut_costs import case_name
from tracetool.analysis.tolls import Toll
from tracetool.findings import RULES
from tracetool.findings.phrases import count_of
from tracetool.report.layout import print_grid, print_words
from tracetool.sanitize import first_of, sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from tracetool.analysis.cut_costs import Cut
    from tracetool.analysis.cut_survey import CutGroup, CutSurvey
    from tracetool.analysis.second_cuts import SecondCuts

__all__ = [
    "cut_document",
    "cut_words",
    "most_often",
    "print_survey",
    "short_duration",
    "survey_document",
    "survey_words",
]

_MOST_NAMES = 4


def print_survey(survey: CutSurvey, console: Console) -> None:
    """Print what cuts cost, the worst first, what second cuts do, and how real firmware dealt with some of them."""
    title = f"{sanitize(survey.device)} with {survey.firmware.name}: {survey_words(survey)}"
    print_words(console, Text(title, style="bold"), hang=2)
    print_words(console, _tried_words(survey))
    if not survey.groups:
        print_words(console, "No cut costs a variable.")
    for toll in Toll:
        rows = [_row(group, survey.time_ns) for group in survey.groups if group.toll is toll]
        if rows:
            console.print()
            print_words(console, Text(f"{toll.rule}: {RULES[toll.rule].title}", style="bold"), hang=2)
            if toll is not Toll.RECOVERED:
                rows.append(("avoid", RULES[toll.rule].remedy))
            print_grid(console, rows, first_style="dim")
    if survey.second:
        console.print()
        print_words(console, Text("Cut again, while the firmware repairs what such a cut left", style="bold"), hang=2)
        print_grid(console, [(cuts.case, _second_words(cuts)) for cuts in survey.second], first_style="dim")
    if survey.trials:
        as_predicted = sum(not trial.differences for trial in survey.trials)
        console.print()
        print_words(console, Text("Booted on real firmware, the worst cut of each cause", style="bold"))
        print_words(console, f"{as_predicted} of {len(survey.trials)} as predicted")
        rows = [(trial.case, sanitize("; ".join(trial.differences))) for trial in survey.trials if trial.differences]
        print_grid(console, rows, first_style="dim")


def _tried_words(survey: CutSurvey) -> str:
    """Which of all states were tried: every one that QEMU's flash can leave, or a sample."""
    part, parts = survey.shard
    which = "every commit" if parts == 1 else f"part {part} of {parts} of the commits, a sample"
    if survey.torn:
        return f"Cut before and after {which}, and inside each in some shapes: a sample of what a chip can leave."
    every = ", all that QEMU's flash can leave" if survey.every_state else ""
    return f"Cut before and after {which}{every}."


def _second_words(cuts: SecondCuts) -> str:
    """What a second cut does, in a line."""
    counts = [f"{toll.rule} {count:,} times" for toll, count in cuts.tolls.items()]
    states = f"{cuts.outcome} by {count_of(cuts.commits, 'commit')}, {count_of(cuts.states, 'second cut')}"
    return f"{states}: {', '.join(counts) or 'none costs anything'}"


def survey_words(survey: CutSurvey) -> str:
    """`240 commits in 5.4 s, 1,069 cuts`."""
    over = f" in {short_duration(survey.time_ns)}" if survey.time_ns else ""
    return f"{count_of(survey.commits, 'commit')}{over}, {count_of(survey.states, 'cut')}"


def _row(group: CutGroup, whole_ns: int) -> tuple[str, str]:
    names = most_often(group.variables)
    words = group.what + (f", for {first_of([sanitize(name) for name in names], _MOST_NAMES)}" if names else "")
    if group.asked_by:
        words += f", asked for by {first_of([sanitize(name) for name in most_often(group.asked_by)], _MOST_NAMES)}"
    cost = group.worst.cost
    if cost.names:
        words += f": up to {len(cost.names):,} of {count_of(cost.committed, 'variable')}"
    if group.exposed_ns:
        words += f"; exposed {short_duration(group.exposed_ns)} of {short_duration(whole_ns)}"
    return count_of(len(group.commits), "time"), f"{words}; such as {group.case}"


def most_often(counts: Mapping[str, int]) -> list[str]:
    """Names by how often they come, the most frequent first."""
    return sorted(counts, key=lambda name: (-counts[name], name))


def short_duration(nanoseconds: int) -> str:
    """`62 ms`, `19.2 s`."""
    seconds = nanoseconds / 1e9
    return f"{seconds:,.1f} s" if seconds >= 1 else f"{seconds * 1e3:,.3g} ms"


def survey_document(survey: CutSurvey) -> dict[str, Any]:
    """What cuts cost as plain data; times in nanoseconds."""
    part, parts = survey.shard
    return {
        "device": survey.device,
        "firmware": survey.firmware.name,
        "torn": survey.torn,
        "shard": f"{part}/{parts}",
        "commits": survey.commits,
        "cuts": survey.states,
        "every_state": survey.every_state,
        "time_ns": survey.time_ns,
        "causes": [
            {
                "cost": group.toll,
                "rule": group.toll.rule,
                "cause": group.what,
                "commits": len(group.commits),
                "cuts": group.states,
                "exposed_ns": group.exposed_ns,
                "outcomes": sorted(group.outcomes),
                "for": group.variables,
                "asked_by": group.asked_by,
                "lost": list(group.worst.cost.names),
                "committed": group.worst.cost.committed,
                "case": group.case,
            }
            for group in survey.groups
        ],
        "second_cuts": [
            {
                "case": cuts.case,
                "outcome": cuts.outcome,
                "commits": cuts.commits,
                "cuts": cuts.states,
                "costs": dict(cuts.tolls),
            }
            for cuts in survey.second
        ],
        "boots": [asdict(trial) for trial in survey.trials],
    }


def cut_words(cut: Cut, digest: str) -> str:
    """One cut in a line: its name, and what was lost of what was committed."""
    cost, committed = cut.cost, count_of(cut.cost.committed, "committed variable")
    what = {
        Toll.NO_START: f"{committed} out of reach",
        Toll.OLDER: f"{len(cost.names):,} of {committed} with an older value",
        None: f"{committed}, none lost",
        Toll.RECOVERED: f"{committed}, none lost",
    }.get(cost.toll, f"{len(cost.names):,} of {committed} lost")
    names = f" ({first_of([sanitize(name) for name in cost.names], _MOST_NAMES)})" if cost.names else ""
    return f"case {case_name(digest, cut)}: {what}{names}"


def cut_document(cut: Cut, digest: str) -> dict[str, Any]:
    """One cut as plain data, besides the next boot of its image."""
    cost = cut.cost
    return {
        "case": case_name(digest, cut),
        "cost": cost.toll,
        "committed": cost.committed,
        "cost_names": list(cost.names),
    }
