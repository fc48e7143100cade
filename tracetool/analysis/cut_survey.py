"""Survey of the power cuts in a trace: what they cost, by cause, and for how long the guest was exposed to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from replay.columns import JournalKind
from replay.powercut import AFTER
from tracetool.analysis.cut_costs import Sweep, case_name
from tracetool.analysis.tolls import Toll
from tracetool.timeline.operations import OPERATIONS_SCHEMA
from tracetool.uefi.touches import Intent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from replay.powercut import Commit
    from tracetool.analysis.cut_costs import Cut
    from tracetool.analysis.device import Device
    from tracetool.analysis.power_cuts import StoreCommits
    from tracetool.analysis.second_cuts import SecondCuts
    from tracetool.uefi.boot import Firmware, Outcome
    from tracetool.uefi.store_timeline import StoreTimeline

__all__ = ["TOLLS_SCHEMA", "CutGroup", "CutSurvey", "CutTrial", "survey_cuts"]

TOLLS_SCHEMA = pl.Schema(
    {
        "trace": pl.UInt16(),
        "seq": pl.Int64(),
        "time_ns": pl.Int64(),
        "toll": pl.Enum(Toll),
        "toll_after": pl.Enum(Toll),
    }
)
"""One row an event that commits, in their order: the time of its operation, the worst that a cut before, inside or
after the commit costs, and what one after it costs, until the next commit; null: nothing."""


@dataclass(frozen=True)
class CutSurvey:
    """What every cut of a trace costs.

    Attributes:
        device: the flash.
        firmware: what boots it.
        torn: cuts inside a commit are counted too.
        shard: part K of N of the commits, (K, N).
        commits: how many there are in all.
        states: how many contents were booted.
        time_ns: from the first commit to the last, in nanoseconds; 0 where the trace has no times.
        groups: cuts that cost something or need a recovery, the worst first.
        tolls: what cuts cost at each commit, a frame of `TOLLS_SCHEMA`.
        second: cuts in the repair after the worst cut of each group, where they were asked for.
        trials: boots of real firmware with the worst cut of each group, likewise.
    """

    device: str
    firmware: Firmware
    torn: bool
    shard: tuple[int, int]
    commits: int
    states: int
    time_ns: int
    groups: tuple[CutGroup, ...]
    tolls: pl.DataFrame = field(repr=False, compare=False)
    second: tuple[SecondCuts, ...] = ()
    trials: tuple[CutTrial, ...] = ()

    @property
    def every_state(self) -> bool:
        """True where every state was tried that QEMU's flash can leave, and no other; else it is a sample."""
        return not self.torn and self.shard == (1, 1)

    @property
    def costly(self) -> bool:
        """True where a cut costs a variable."""
        return any(group.toll is not Toll.RECOVERED for group in self.groups)


@dataclass(frozen=True)
class CutTrial:
    """One cut that real firmware booted, beside the prediction.

    Attributes:
        case: its name.
        predicted: what the model says becomes of the store.
        found: what became of it.
        seconds: duration of the boot.
        differences: what is otherwise than predicted, in words; empty: nothing.
    """

    case: str
    predicted: Outcome
    found: Outcome
    seconds: float
    differences: tuple[str, ...]


class _Cause(NamedTuple):
    """What a commit was for, for which variable, and the module that asked for it; empty where none is known."""

    what: str
    variable: str
    asked_by: str


@dataclass
class CutGroup:
    """Cuts of one toll and one kind of commit.

    Attributes:
        toll: what they cost.
        what: what the commits were for.
        variables: for which variables, by the number of commits.
        asked_by: which modules of the guest asked for them, likewise; empty without a log of its code.
        commits: offset in the flash and length of each commit, by its event (trace, seq).
        states: how many states.
        exposed_ns: time between these commits and the next ones, in nanoseconds; without the torn states.
        worst: the state that costs the most.
        case: its name.
        outcomes: what became of the store.
    """

    toll: Toll
    what: str
    worst: Cut
    case: str = ""
    variables: dict[str, int] = field(default_factory=dict)
    asked_by: dict[str, int] = field(default_factory=dict)
    commits: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    states: int = 0
    exposed_ns: int = 0
    outcomes: set[Outcome] = field(default_factory=set)


