"""Result of a verification: a check for each comparison, and what was not compared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracetool.analysis.session import TraceReport
    from tracetool.qemu.about import About

__all__ = ["Check", "DeviceProof", "Place", "RealDevice", "Standing", "Subject", "Verification"]


class Standing(StrEnum):
    """Result of a comparison."""

    DIFFERENT = "different"
    UNPROVED = "unproved"
    """The comparison was impossible, or only partial."""
    PROVED = "proved"


class Subject(StrEnum):
    """The two sides of a comparison."""

    SELF_CHECK = "self-check"
    """The trace's events and read values against the model's predictions from its bus accesses."""
    IMAGE = "image"
    """The image file after the trace against the model's."""
    DEVICE_EVENTS = "device-events"
    """The trace's events and read values against those of a real device with the same bus accesses."""
    DEVICE_MODEL = "device-model"
    """The real device's events and read values against the model's predictions."""
    DEVICE_IMAGE = "device-image"
    """The real device's image file against the model's and the given one."""
    DEVICE_CONTENTS = "device-contents"
    """The real device's contents at the end against the model's."""


@dataclass(frozen=True)
class Place:
    """First difference of a comparison: event `seq` of trace number `trace`, or byte `offset` of the flash."""

    trace: int | None = None
    seq: int | None = None
    offset: int | None = None
    expected: str = ""
    found: str = ""


@dataclass(frozen=True)
class Check:
    """Comparison with its result, also in words, the number of events or bytes compared, and the first difference."""

    subject: Subject
    standing: Standing
    words: str
    compared: int = 0
    place: Place | None = None


@dataclass(frozen=True)
class DeviceProof:
    """Checks of one device, and reasons for those not made."""

    name: str
    checks: tuple[Check, ...]
    not_compared: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        """Worst result of its checks."""
        found = [check.standing for check in self.checks]
        return next((standing for standing in Standing if standing in found), Standing.UNPROVED)

    def check(self, subject: Subject) -> Check | None:
        """Return the check of this subject, None if it was not made."""
        return next((check for check in self.checks if check.subject == subject), None)


@dataclass(frozen=True)
class RealDevice:
    """QEMU that was driven, and how far.

    `stopped_at` is the trace's number and the seq of the last access driven; None: the end.
    """

    about: About
    machine: str
    accesses: int
    seconds: float
    stopped_at: tuple[int, int] | None = None


@dataclass(frozen=True)
class Verification:
    """Result of a verification: traces, checks by device, the real device if any, and conclusions."""

    traces: tuple[TraceReport, ...]
    devices: tuple[DeviceProof, ...]
    real: RealDevice | None = None
    conclusions: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        """Worst result of all checks. A failed self-check alone is `UNPROVED`: no device or image differs."""
        beyond_the_trace = [check for check in self._checks if check.subject != Subject.SELF_CHECK]
        if any(check.standing == Standing.DIFFERENT for check in beyond_the_trace):
            return Standing.DIFFERENT
        unsure = any(check.standing != Standing.PROVED for check in self._checks)
        return Standing.UNPROVED if unsure or not self._checks else Standing.PROVED

    @property
    def exit_code(self) -> int:
        """Exit code of the process: 0 proved, 1 images or devices differ, 4 inconclusive."""
        return {Standing.PROVED: 0, Standing.DIFFERENT: 1, Standing.UNPROVED: 4}[self.standing]

    @property
    def _checks(self) -> list[Check]:
        return [check for device in self.devices for check in device.checks]
