"""Verification of the model against traces, images and a real device."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.analysis.runs import images_after, thrown_away
from tracetool.analysis.session import replay_readers
from tracetool.errors import UsageError
from tracetool.findings.phrases import count_of
from tracetool.qemu.about import about
from tracetool.verify.plan import plan_for
from tracetool.verify.qemu_check import try_on
from tracetool.verify.recording_check import image_check, self_check
from tracetool.verify.verification import Check, DeviceProof, RealDevice, Standing, Subject, Verification

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tracetool.analysis.device import Device
    from tracetool.analysis.options import Options
    from tracetool.analysis.session import Replayed
    from tracetool.ingest import TraceReader
    from tracetool.verify.qemu_check import Trial

__all__ = ["verify"]

SECONDS = 300
"""Default time limit for driving a real device."""


def verify(
    readers: Sequence[TraceReader],
    options: Options,
    *,
    after: Mapping[str, Path] | None = None,
    program: str | None = None,
    seconds: float = SECONDS,
) -> Verification:
    """Verify the model on traces, which are consecutive boots of one machine.

    Args:
        readers: open traces.
        options: options of the devices.
        after: image files after the last trace, by device; `ANY_DEVICE` is the one that is written. A run directory
            has its own.
        program: QEMU on which to repeat the accesses; None: none.
        seconds: time limit for that.

    Raises:
        InputError: a trace or an image is unreadable.
        UsageError: options contradict each other or the trace, or this QEMU has no matching machine.
        MissingDependencyError: no such QEMU.
        EmulatorError: QEMU did not start, exited or fell silent.
    """
    found = None if program is None else about(program)
    if found is not None and not all(reader.rereadable for reader in readers):
        raise UsageError("--qemu-binary reads the trace several times, which a stream does not allow: give a file")
    replayed = replay_readers(readers, replace(options, keep_operations=True))
    images = {replayed.chosen(name, "--after").name: path for name, path in (after or {}).items() if replayed.devices}
    images = {name: path for name, path in images_after(readers).items() if name in replayed.devices} | images
    lost = thrown_away(readers)
    if found is not None and any(trace.processes.partial for trace in replayed.traces):
        raise UsageError(
            "--qemu-binary: QEMU is driven with the whole trace of one: give one without --process or --boot"
        )
    if found is None or not replayed.devices:
        return Verification(tuple(replayed.traces), tuple(_proofs(replayed, images, lost)))
    with tempfile.TemporaryDirectory(prefix="tracetool-") as folder:
        trial = try_on(plan_for(replayed, found), readers, Path(folder), seconds)
        devices = tuple(_proofs(replayed, images, lost, trial))
    driven = trial.driven
    real = RealDevice(found, trial.plan.machine.option, driven.accesses, driven.seconds, driven.stopped_at)
    return Verification(tuple(replayed.traces), devices, real, tuple(_conclusions(devices, trial)))


def _proofs(
    replayed: Replayed, images: Mapping[str, Path], lost: Collection[str], trial: Trial | None = None
) -> Iterator[DeviceProof]:
    for name in sorted(replayed.devices):
        device = replayed.devices[name]
        checks = [self_check(device, replayed)]
        if name in images:
            checks.append(image_check(device, images[name]))
        omitted = _without_image(device, images, lost)
        if trial is None:
            omitted.append("no real device: give --qemu-binary")
        elif name in trial.plan.parts:
            checks += trial.checks(name, images.get(name))
            omitted += _not_driven(name, trial, replayed)
        else:
            reason = trial.plan.left_out[name]
            checks.append(Check(Subject.DEVICE_EVENTS, Standing.UNPROVED, f"not driven: {reason}"))
        yield DeviceProof(name, tuple(checks), tuple(omitted))


def _without_image(device: Device, images: Mapping[str, Path], lost: Collection[str]) -> list[str]:
    """List the missing image of a device that was written, or that QEMU discarded the writes (`lost`)."""
    asked = device.name in images or not device.tally.totals.writes
    if asked or device.read_only:
        return []
    if device.name in lost:
        return ["its image: QEMU discarded the guest's writes (-snapshot, snapshot=on), so it is unchanged"]
    return [f"no image after the trace: give --after {device.name}=FILE"]


def _not_driven(name: str, trial: Trial, replayed: Replayed) -> Iterator[str]:
    """List the accesses that the real device did not get."""
    driven = trial.driven
    if not driven.reached(name):
        yield "the trace has no access of it to drive"
    if driven.outside[name]:
        yield f"{count_of(driven.outside[name], 'access', 'accesses')} beyond its extent: this QEMU's flash has none"
    if driven.stopped_at is None:
        return
    number, seq = driven.stopped_at
    later = replayed.traces[number].events - 1 - seq + sum(trace.events for trace in replayed.traces[number + 1 :])
    yield (
        f"the real device was stopped after event {seq}, {count_of(later, 'event')} before the end, so its image was "
        "not compared with one given: give more --seconds"
    )


def _conclusions(devices: Sequence[DeviceProof], trial: Trial) -> Iterator[str]:
    """Conclude which side is wrong where trace, model and real device disagree."""
    program = trial.plan.about.name
    for device in devices:
        recorded = device.check(Subject.SELF_CHECK)
        events, model = device.check(Subject.DEVICE_EVENTS), device.check(Subject.DEVICE_MODEL)
        if recorded is None or events is None or model is None or events.standing == Standing.PROVED:
            continue
        if model.standing == Standing.DIFFERENT:
            yield f"{device.name}: the model differs from {program}"
        elif events.standing == Standing.UNPROVED:
            yield (
                f"{device.name}: {program} behaves as the model predicts, but differs from the recorded device, which "
                "is therefore not verified"
            )
        elif recorded.standing == Standing.DIFFERENT:
            yield f"{device.name}: model and {program} agree, and the trace differs: it was altered, or lacks events"
        else:
            yield f"{device.name}: the model matches both devices, which differ from each other"
