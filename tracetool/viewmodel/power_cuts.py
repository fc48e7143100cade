"""What a power cut would have cost at each commit to the UEFI variable store: a ribbon of moments, and the causes."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from replay.powercut import AFTER, BEFORE, SHAPES, state_after
from tracetool.analysis.cut_costs import case_name, likely_firmware, worst_cut_at
from tracetool.analysis.cut_ribbon import CutRibbon
from tracetool.analysis.cut_survey import survey_cuts
from tracetool.analysis.power_cuts import store_commits
from tracetool.analysis.tolls import Toll
from tracetool.errors import UsageError
from tracetool.findings import RULES
from tracetool.findings.phrases import count_of
from tracetool.report.next_boot import prospect_rows, prospect_title
from tracetool.report.power_cuts import most_often, short_duration, survey_words
from tracetool.sanitize import first_of, sanitize
from tracetool.uefi.boot.prospect import prospect
from tracetool.viewmodel.cells import Cell, Column
from tracetool.viewmodel.hex_model import TornFlash
from tracetool.viewmodel.selection import Selection, selection_of_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tracetool.analysis.cut_costs import Cut
    from tracetool.analysis.cut_survey import CutGroup, CutSurvey
    from tracetool.analysis.power_cuts import StoreCommits
    from tracetool.uefi.boot import Firmware
    from tracetool.viewmodel.audit_session import AuditSession

    Event = tuple[int, int]
    """Trace and seq."""

__all__ = ["LOOKS", "CauseDetail", "CauseRows", "CutSettings", "PowerCutModel", "TollLook", "power_cut_model"]


class TollLook(NamedTuple):
    """A toll in the ribbon and in the table: sign, style of its cells, and its name."""

    sign: str
    style: str
    name: str = "nothing"


LOOKS: dict[Toll | None, TollLook] = {
    Toll.NO_START: TollLook("✖", "bad", Toll.NO_START.label),
    Toll.ALL: TollLook("█", "bad", Toll.ALL.label),
    Toll.SOME: TollLook("▓", "warn", Toll.SOME.label),
    Toll.OLDER: TollLook("▒", "note", Toll.OLDER.label),
    Toll.RECOVERED: TollLook("░", "good", Toll.RECOVERED.label),
    None: TollLook("·", "quiet"),
}
"""Look of each toll, the worst first; None is no cost. The signs differ, so that they do without colours."""

_MOST_NAMES = 12


@dataclass(frozen=True)
class CutSettings:
    """What is cut and booted: the firmware, None for the likely one, and whether commits are also cut inside."""

    firmware: Firmware | None = None
    torn: bool = True


class CauseRows:
    """The causes, a row each, the worst first."""

    def __init__(self, groups: Sequence[CutGroup] = ()) -> None:
        self._groups = groups

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, as narrow as they can be: the first four are those that a terminal of 80 columns shows."""
        return (
            Column("cost", "cost", 13),
            Column("cause", "cause", max([8, *(len(group.what) for group in self._groups)])),
            Column("times", "times", max([5, *(len(_times(group)) for group in self._groups)]), right=True),
            Column("lost", "lost", max([4, *(len(_lost(group)) for group in self._groups)]), right=True),
            Column("exposed", "exposed", max([7, *(len(_exposed(group)) for group in self._groups)]), right=True),
            Column("variables", "when writing", 36),
            Column("case", "such as", 40),
        )

    def lines(self, start: int, count: int) -> list[list[Cell]]:
        """The cells of some rows."""
        return [_cause_line(group) for group in self._groups[start : start + count]]


def _times(group: CutGroup) -> str:
    return f"{len(group.commits):,}"


def _lost(group: CutGroup) -> str:
    cost = group.worst.cost
    return f"{len(cost.names)}/{cost.committed}" if cost.names else ""


def _exposed(group: CutGroup) -> str:
    return short_duration(group.exposed_ns) if group.exposed_ns else ""


def _cause_line(group: CutGroup) -> list[Cell]:
    look = LOOKS[group.toll]
    return [
        Cell(f"{look.sign} {look.name}", look.style),
        Cell(group.what, "strong"),
        Cell(_times(group)),
        Cell(_lost(group), look.style),
        Cell(_exposed(group), "quiet"),
        Cell(", ".join(sanitize(name) for name in most_often(group.variables))),
        Cell(group.case, "quiet"),
    ]


class CauseDetail(NamedTuple):
    """A cause in full: its toll, a title, and labelled paragraphs."""

    toll: Toll
    title: str
    parts: tuple[tuple[str, str], ...]


