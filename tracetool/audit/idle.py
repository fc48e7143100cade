"""Flash that its guest left alone: a trace without accesses proves nothing about the firmware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.analysis.store_use import accessed_beside, stored_nothing, unlike_builds
from tracetool.audit.reason import Code, located, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed
    from tracetool.audit.reason import Reason

__all__ = ["idle"]

_NOT_RUN = (
    "QEMU did not run it (-S, -incoming)",
    "it ended early",
    "pflash_io_read and pflash_io_write were not traced",
)


def idle(device: Device, replayed: Replayed) -> Iterator[Reason]:
    """Find reasons why complete traces prove nothing: the guest did not use the device."""
    yield from located(_idle(device, replayed), replayed.traces)


def _idle(device: Device, replayed: Replayed) -> Iterator[tuple[int, Reason]]:
    for notes in device.notes:
        if not notes.events:
            continue
        if not notes.accesses:
            if not _rests(device, notes.trace, replayed):
                yield notes.trace, _never_accessed(device, notes.trace, replayed)
        elif stored_nothing(device, notes):
            because = _because(["the boot ended early"], replayed)
            yield notes.trace, reason(Code.STORE_UNUSED, because=because)


def _rests(device: Device, trace: int, replayed: Replayed) -> bool:
    """True when the guest works with another flash and leaves this one alone.

    Reads of the array leave no event, so code that is only run from a flash beside the variables is no access. A
    writable flash of which an extent is known is asked about, whatever is done to others.
    """
    if device.extent is not None and not device.read_only:
        return False
    if any(not other.read_only for other in accessed_beside(device, trace, replayed)):
        return True
    return device.read_only and (trace, device.process) in replayed.accessed_elsewhere


def _never_accessed(device: Device, trace: int, replayed: Replayed) -> Reason:
    if any(accessed_beside(device, trace, replayed)):
        return reason(Code.NEVER_ACCESSED, "alone", because=_because(["it ended early"], replayed))
    return reason(Code.NEVER_ACCESSED, because=_because([*_NOT_RUN], replayed))


def _because(reasons: list[str], replayed: Replayed) -> str:
    """List the possible causes; one alone where the flashes' lengths prove it."""
    in_memory = "the firmware kept its variables in RAM"
    unlike = next(filter(None, (unlike_builds(device, replayed) for device in replayed.devices.values())), None)
    return f"{in_memory}: {unlike}" if unlike else f"{', '.join(reasons)}, or {in_memory}"
