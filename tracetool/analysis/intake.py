"""The events of one device: held until they show what it is, then replayed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from replay.behaviour import Behaviour
from tracetool.analysis.device import DeviceNotes
from tracetool.analysis.evidence import gather
from tracetool.analysis.growth import Growth
from tracetool.analysis.identity import Basis, Contents, identify
from tracetool.analysis.inspection import Inspection
from tracetool.analysis.machine_rows import caused
from tracetool.analysis.replay import Replay
from tracetool.events import OPENING
from tracetool.uefi.store import find_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from replay.geometry import Geometry
    from tracetool.analysis.device import Device, Watch

__all__ = ["PREROLL", "Intake"]

PREROLL = 1 << 16
"""Events of a device that are held before it is decided what the device is."""

_ERASES = ("write_block_erase", "sector_erase_start")
"""Events that end with a length or with the end of a block."""


class Intake:
    """Takes the events of one device, trace after trace.

    Args:
        device: what is filled.
        watcher: makes the collector of operations for rules; None: no rules are evaluated.
    """

    def __init__(self, device: Device, watcher: Callable[[Geometry], Watch] | None = None) -> None:
        self.device = device
        self._watcher = watcher
        self._contents = None if device.image is None else Contents(len(device.image), find_store(device.image))
        self._replay: Replay | None = None
        self._held: list[pl.DataFrame] = []
        self._settled: Intake | None = None
        """A copy that was decided by the events held, while no more of them have come."""

    def begin_trace(self, trace: int, image: NDArray[np.uint8] | None = None) -> None:
        """Start the machine again for the next trace, from `image` where its contents were changed meanwhile."""
        options = self.device.options
        changed = options.changed_images.keys() - options.restored_images
        self.device.notes.append(DeviceNotes(trace, changed_before=(trace, self.device.base) in changed))
        if self._replay is not None:
            self._replay.begin_trace(image)

    def feed(self, events: pl.DataFrame) -> None:
        """Take the device's next events (`EVENTS_SCHEMA`), at least one."""
        device, options, notes = self.device, self.device.options, self.device.current
        if options.inspect is not None and notes.trace == options.inspect_trace:
            for row in events.filter(pl.col("seq") == options.inspect).iter_rows(named=True):
                self.device.inspection = Inspection(row)
        if not notes.events:
            notes.started_with_reset = str(events["event"][0]) in OPENING
        notes.events += len(events)
        notes.accesses += caused(events)
        if not device.is_cfi02:
            notes.access.add(events)
        notes.last_seq = int(events["seq"][-1])
        if self._replay is not None:
            self._replay.feed(events)
        elif self.device.identity is None:
            # A copy: a device that is hardly used comes in slices, each of which would keep the chunk of all devices.
            self._held.append(events[np.arange(len(events))])
            self._settled = None
            if sum(map(len, self._held)) >= PREROLL:
                self.settle()

    def settle(self, unsure: int | None = None) -> None:
        """Decide what the device is from the events held, then replay them; once.

        No length is taken from the event `unsure`, which may be cut.
        """
        if not self._held:
            return
        device, learned, events = self.device, self.device.learned, pl.concat(self._held)
        self._held, self._settled = [], None
        sure = (
            events.filter((pl.col("seq") != unsure) | ~pl.col("event").is_in(_ERASES)) if unsure is not None else events
        )
        found = gather(sure.head(PREROLL), nameless=device.nameless)
        device.evidence = replace(found, flash_bytes=learned.flash_bytes)
        identity = identify(device.base, device.options, device.evidence, self._contents)
        if learned.access is not None:
            read_only, source = learned.access
            identity = replace(identity, read_only=read_only, read_only_source=source, access_basis=Basis.SHOWN)
        device.identity = identity
        if identity.geometry is not None:
            device.image = None if device.image is None else device.image[: identity.geometry.size]
            device.growth = Growth()
            self._replay = Replay(device, identity.geometry, self._contents, self._watcher)
            self._replay.feed(events)

    def share(self, memo: dict[int, Any]) -> None:
        """Before a copy that goes to the end of a trace that grows: collect, and note what it shares for `deepcopy`.

        A device that waits to be decided is replayed from its first event by each copy, unless nothing has come.
        """
        device = self.device
        constants: list[object] = [
            device.image,
            device.options,
            device.identity,
            device.evidence,
            device.geometry,
            *device.marks,
        ]
        if self._replay is not None:
            self._replay.collect()
            constants += self._replay.constants
        memo.update((id(each), each) for each in constants)
        if self._settled is not None:
            if self._settled.device.name != device.name:
                self._settled.device.rename(device.name)
            memo[id(self)], memo[id(self.device)] = self._settled, self._settled.device

    def keep(self, copy: Intake) -> None:
        """Keep a copy that went to the end, for the next one, where it had to decide what the device is."""
        self._settled = copy if self._held else None

    def finish_trace(self, behaviour: Behaviour = Behaviour.UNDETERMINED) -> None:
        """End the trace; `behaviour` is that of another device of the same machine."""
        self.settle()
        if self._replay is not None:
            self._replay.finish_trace(behaviour)
