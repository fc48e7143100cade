"""Checks on a real device: its events, the image it leaves, and its contents at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from replay.behaviour import Behaviour
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.findings.phrases import count_of
from tracetool.findings.trace import difference
from tracetool.images import load_image
from tracetool.ingest import open_trace
from tracetool.sizes import format_size
from tracetool.verify.bus_driver import drive
from tracetool.verify.contents import first_difference
from tracetool.verify.event_comparison import Compared, compare_traces
from tracetool.verify.recording_check import image_length
from tracetool.verify.verification import Check, Place, Standing, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from replay.geometry import Geometry
    from tracetool.analysis.session import Replayed
    from tracetool.ingest import TraceReader
    from tracetool.verify.bus_driver import Driven
    from tracetool.verify.plan import Plan

__all__ = ["Trial", "try_on"]


@dataclass(frozen=True)
class Trial:
    """Trace repeated on a real device: plan, results, and the model replayed on the device's trace."""

    plan: Plan
    driven: Driven
    compared: Mapping[str, Compared]
    replayed: Replayed

    def behaviour(self, name: str) -> Behaviour:
        """Return the behaviour of the real device: from its trace, else its release."""
        device = self.replayed.devices.get(self.plan.parts[name].flash.name)
        return (device.behaviour if device is not None else Behaviour.UNDETERMINED) or self.plan.about.behaviour

    def caveats(self, name: str) -> list[str]:
        """Return the known differences between the real device and the recorded one, in words."""
        found = [*self.plan.parts[name].caveats]
        recorded, here = self._recorded_behaviour(name), self.behaviour(name)
        if Behaviour.UNDETERMINED not in (recorded, here) and recorded != here:
            other = f"buffered writes are {here.label} on {self.plan.about.name}, and {recorded.label} in the trace"
            found.append(other)
        if self.driven.refused[name]:
            found.append(f"{count_of(self.driven.refused[name], 'access', 'accesses')} no bus can make")
        return found

    def _recorded_behaviour(self, name: str) -> Behaviour:
        """Return the behaviour of the recorded device, which all devices of a machine share."""
        others = [part.device.behaviour for part in self.plan.parts.values()]
        return next(filter(None, (self.plan.parts[name].device.behaviour, *others)), Behaviour.UNDETERMINED)

    def checks(self, name: str, after: Path | None) -> list[Check]:
        """Make all checks of one device, named as in the trace; `after` is the given image file."""
        if not self.driven.reached(name):
            return []
        return [
            self._events(name),
            self._model(name),
            self._image(name, after if self.driven.stopped_at is None else None),
            self._contents(name),
        ]

    # --- events --------------------------------------------------------------------------------------------------

    def _events(self, name: str) -> Check:
        found = self.compared[name]
        amount = f"{count_of(found.events, 'event')} and {count_of(found.values, 'read value')}"
        if not found.differs:
            reads = f", without {count_of(found.under_way, 'read')} that an erase overtook" if found.under_way else ""
            words = f"{amount} are the same on the real device{reads}"
            return Check(Subject.DEVICE_EVENTS, Standing.PROVED, words, found.events)
        where = f"event {found.seq}" if found.seq >= 0 else "the end of the trace"
        words = (
            f"trace and real device differ at {where}, after {amount}: the trace has "
            f"'{found.recorded}', the device logs '{found.live}'"
        )
        caveats = self.caveats(name)
        place = Place(found.trace, found.seq if found.seq >= 0 else None, None, found.recorded, found.live)
        standing = Standing.UNPROVED if caveats else Standing.DIFFERENT
        words = f"{words}; it is not the recorded device: {'; '.join(caveats)}" if caveats else words
        return Check(Subject.DEVICE_EVENTS, standing, words, found.events, place)

    def _model(self, name: str) -> Check:
        """Check the model against the device's own trace."""
        device = self.replayed.devices.get(self.plan.parts[name].flash.name)
        if device is None or device.machine is None:
            return Check(Subject.DEVICE_MODEL, Standing.UNPROVED, "the real device logged nothing")
        events = sum(notes.events for notes in device.notes)
        for notes in device.notes:
            if notes.disagreement is not None:
                found = notes.disagreement
                words = f"model and real device differ at its event {found.seq}: {difference(found)}"
                return Check(Subject.DEVICE_MODEL, Standing.DIFFERENT, words, events, Place(notes.trace, found.seq))
            if notes.adopted_at is not None or notes.impossible.count:
                words = "the real device's own trace does not show all of its accesses"
                return Check(Subject.DEVICE_MODEL, Standing.UNPROVED, words, events)
        staging = "" if device.behaviour == Behaviour.UNDETERMINED else f", buffered writes {device.behaviour.label}"
        words = f"{count_of(events, 'event')} of the real device are what the model predicts{staging}"
        return Check(Subject.DEVICE_MODEL, Standing.PROVED, words, events)

    # --- contents ------------------------------------------------------------------------------------------------

    def _image(self, name: str, after: Path | None) -> Check:
        """Check the image file that QEMU left against the model's and the given one."""
        part = self.plan.parts[name]
        device = self.replayed.devices.get(part.flash.name)
        size = part.flash.geometry.size
        if device is None or device.machine is None:
            return Check(Subject.DEVICE_IMAGE, Standing.UNPROVED, "the real device logged nothing")
        left = load_image(self.driven.images[part.flash.name], limit=size)
        predicted = first_difference(left, device.machine.backing())
        if predicted is not None:
            words = f"the real device's image differs from the model's: {predicted[1]}"
            return Check(Subject.DEVICE_IMAGE, Standing.DIFFERENT, words, size, predicted[0])
        start = "" if part.device.image is not None else ", which began as zeros without --image,"
        words = f"all {format_size(size)} of the real device's image{start} equal the model's"
        if after is None:
            return Check(Subject.DEVICE_IMAGE, Standing.PROVED, words, size)
        return self._beside(name, left[: image_length(part.device)], after, words)

    def _beside(self, name: str, left: NDArray[np.uint8], after: Path, words: str) -> Check:
        """Check that image against the given one."""
        given = load_image(after, limit=self.plan.parts[name].flash.geometry.size)
        found = first_difference(given, left)
        if found is None:
            return Check(Subject.DEVICE_IMAGE, Standing.PROVED, f"{words} and {after}", len(left))
        caveats = self.caveats(name)
        said = f"; it is not the recorded device: {'; '.join(caveats)}" if caveats else ""
        standing = Standing.UNPROVED if caveats else Standing.DIFFERENT
        return Check(Subject.DEVICE_IMAGE, standing, f"{words}, but {after} differs: {found[1]}{said}", 0, found[0])

    def _contents(self, name: str) -> Check:
        """Check the contents of the accessed blocks against the model's."""
        part = self.plan.parts[name]
        device = self.replayed.devices.get(part.flash.name)
        blocks = self.driven.contents.get(name, {})
        compared = sum(len(data) for data in blocks.values())
        if device is not None and device.machine is not None:
            for offset, data in blocks.items():
                predicted = device.machine.storage()[offset : offset + len(data)]
                found = first_difference(np.frombuffer(data, np.uint8), predicted, start=offset)
                if found is not None:
                    words = f"the real device's contents differ from the model's: {found[1]}"
                    return Check(Subject.DEVICE_CONTENTS, Standing.DIFFERENT, words, compared, found[0])
        words = f"contents of {count_of(len(blocks), 'accessed block')} equal the model's"
        return Check(Subject.DEVICE_CONTENTS, Standing.PROVED, words, compared)


