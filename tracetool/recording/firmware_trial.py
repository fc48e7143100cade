"""A boot of real firmware with a given flash image, and what it did with its variable store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import JournalKind
from replay.powercut import commits_of
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.analysis.variables import changes_frame, device_store
from tracetool.errors import EmulatorError, InputError
from tracetool.images import write_image
from tracetool.ingest import open_trace
from tracetool.recording.boot import Boot, drives_of
from tracetool.recording.record import plan_recording, record
from tracetool.uefi.boot import Outcome
from tracetool.uefi.boot.contents import Contents
from tracetool.uefi.boot.write_queue import pending_write
from tracetool.uefi.touches import Intent

if TYPE_CHECKING:
    from pathlib import Path

    from replay.powercut import Commit
    from tracetool.analysis.device import Device
    from tracetool.recording.firmware import Firmware
    from tracetool.recording.record import Plan
    from tracetool.uefi.boot import Boot as Prediction
    from tracetool.uefi.boot import Firmware as Model

__all__ = ["Trial", "boot_image"]


@dataclass(frozen=True)
class Trial:
    """What a boot did with its store.

    Attributes:
        outcome: what became of the store.
        for_good: the boot did not end, and neither did the one after it.
        found: name and GUID of the variables in the store after the boot.
        deleted: those that the boot itself deleted, by name.
        seconds: duration of the first boot.
    """

    outcome: Outcome
    for_good: bool
    found: frozenset[tuple[str, str]]
    deleted: frozenset[str]
    seconds: float

    def differences(self, predicted: Prediction) -> list[str]:
        """What is otherwise than predicted, in words; empty: nothing.

        A variable may be there against the prediction, since a boot creates those that it misses.
        """
        said = []
        if self.outcome is not predicted.outcome:
            said.append(f"{self.outcome}, not {predicted.outcome}")
        elif self.for_good != predicted.for_good:
            said.append("the boot after it ends" if predicted.for_good else "the boot after it does not end either")
        if not said and self.outcome in (Outcome.KEPT, Outcome.RECOVERED):
            taken_up = {(copy.name, str(copy.guid)) for copy in predicted.taken_up}
            gone = sorted(name for name, guid in taken_up - self.found if name not in self.deleted)
            said += [f"{name} is gone" for name in gone]
        return said


def boot_image(firmware: Firmware, model: Model, image: bytes, folder: Path, seconds: float) -> Trial:
    """Boot a firmware with an image in the place of its variable store, under the recorder.

    A boot that has not ended after `seconds` counts as hung, and is repeated with what it left. The run directories
    `boot-0` and `boot-1` stay in `folder`.

    Raises:
        EmulatorError: QEMU did not start.
        InputError: a file cannot be read or written.
        MissingDependencyError: there is no QEMU.
    """
    store = folder / "store.fd"
    write_image(store, np.frombuffer(image, np.uint8))
    drives = drives_of(replace(firmware, variables=store), folder)
    machine = ["-M", firmware.machine, *firmware.options, "-m", "256", "-accel", "tcg"]
    plan = plan_recording([firmware.program, *machine, "-display", "none", "-nodefaults", "-nic", "none", *drives])
    first = _boot(plan, folder, 0, seconds)
    hung = first.reached is None
    for_good = hung and _boot(plan, folder, 1, seconds).reached is None
    device = _replayed(folder / "boot-0")
    outcome = Outcome.HUNG if hung else _outcome(device, model, image)
    left = device_store(device)
    found = frozenset((name, str(guid)) for name, guid in left.current) if left else frozenset()
    return Trial(outcome, for_good, found, _deleted(device), first.seconds)


def _boot(plan: Plan, folder: Path, number: int, seconds: float) -> Boot:
    boot = Boot(folder / "qemu.txt", seconds)
    record(plan, folder / f"boot-{number}", boot.run)
    return boot


def _replayed(run: Path) -> Device:
    """The flash with the store, after a replay of the run."""
    replayed = replay_readers([open_trace(str(run))], Options(journal=True, keep_operations=True))
    writable = [device for device in replayed.devices.values() if device.name.endswith("flash1")]
    if not writable:
        raise EmulatorError(f"{run}: the firmware did not touch its variable store")
    return writable[0]


def _outcome(device: Device, model: Model, image: bytes) -> Outcome:
    """What a boot that came to its end did first with the store."""
    machine = device.machine
    if machine is None:
        raise InputError(f"{device.name}: its contents are not known")
    traces = [(notes.trace, notes.changes_before) for notes in device.notes]
    commits = list(commits_of(machine.journal, traces, 0, model.volume_bytes))
    if not commits:
        # A boot counts itself in a variable, if it has a store.
        return Outcome.IGNORED
    if _recovers(commits, model, image):
        return Outcome.RECOVERED
    erased = takewhile(lambda commit: commit.kind == JournalKind.ERASE, commits)
    formats = {commit.offset for commit in erased} >= set(range(0, model.volume_bytes, model.block_bytes))
    return Outcome.REFORMATTED if formats else Outcome.KEPT


def _recovers(commits: list[Commit], model: Model, image: bytes) -> bool:
    """True where a write that waited in the spare is carried out: its target becomes what the spare held."""
    before = Contents(image, model.volume_bytes)
    if pending_write(before, model) is None:
        return False
    spare = before.part(model.spare, model.store_bytes)
    contents = bytearray(bytes(before.pages))
    for commit in commits:
        contents[commit.offset : commit.offset + len(commit.after)] = commit.after
        if commit.offset < model.store_bytes and contents[: model.store_bytes] == spare:
            return True
    return False


def _deleted(device: Device) -> frozenset[str]:
    """Names of the variables that the guest deleted."""
    timeline = device.followed_store
    if timeline is None:
        return frozenset()
    changes = changes_frame(timeline, pl.concat(device.operations))
    deleted = changes.filter(pl.col("intent") == Intent.DELETE, pl.col("variable").is_not_null())
    return frozenset(deleted["variable"])
