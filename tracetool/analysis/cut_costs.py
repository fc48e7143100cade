"""What a power cut would have cost at each commit to a variable store: the next boot of every state.

Ref: `tracetool.uefi.boot` for the next boot, `replay.powercut` for the states.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from replay.columns import JournalKind
from replay.pages import Pages
from replay.powercut import AFTER, BEFORE, CutState, shapes_of, state_after, tear
from tracetool.analysis.tolls import Toll
from tracetool.uefi.boot import FIRMWARES, Outcome, boot
from tracetool.uefi.boot.variable_driver import read_store
from tracetool.uefi.variables import State
from tracetool.uefi.volume import HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from replay.powercut import Commit
    from tracetool.analysis.power_cuts import StoreCommits
    from tracetool.uefi.boot import Firmware
    from tracetool.uefi.boot.contents import Image
    from tracetool.uefi.variables import Variable

    Entry = tuple[tuple[str, bytes], bytes]
    """Name, GUID (little-endian) and data of a variable."""
    Values = Mapping[tuple[str, bytes], bytes]
    """Data of variables by name and GUID."""

__all__ = [
    "Boots",
    "Committed",
    "Cost",
    "Cut",
    "Sweep",
    "case_name",
    "committed_at",
    "cut_at",
    "likely_firmware",
    "parse_case",
    "toll",
    "worst_cut_at",
]


_MOST_BOOTS = 1 << 14
_MOST_PROGRAMMED = 1 << 10
"""Bytes of the longest write buffer."""
_CASE = re.compile(r"(?P<digest>[0-9a-f]{12}):(?:(?P<trace>\d{1,6}):)?(?P<seq>\d{1,18}):(?P<shape>[a-z].*)")


class Cost(NamedTuple):
    """Cost of one cut.

    Attributes:
        toll: what it costs; None for nothing.
        names: the variables that it is about.
        committed: how many variables were committed.
    """

    toll: Toll | None
    names: tuple[str, ...]
    committed: int


class Cut(NamedTuple):
    """One state, with what the firmware makes of it."""

    commit: Commit
    shape: str
    outcome: Outcome
    for_good: bool
    cost: Cost


class _Verdict(NamedTuple):
    """The next boot, without the flash; `taken_up` is what the boot after it takes up where it hangs once."""

    outcome: Outcome
    for_good: bool
    taken_up: tuple[Variable, ...]


def case_name(digest: str, cut: Cut) -> str:
    """The name of a state, which with the trace makes it again: series of commits, event, shape."""
    trace = f"{cut.commit.trace}:" if cut.commit.trace else ""
    return f"{digest}:{trace}{cut.commit.seq}:{cut.shape}"


def parse_case(text: str) -> tuple[str, tuple[int, int], str] | None:
    """Series of commits, event (trace, seq) and shape of the name of a state; None where the text is no such name."""
    found = _CASE.fullmatch(text)
    return (found["digest"], (int(found["trace"] or 0), int(found["seq"])), found["shape"]) if found else None


def toll(outcome: Outcome, *, for_good: bool, committed: Values, taken: Values, earlier: AbstractSet[Entry]) -> Cost:
    """Compare what was committed before a cut with what comes up after it.

    Args:
        outcome: what becomes of the store.
        for_good: the firmware hangs at every boot.
        committed: the variables at the last moment before the cut at which the store was whole.
        taken: those that the firmware takes up; of a boot that hangs once, the one after it.
        earlier: values that `committed` had before.
    """
    count = len(committed)
    if for_good:
        return Cost(Toll.NO_START, tuple([name for name, _ in committed]), count)
    lost, older = [], []
    for key, data in committed.items():
        found = taken.get(key)
        if found is None:
            lost.append(key)
        elif found != data:
            if (key, found) in earlier:
                older.append(key)
            elif _is_torn(found, data):
                lost.append(key)
    if lost:
        return Cost(Toll.ALL if len(lost) == count else Toll.SOME, tuple([name for name, _ in lost]), count)
    if older:
        return Cost(Toll.OLDER, tuple([name for name, _ in older]), count)
    return Cost(Toll.RECOVERED if outcome in (Outcome.RECOVERED, Outcome.HUNG) else None, (), count)


def _is_torn(data: bytes, committed: bytes) -> bool:
    """True where some bits of committed data were not programmed again."""
    if data == committed or len(data) != len(committed):
        return False
    bits = int.from_bytes(data, "little")
    return bits | int.from_bytes(committed, "little") == bits


# --- sweep -------------------------------------------------------------------------------------------------------


@dataclass
class Committed:
    """The variables that are safe: those of the store when it was last whole, outside an erase and rewrite."""

    firmware: Firmware
    values: Values = field(default_factory=dict)
    earlier: set[Entry] = field(default_factory=set)
    number: int = -1
    store: Pages = field(default_factory=lambda: Pages(b""))
    rewritten_to: int | None = None
    """Place up to which the rewrite under way has come; None: there is none."""
    end: int = 0
    """Where the list ended before the rewrite."""
    last_cost: tuple[_Verdict, Cost] | None = None
    """The last answer, until other variables are safe."""

    def begin(self, state: CutState) -> None:
        """Follow the flash to the beginning of the commit of a state."""
        if state.number != self.number:
            if self.number < 0:
                self.store = state.contents.region(0, self.firmware.store_bytes)
                self._look()
            self.number = state.number
            self._begin(state.commit)

    def take(self, state: CutState) -> None:
        """Follow the flash to a state."""
        self.begin(state)
        if state.shape == AFTER and state.commit.offset < self.firmware.store_bytes:
            self.store = state.contents.region(0, self.firmware.store_bytes)
            if self.rewritten_to is None:
                self._look()

    def cost(self, verdict: _Verdict) -> Cost:
        """Cost of a cut at this moment; cuts in a row often leave the same."""
        if self.last_cost is None or self.last_cost[0] != verdict:
            found = toll(
                verdict.outcome,
                for_good=verdict.for_good,
                committed=self.values,
                taken=_values(verdict.taken_up),
                earlier=self.earlier,
            )
            self.last_cost = (verdict, found)
        return self.last_cost[1]

    def _look(self) -> None:
        values = _values(read_store(self.store, HEADER_BYTES).current)
        if values != self.values:
            self.earlier.update(self.values.items())
            self.values = values
            self.last_cost = None

    def _begin(self, commit: Commit) -> None:
        """Begin or end a rewrite with a commit."""
        inside, erases = commit.offset < self.firmware.store_bytes, commit.kind is JournalKind.ERASE
        ascends = self.rewritten_to is not None and self.rewritten_to <= commit.offset and self.rewritten_to < self.end
        if self.rewritten_to is not None and not (inside and (erases or ascends)):
            self.rewritten_to = None
            self._look()
        if inside and erases and self.values:
            if self.rewritten_to is None:
                self.end = read_store(self.store, HEADER_BYTES).list_end
            self.rewritten_to = 0
        elif self.rewritten_to is not None:
            self.rewritten_to = commit.offset + len(commit.after)


def _values(variables: Iterable[Variable]) -> Values:
    return {(variable.name, variable.header.guid): variable.data for variable in variables}


class Boots:
    """Boots of states, the last ones remembered: a rewrite leaves the states of the one before it again."""

    def __init__(self, firmware: Firmware) -> None:
        self._firmware = firmware
        self._found: dict[int, _Verdict] = {}

    def of(self, state: CutState) -> _Verdict:
        """The next boot of a state."""
        if state.key not in self._found:
            while len(self._found) >= _MOST_BOOTS:
                del self._found[next(iter(self._found))]
            self._found[state.key] = self.boot(state.contents)
        return self._found[state.key]

    def boot(self, contents: Image) -> _Verdict:
        """The next boot of a flash."""
        found = boot(contents, self._firmware)
        hung_once = found.outcome is Outcome.HUNG and not found.for_good
        last = boot(found.image, self._firmware) if hung_once else found
        return _Verdict(found.outcome, found.for_good, last.taken_up)


@dataclass
class Sweep:
    """The states of a series of commits, each with its next boot; iterate over it once.

    Attributes:
        commits: the series.
        firmware: what boots them.
        torn: also the states inside a commit, as a real chip may leave them.
        shard: part K of N, (K, N): every Nth commit from the Kth on, from 1.
        states: how many states were looked at.
        done: how many commits were.
    """

    commits: StoreCommits
    firmware: Firmware
    torn: bool = True
    shard: tuple[int, int] = (1, 1)
    states: int = 0
    done: int = 0

    def __iter__(self) -> Iterator[Cut]:
        """Iterate over the states, in the order of the commits."""
        committed, boots = Committed(self.firmware), Boots(self.firmware)
        part, parts = self.shard
        for state in self.commits.states(torn=self.torn):
            committed.take(state)
            self.done = state.number + 1
            if state.number % parts != part - 1:
                continue
            verdict = boots.of(state)
            self.states += 1
            yield Cut(state.commit, state.shape, verdict.outcome, verdict.for_good, committed.cost(verdict))


def committed_at(
    commits: StoreCommits, firmware: Firmware, event: tuple[int, int], shape: str
) -> tuple[Committed, Commit]:
    """What was committed at the moment of a cut in the commit of an event (trace, seq), and that commit.

    Raises:
        ValueError: the event commits nothing to the store.
    """
    committed = Committed(firmware)
    for state in commits.states(torn=False):
        here = state.shape == AFTER and (state.commit.trace, state.commit.seq) == event
        if here and shape != AFTER:
            committed.begin(state)
        else:
            committed.take(state)
        if here:
            return committed, state.commit
    raise ValueError(f"event {event[1]} commits nothing to the store")


def cut_at(commits: StoreCommits, firmware: Firmware, event: tuple[int, int], shape: str) -> tuple[bytes, Cut]:
    """Make the state of a cut in the commit of an event (trace, seq) again, and compare it with what was committed.

    Raises:
        ValueError: the event commits nothing to the store; there is no such shape of such a commit.
    """
    contents = state_after(commits.before, commits, *event, shape)
    committed, commit = committed_at(commits, firmware, event, shape)
    verdict = Boots(firmware).boot(contents)
    return contents, Cut(commit, shape, verdict.outcome, verdict.for_good, committed.cost(verdict))


def worst_cut_at(commits: StoreCommits, firmware: Firmware, event: tuple[int, int]) -> tuple[bytes, Cut]:
    """Of all cuts in the commit of an event (trace, seq) the one that costs the most, with the contents that it leaves.

    Raises:
        ValueError: the event commits nothing to the store.
    """
    committed, commit = committed_at(commits, firmware, event, BEFORE)
    before, boots, tolls = state_after(commits.before, commits, *event, BEFORE), Boots(firmware), (*Toll, None)
    found = []
    for shape in [AFTER, *shapes_of(commit)]:
        data = tear(commit, shape)
        contents = before[: commit.offset] + data + before[commit.offset + len(data) :]
        verdict = boots.boot(contents)
        cost = committed.cost(verdict)
        found.append((contents, Cut(commit, shape, verdict.outcome, verdict.for_good, cost)))
    return min(found, key=lambda one: (tolls.index(one[1].cost.toll), -len(one[1].cost.names)))


def likely_firmware(commits: StoreCommits) -> Firmware | None:
    """The firmware that wrote a store: by the volume's length, and AAVMF's release by the state 0x7f.

    Of OVMF it is the build without SMM, though a trace does not tell.

    Ref: edk2 88580a79d4 (2023-11), which leaves out the state "header valid".
    """
    known = [firmware for firmware in FIRMWARES.values() if not firmware.smm]
    found = [firmware for firmware in known if firmware.volume_bytes == commits.end - commits.start]
    if not found:
        return None
    old = any(_programs_header_valid(commit) for commit in commits)
    return found[0 if old else -1]


def _programs_header_valid(commit: Commit) -> bool:
    """True where the state "header valid" of a variable is the only thing that a commit programs."""
    if len(commit.after) > _MOST_PROGRAMMED:
        return False
    changed = [places for places in zip(commit.before, commit.after, strict=True) if places[0] != places[1]]
    return changed == [(State.UNWRITTEN, State.HEADER_VALID)]