class PowerCutModel:
    """The survey of a session's power cuts.

    Attributes:
        survey: what was found.
        by_time: the ribbon's axis is time; else, and where a commit has no time, the commits.
    """

    def __init__(self, session: AuditSession, commits: StoreCommits, survey: CutSurvey, *, likely: bool) -> None:
        self.survey = survey
        self._session = session
        self._commits = commits
        self._likely = likely
        self._ribbon = CutRibbon(survey.tolls)
        self._events, self._times = self._ribbon.events, self._ribbon.times
        self.by_time = self.has_times

    @property
    def has_times(self) -> bool:
        """True where all commits have times of one clock: those of several boots do not follow one another."""
        return self._times is not None

    @property
    def rows(self) -> CauseRows:
        """The causes."""
        return CauseRows(self.survey.groups)

    def words(self) -> str:
        """Device, firmware, commits, and what limits them."""
        survey, missing = self.survey, self._commits.unknown_before + self._commits.unknown_after
        parts = [
            sanitize(survey.device, 48),
            f"{survey.firmware.name}{', the likely firmware' if self._likely else ''}",
            survey_words(survey) + ("" if survey.torn else " between commits"),
            "by time" if self.by_time else "by commit",
        ]
        if missing:
            parts.append(f"{count_of(missing, 'commit')} left out, as the store was not known; --image gives it")
        return " │ ".join(parts)

    # --- moments -------------------------------------------------------------------------------------------------

    def ribbon(self, width: int) -> list[Toll | None]:
        """The worst toll of the moments in each of `width` columns."""
        return self._ribbon.worst(self._spans(width), lasting=self.by_time)

    def _spans(self, width: int) -> list[tuple[int, int]]:
        """The commits in each column, as ranges of their numbers."""
        count = len(self._events)
        if self.by_time and self._times is not None:
            first, last = int(self._times[0]), int(self._times[-1])
            bounds = [first + (last - first) * column // width for column in range(width)]
            return self._ribbon.spans(self._times, [*bounds, last + 1])
        return [
            (start := column * count // width, max((column + 1) * count // width, start + 1)) for column in range(width)
        ]

    def column(self, event: Event, width: int) -> int:
        """The column of an event."""
        time = self._time(event) if self.by_time else None
        if time is not None and self._times is not None:
            first, last = int(self._times[0]), int(self._times[-1])
            return min(max((time - first) * width // (last - first), 0), width - 1)
        number = max(self._number(event), 0)
        return next(column for column, (start, end) in enumerate(self._spans(width)) if start <= number < end)

    def _time(self, event: Event) -> int | None:
        trace, seq = event
        times = self._session.traces[trace].rows(seq, 1)["time_ns"]
        return times[0] if len(times) else None

    def _number(self, event: Event) -> int:
        """Number of the last commit up to an event; -1 before the first."""
        return bisect_right(self._events, event) - 1

    def event_in(self, column: int, width: int) -> Event:
        """The event of the worst commit in a column, else of the last one before it."""
        start, end = self._spans(width)[column]
        number = self._ribbon.worst_number(start, end) if start < end else start - 1
        return self._events[max(number, 0)]

    def moment_words(self, event: Event) -> str:
        """What a cut at an event would have cost, in words."""
        number = self._number(event)
        if number < 0:
            return f"before the first of {count_of(len(self._events), 'commit')}"
        commits = self._events[number] == event
        toll = (self._ribbon.worst_at if commits else self._ribbon.after)(number)
        cost = "a power cut costs nothing" if toll is None else RULES[toll.rule].title
        where = f"{'' if commits else 'after '}commit {number + 1:,} of {len(self._events):,}"
        return f"event {event[1]:,}, {where}: {cost}"

    def step(self, event: Event | None, *, forward: bool, cause: int | None = None) -> Event | None:
        """The next or previous commit at which a cut costs a variable, or one of a cause; None at the end."""
        if cause is not None:
            stops = sorted(self.survey.groups[cause].commits)
        else:
            stops = [self._events[number] for number in self._ribbon.costly(least=Toll.OLDER)]
        here = (-1, -1) if event is None else event
        if forward:
            return next((stop for stop in stops if stop > here), None)
        return next((stop for stop in reversed(stops) if stop < here), None)

    # --- causes --------------------------------------------------------------------------------------------------

    def target(self, cause: int) -> Event | None:
        """The event of the worst commit of a cause; None for no row."""
        if not 0 <= cause < len(self.survey.groups):
            return None
        commit = self.survey.groups[cause].worst.commit
        return commit.trace, commit.seq

    def selection(self, event: Event) -> Selection:
        """A commit as a selection: its event, and the bytes that it changed."""
        history = self._session.history(self.survey.device)
        if history is None:
            return Selection(self.survey.device, *event)
        return selection_of_moment(history, history.position(*event), self.survey.device)

    def cause_of(self, event: Event, preferred: int = 0) -> int | None:
        """The cause of a commit: the preferred one where it is one of several, else the worst; None: it has none."""
        causes = [number for number, group in enumerate(self.survey.groups) if event in group.commits]
        return preferred if preferred in causes else causes[0] if causes else None

    def torn(self, cause: int, event: Event | None) -> TornFlash | None:
        """The flash after the worst cut of a cause, or the worst in the commit of an event where that is one of its.

        None for no cause. Takes up to some seconds.
        """
        target = self.target(cause)
        if target is None:
            return None
        group = self.survey.groups[cause]
        if event in group.commits and event != target:
            contents, cut = worst_cut_at(self._commits, self.survey.firmware, event)
        else:
            cut = group.worst
            contents = state_after(self._commits.before, self._commits, *target, cut.shape)
        case = case_name(self._commits.digest, cut)
        words = f"the power is cut at event {cut.commit.seq:,}, {_shape_words(cut)} │ case {case}"
        return TornFlash(cut.commit.trace, cut.commit.seq, self._commits.start, contents, words)

    def detail(self, cause: int) -> CauseDetail:
        """A cause in full, with the next boot after its worst cut; takes up to a second."""
        group = self.survey.groups[cause]
        title = f"{RULES[group.toll.rule].title}: {group.what}"
        return CauseDetail(group.toll, title, tuple(self._parts(group)))

    def _parts(self, group: CutGroup) -> Iterator[tuple[str, str]]:
        cut, cost = group.worst, group.worst.cost
        exposed = f"; exposed {short_duration(group.exposed_ns)} of {short_duration(self.survey.time_ns)}"
        times = f"{count_of(len(group.commits), 'time')}, {count_of(group.states, 'cut')}"
        yield "times", times + (exposed if group.exposed_ns else "")
        for label, counts in (("writing", group.variables), ("asked by", group.asked_by)):
            if counts:
                names = [f"{sanitize(name)} ({counts[name]:,})" for name in most_often(counts)]
                yield label, first_of(names, _MOST_NAMES)
        yield "worst", f"event {cut.commit.seq:,}, {_shape_words(cut)}"
        if cost.names:
            lost = first_of([sanitize(name) for name in cost.names], _MOST_NAMES)
            label = "older" if group.toll is Toll.OLDER else "lost"
            yield label, f"{len(cost.names):,} of {count_of(cost.committed, 'committed variable')}: {lost}"
        contents = state_after(self._commits.before, self._commits, cut.commit.trace, cut.commit.seq, cut.shape)
        boot = prospect(contents, self.survey.firmware)
        yield "next boot", prospect_title(boot)
        yield from (row for row in prospect_rows(boot) if row[0] != "lost")
        yield "case", f"{group.case} (tracetool powercut --at says more, with --write-image it writes this flash)"


def _shape_words(cut: Cut) -> str:
    """How far the commit of a cut got."""
    if cut.shape in (BEFORE, AFTER):
        return "just before its commit" if cut.shape == BEFORE else "just after its commit"
    return f"inside its commit ({cut.shape}): {SHAPES[cut.shape.partition(':')[0]].words}"


def power_cut_model(
    session: AuditSession, settings: CutSettings, report: Callable[[int, int | None], None]
) -> PowerCutModel:
    """Survey the power cuts of a session; `report` is told how many commits are done, and of how many.

    Raises:
        InputError: no device has a store, its contents are not known at any time, or nothing is committed to it.
        UsageError: several devices have a store, or the firmware that wrote it is not known.
        Cancelled: by `report`.
    """
    commits = store_commits(session.replayed)
    report(0, len(commits))
    likely = likely_firmware(commits)
    firmware = settings.firmware or likely
    if firmware is None:
        raise UsageError(f"{commits.device}: the store has the layout of no known firmware; v chooses one")
    device = session.replayed.devices[commits.device]
    survey = survey_cuts(device, commits, firmware, torn=settings.torn, progress=report)
    return PowerCutModel(session, commits, survey, likely=firmware is likely)