# --- making the trial --------------------------------------------------------------------------------------------


def try_on(plan: Plan, readers: Sequence[TraceReader], folder: Path, seconds: float) -> Trial:
    """Repeat the traces' accesses on the planned machine, and replay the model on its trace.

    Raises:
        EmulatorError: QEMU did not start, exited or fell silent.
        InputError: a trace is unreadable, or there is no space for images and logs.
    """
    driven = drive(plan, readers, folder, seconds)
    live = [open_trace(str(log)) for log in driven.logs]
    compared = compare_traces(readers, live, plan.parts, driven.events, cut=driven.stopped_at is not None)
    return Trial(plan, driven, compared, replay_readers(live, _options(plan, driven)))


def _options(plan: Plan, driven: Driven) -> Options:
    """Return the model's options for the real machine: its units as started."""
    options = next(iter(plan.parts.values())).device.options
    images = {part.flash.name: options.images[name] for name, part in plan.parts.items() if name in options.images}
    return Options(
        images={flash.name: images.get(flash.name) or driven.before[flash.name] for flash in plan.flashes},
        board=plan.machine.board,
        geometries={flash.name: _spec(flash.geometry) for flash in plan.flashes},
        read_only=frozenset(flash.name for flash in plan.flashes if flash.read_only),
    )


def _spec(geometry: Geometry) -> str:
    """Format a geometry completely, as for `--geometry`."""
    bus = f"bank={geometry.bank_width},chip={geometry.chip_width},max-chip={geometry.max_chip_width}"
    ids = ":".join(f"{number:02x}" for number in geometry.ids)
    if geometry.layout:
        sectors = ",".join(f"{count}x{sector}" for count, sector in geometry.layout)
        return f"sectors={sectors},{bus},endian={geometry.endian},ids={ids}"
    return f"size={geometry.size},block={geometry.block},{bus},endian={geometry.endian},ids={ids}"
