"""Flash that its guest left alone: a trace without accesses proves nothing about the firmware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.boards import boards
from tracetool.audit.reason import Code, located, reason
from tracetool.sizes import format_size
from tracetool.uefi.store import find_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.device import Device, DeviceNotes
    from tracetool.analysis.session import Replayed
    from tracetool.audit.reason import Reason

__all__ = ["idle"]

_SUMMED = "pc"
"""Board whose flashes lie one below the other, so that firmware finds its store only where both lengths fit."""

_KIB = 1 << 10

_NOT_RUN = (
    "QEMU did not run it (-S, -incoming)",
    "it ended early",
    "pflash_io_read and pflash_io_write were not traced",
)


def idle(device: Device, replayed: Replayed) -> Iterator[Reason]:
    """Find reasons why complete traces prove nothing: the guest did not use the device."""
    if not device.cfi02:
        yield from located(_idle(device, replayed), replayed.traces)


def _idle(device: Device, replayed: Replayed) -> Iterator[tuple[int, Reason]]:
    for notes in device.notes:
        if not notes.events:
            continue
        if not notes.accesses:
            if not _rests(device, notes.trace, replayed):
                yield notes.trace, _never_accessed(device, notes.trace, replayed)
        elif _stored_nothing(device, notes):
            because = _because(["the boot ended early"], replayed)
            yield notes.trace, reason(Code.STORE_UNUSED, because=because)


def _others(device: Device, trace: int, replayed: Replayed) -> Iterator[Device]:
    """Other devices of its machine that were accessed in a trace."""
    for other in replayed.devices.values():
        same = other.process == device.process
        if same and other is not device and any(notes.trace == trace and notes.accesses for notes in other.notes):
            yield other


def _rests(device: Device, trace: int, replayed: Replayed) -> bool:
    """True when the guest works with another flash and leaves this one alone.

    Reads of the array leave no event, so code that is only run from a flash beside the variables is no access. A
    writable flash of which an extent is known is asked about, whatever is done to others.
    """
    if device.extent is not None and not device.read_only:
        return False
    if any(not other.read_only for other in _others(device, trace, replayed)):
        return True
    return device.read_only and (trace, device.process) in replayed.accessed_elsewhere


def _never_accessed(device: Device, trace: int, replayed: Replayed) -> Reason:
    if any(_others(device, trace, replayed)):
        return reason(Code.NEVER_ACCESSED, "alone", because=_because(["it ended early"], replayed))
    return reason(Code.NEVER_ACCESSED, because=_because([*_NOT_RUN], replayed))


def _stored_nothing(device: Device, notes: DeviceNotes) -> bool:
    """True when a UEFI variable store was accessed and nothing stored, which no boot of edk2 that uses it does.

    Ref: UEFI Specification, "GetNextHighMonotonicCount": its upper half is stored anew at each boot.
    """
    if device.read_only or notes.stored or not notes.io_write_traced:
        return False
    recorded = device.options.recorded.get(device.base)
    if device.image is None:
        return recorded is not None and recorded.extent_bytes is not None
    return find_store(device.image) is not None


def _because(reasons: list[str], replayed: Replayed) -> str:
    """List the possible causes; one alone where the flashes' lengths prove it."""
    in_memory = "the firmware kept its variables in RAM"
    unlike = next(filter(None, (_unlike(device, replayed) for device in replayed.devices.values())), None)
    return f"{in_memory}: {unlike}" if unlike else f"{', '.join(reasons)}, or {in_memory}"


def _unlike(device: Device, replayed: Replayed) -> str | None:
    """Say that code and store do not fit together; None where they do, or a length is unknown."""
    board = device.identity.board if device.identity is not None else None
    machine = [other for other in replayed.devices.values() if other.process == device.process]
    code = next((other for other in machine if other.base == boards()[_SUMMED].code), None)
    if board != _SUMMED or code is None or code is device:
        return None
    size, found = _bytes(code), _bytes(device)
    if not size or not found:
        return None
    whole = 1 << (size - 1).bit_length()
    fitting = whole - size
    if fitting in (0, found):
        return None
    return (
        f"code ({size // _KIB} KiB) and store ({found // _KIB} KiB) are of different builds; "
        f"{size // _KIB} + {fitting // _KIB} make {format_size(whole)}"
    )


def _bytes(device: Device) -> int | None:
    """Length of a device's image in bytes, None where unknown."""
    if device.image is not None:
        return len(device.image)
    recorded = device.options.recorded.get(device.base)
    if recorded is not None and recorded.bytes is not None:
        return recorded.bytes
    geometry = device.geometry
    return geometry.size if geometry is not None and geometry.size_known else None