def _groups(
    cuts: Iterable[Cut], causes: Mapping[tuple[int, int], _Cause], times: _CommitTimes, start: int
) -> list[CutGroup]:
    """Sum up the states that cost something, or need a recovery, by toll and cause, the worst first.

    The volume begins at `start` of the flash.
    """
    groups: dict[tuple[Toll, str], CutGroup] = {}
    for cut in cuts:
        if cut.cost.toll is None:
            continue
        event = (cut.commit.trace, cut.commit.seq)
        cause = causes.get(event, _Cause("other", "", ""))
        group = groups.get((cut.cost.toll, cause.what))
        if group is None:
            group = groups[cut.cost.toll, cause.what] = CutGroup(cut.cost.toll, cause.what, cut)
        for counts, name in ((group.variables, cause.variable), (group.asked_by, cause.asked_by)):
            if event not in group.commits and name:
                counts[name] = counts.get(name, 0) + 1
        group.commits[event] = (start + cut.commit.offset, len(cut.commit.after))
        group.states += 1
        group.outcomes.add(cut.outcome)
        if cut.shape == AFTER:
            group.exposed_ns += times.until_next(event)
        if len(cut.cost.names) > len(group.worst.cost.names):
            group.worst = cut
    order = list(Toll)
    return sorted(groups.values(), key=lambda group: (order.index(group.toll), -group.exposed_ns, -len(group.commits)))


class _CommitTimes:
    """Times of commits: those of the first or the last event of their operation."""

    def __init__(self, commits: Iterable[Commit], operations: pl.DataFrame) -> None:
        end_ns = pl.col("time_ns") + pl.col("duration_ns")
        known: dict[tuple[int, int], int] = {}
        for seq, time in (("last_seq", end_ns), ("first_seq", pl.col("time_ns"))):
            known |= {
                (trace, at): ns for trace, at, ns in operations.select("trace", seq, time).drop_nulls().iter_rows()
            }
        events = [(commit.trace, commit.seq) for commit in commits]
        self._number = {event: number for number, event in enumerate(events)}
        self._times = [*map(known.get, events), None]

    def at(self, event: tuple[int, int]) -> int | None:
        """Time of a commit in nanoseconds; None where it is not known."""
        return self._times[self._number[event]]

    def until_next(self, event: tuple[int, int]) -> int:
        """Nanoseconds from a commit to the next one; 0 where a time is not known."""
        number = self._number[event]
        begin, end = self._times[number : number + 2]
        return max(end - begin, 0) if begin is not None and end is not None else 0

    @property
    def whole_ns(self) -> int:
        """Nanoseconds from the first commit to the last."""
        known = [time for time in self._times if time is not None]
        return max(known) - min(known) if known else 0


class _CommitTolls:
    """What cuts cost at each commit."""

    def __init__(self) -> None:
        self._every: dict[tuple[int, int], set[Toll | None]] = {}
        self._after: dict[tuple[int, int], Toll | None] = {}

    def take(self, cut: Cut) -> None:
        """Count a cut in."""
        event = (cut.commit.trace, cut.commit.seq)
        self._every.setdefault(event, set()).add(cut.cost.toll)
        if cut.shape == AFTER:
            self._after[event] = cut.cost.toll

    def frame(self, times: _CommitTimes) -> pl.DataFrame:
        """Frame of `TOLLS_SCHEMA`."""
        rows = [
            (*event, times.at(event), next((toll for toll in Toll if toll in tolls), None), self._after.get(event))
            for event, tolls in self._every.items()
        ]
        return pl.DataFrame(rows, TOLLS_SCHEMA, orient="row")


