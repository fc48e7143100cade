"""The commits of a replayed device to its variable store, in which its power could have been cut."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from replay.powercut import commits_of, cut_states, digest_of
from tracetool.analysis.variables import chosen_store, store_range
from tracetool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replay.journal import Journal
    from replay.powercut import Commit, CutState
    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed

__all__ = ["StoreCommits", "device_commits", "store_commits"]


@dataclass(frozen=True)
class StoreCommits:
    """The commits of a device to the volume of its variable store, [`start`, `end`) of the flash.

    `before` are the volume's bytes before the first of them. `unknown_before` and `unknown_after` count the commits
    before and after these during which a byte of the volume was not known; they are left out.
    """

    device: str
    start: int
    end: int
    before: bytes
    unknown_before: int
    unknown_after: int
    count: int
    _journal: Journal
    _traces: tuple[tuple[int, int], ...]

    def __iter__(self) -> Iterator[Commit]:
        """Iterate over the commits, oldest first; read anew from the journal each time."""
        every = commits_of(self._journal, self._traces, self.start, self.end)
        return islice(every, self.unknown_before, self.unknown_before + self.count)

    def __len__(self) -> int:
        return self.count

    @cached_property
    def digest(self) -> str:
        """The name of this series of commits in a case (`replay.powercut.digest_of`)."""
        return digest_of(self)

    def states(self, *, torn: bool = True) -> Iterator[CutState]:
        """Iterate over what a cut leaves of the volume (`replay.powercut.cut_states`)."""
        return cut_states(self.before, self, torn=torn)


def store_commits(replayed: Replayed) -> StoreCommits:
    """The commits to the variable store of the device that has one; the replay must have kept the journal.

    Raises:
        InputError: no device has a store, its contents are not known at any time, or nothing is committed to it.
        UsageError: several devices have one.
    """
    commits = device_commits(chosen_store(replayed))
    if not len(commits):
        raise InputError(f"{commits.device}: the trace commits nothing to the variable store, so no cut can cost any")
    return commits


def device_commits(device: Device) -> StoreCommits:
    """The commits to the variable store of a device; the replay must have kept the journal.

    Raises:
        InputError: the contents of its store are not known at any time.
    """
    machine, span = device.machine, store_range(device)
    if machine is None or span is None:
        raise InputError(f"{device.name}: its variable store is not known; give --image")
    start, end = span
    size = end - start
    image = machine.config.image
    # What lies beyond a short image is 0, as QEMU reads it.
    contents = bytearray(size) if image is None else bytearray(image[start:end].tobytes().ljust(size, b"\0"))
    unknown = bytearray(b"\1" * size) if image is None else bytearray()
    before = None if image is None else bytes(contents)
    first = count = rest = 0
    gap = 0  # before it, every byte is known
    traces = tuple((notes.trace, notes.changes_before) for notes in device.notes)
    for commit in commits_of(machine.journal, traces, start, end):
        if before is None:
            first += 1
            length = len(commit.after)
            contents[commit.offset : commit.offset + length] = commit.after
            unknown[commit.offset : commit.offset + length] = (b"\0" if commit.known else b"\1") * length
            gap = unknown.find(1, gap if commit.known else min(gap, commit.offset))
            if gap < 0:
                before = bytes(contents)
        elif rest or not commit.known:
            rest += 1
        else:
            count += 1
    if before is None:
        raise InputError(f"{device.name}: the contents of its variable store are not known; give --image")
    return StoreCommits(device.name, start, end, before, first, rest, count, machine.journal, traces)
