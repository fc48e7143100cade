"""What a verification says: one check for each pair that was compared, and what was not compared at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracetool.analysis.session import TraceReport
    from tracetool.qemu.about import About

__all__ = ["Check", "DeviceProof", "Place", "RealDevice", "Standing", "Subject", "Verification"]


class Standing(StrEnum):
    """How a comparison came out."""

    DIFFERENT = "different"
    UNPROVED = "unproved"
    """It could not be made, or only for a part."""
    PROVED = "proved"


class Subject(StrEnum):
    """What was held against what."""

    SELF_CHECK = "self-check"
    """The trace's events and read values against those that the model predicts from its bus accesses."""
    IMAGE = "image"
    """The image file after the trace against the one that the model leaves."""
    DEVICE_EVENTS = "device-events"
    """The trace's events and read values against those of a real device that was given the same bus accesses."""
    DEVICE_MODEL = "device-model"
    """The real device's events and read values against those that the model predicts for it."""
    DEVICE_IMAGE = "device-image"
    """The image file that the real device left against the model's, and against the one given."""
    DEVICE_CONTENTS = "device-contents"
    """What the real device reads at the end against what the model has the guest read."""


@dataclass(frozen=True)
class Place:
    """Where a comparison first differs. `seq` is an event of trace number `trace`, `offset` a byte of the flash."""

    trace: int | None = None
    seq: int | None = None
    offset: int | None = None
    expected: str = ""
    found: str = ""


@dataclass(frozen=True)
class Check:
    """One comparison: how it came out, in words, how many events or bytes were compared, where it first differs."""

    subject: Subject
    standing: Standing
    words: str
    compared: int = 0
    place: Place | None = None


@dataclass(frozen=True)
class DeviceProof:
    """What was compared for one device, and what was not, in words."""

    name: str
    checks: tuple[Check, ...]
    not_compared: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        """The worst of its checks."""
        found = [check.standing for check in self.checks]
        return next((standing for standing in Standing if standing in found), Standing.UNPROVED)

    def check(self, subject: Subject) -> Check | None:
        """The check of this subject; None if it was not made."""
        return next((check for check in self.checks if check.subject == subject), None)


@dataclass(frozen=True)
class RealDevice:
    """The QEMU that was driven: as which machine, how many accesses, and where it stopped, None if at the end.

    `stopped_at` is the trace's number and the seq of the last access that was driven.
    """

    about: About
    machine: str
    accesses: int
    seconds: float
    stopped_at: tuple[int, int] | None = None


@dataclass(frozen=True)
class Verification:
    """The answer: traces, the real device if there was one, devices by name, and what to make of it all."""

    traces: tuple[TraceReport, ...]
    devices: tuple[DeviceProof, ...]
    real: RealDevice | None = None
    conclusions: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        """The worst of all; a trace that the model contradicts proves nothing, but no device or image differs yet."""
        beyond_the_trace = [check for check in self._checks if check.subject != Subject.SELF_CHECK]
        if any(check.standing == Standing.DIFFERENT for check in beyond_the_trace):
            return Standing.DIFFERENT
        unsure = any(check.standing != Standing.PROVED for check in self._checks)
        return Standing.UNPROVED if unsure or not self._checks else Standing.PROVED

    @property
    def exit_code(self) -> int:
        """What the process should end with: 0 proved, 1 images or devices differ, 4 inconclusive."""
        return {Standing.PROVED: 0, Standing.DIFFERENT: 1, Standing.UNPROVED: 4}[self.standing]

    @property
    def _checks(self) -> list[Check]:
        return [check for device in self.devices for check in device.checks]