_TOLD_EVERY = 256
_BLOCK = {Intent.REWRITE: "rewrite of the live block outside FTW", Intent.RECLAIM: "reclaim of the live block"}
_CHANGES = (Intent.CREATE, Intent.UPDATE, Intent.MARK, Intent.SUPERSEDE, Intent.DELETE)


def _asked_by(device: Device, commits: Iterable[Commit]) -> dict[tuple[int, int], str]:
    """The module that asked for the operation of each commit, where a log of the guest's code tells."""
    if not device.callers or not device.options.keep_operations:
        return {}
    operations = device.operations_with_code()
    events = [(commit.trace, commit.seq) for commit in commits]
    asked = operations.select("trace", pl.col("first_seq").alias("seq"), "by").sort("seq")
    schema = {"trace": pl.UInt16, "seq": pl.Int64}
    found = pl.DataFrame(events, schema, orient="row").sort("seq")
    joined = found.join_asof(asked, on="seq", by="trace", strategy="backward", check_sortedness=False)
    return {(trace, seq): by for trace, seq, by in joined.drop_nulls("by").iter_rows()}


def _causes(
    commits: Iterable[Commit], timeline: StoreTimeline, asked: Mapping[tuple[int, int], str]
) -> dict[tuple[int, int], _Cause]:
    """What each commit was for; a rewrite of the live block is for the change of a variable that follows."""
    touches: dict[tuple[int, int], tuple[str, str]] = {}
    following: dict[tuple[int, int], str] = {}
    name = ""
    for trace, seq, intent, variable in reversed(timeline.touches.select("trace", "seq", "intent", "variable").rows()):
        if intent in _CHANGES and variable:
            name = variable
        following[trace, seq] = name
        if intent in _BLOCK or (trace, seq) not in touches:
            touches[trace, seq] = (intent, variable or "")
    found = {}
    for commit in commits:
        event = (commit.trace, commit.seq)
        intent, variable = touches.get(event, (Intent.OTHER, ""))
        if intent in _BLOCK:
            what = f"{'erase' if commit.kind is JournalKind.ERASE else 'program'} in a {_BLOCK[Intent(intent)]}"
            found[event] = _Cause(what, following.get(event, ""), asked.get(event, ""))
        else:
            found[event] = _Cause(str(intent), variable, asked.get(event, ""))
    return found


def survey_cuts(
    device: Device,
    commits: StoreCommits,
    firmware: Firmware,
    *,
    torn: bool = True,
    shard: tuple[int, int] = (1, 1),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> CutSurvey:
    """Cut every commit to a variable store, boot what is left, and sum up what that costs.

    Args:
        device: of a replay that kept the journal; times are known where it kept the operations too.
        commits: those to its variable store.
        firmware: what boots.
        torn: also inside the commits, as a real chip may be cut.
        shard: part K of N of the commits, (K, N).
        progress: is told how many commits are done, and of how many.
    """
    timeline = device.followed_store
    times = _CommitTimes(commits, pl.concat([OPERATIONS_SCHEMA.to_frame(), *device.operations]))
    sweep, tolls = Sweep(commits, firmware, torn, shard), _CommitTolls()

    def cuts() -> Iterator[Cut]:
        for number, cut in enumerate(sweep):
            if number % _TOLD_EVERY == 0:
                progress(sweep.done, len(commits))
            tolls.take(cut)
            yield cut

    causes = _causes(commits, timeline, _asked_by(device, commits)) if timeline else {}
    groups = _groups(cuts(), causes, times, commits.start)
    for group in groups:
        group.case = case_name(commits.digest, group.worst)
    return CutSurvey(
        commits.device,
        firmware,
        torn,
        shard,
        len(commits),
        sweep.states,
        times.whole_ns,
        tuple(groups),
        tolls.frame(times),
    )
