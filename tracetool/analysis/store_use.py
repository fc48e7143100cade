"""Use of the variables' flash: whether the firmware stored anything there, and whether code and store fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.boards import boards
from tracetool.sizes import format_size
from tracetool.uefi.store import find_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.device import Device, DeviceNotes
    from tracetool.analysis.session import Replayed

__all__ = ["accessed_beside", "beside", "holds_code", "looks_absent", "stored_nothing", "unlike_builds"]

_SUMMED = "pc"
"""Board whose flashes lie one below the other, so that firmware finds its store only where both lengths fit."""

_KIB = 1 << 10


def beside(device: Device, replayed: Replayed) -> Iterator[Device]:
    """The other flashes of its machine."""
    return (other for other in replayed.devices.values() if other.process == device.process and other is not device)


def accessed_beside(device: Device, trace: int, replayed: Replayed) -> Iterator[Device]:
    """Other flashes of its machine that were accessed in a trace."""
    for other in beside(device, replayed):
        if any(notes.trace == trace and notes.accesses for notes in other.notes):
            yield other


def holds_code(device: Device) -> bool:
    """True for the flash that its board keeps for the firmware's code."""
    board = device.identity.board if device.identity is not None else None
    return board is not None and boards()[board].code == device.base


def stored_nothing(device: Device, notes: DeviceNotes) -> bool:
    """True where a flash with a UEFI variable store took nothing in a trace, which no boot of edk2 that uses it does.

    Ref: UEFI Specification, "GetNextHighMonotonicCount": its upper half is stored anew at each boot.
    """
    if device.read_only or notes.stored or not notes.io_write_traced:
        return False
    recorded = device.options.recorded.get(device.base)
    if device.image is None:
        return recorded is not None and recorded.extent_bytes is not None
    return find_store(device.image) is not None


def looks_absent(device: Device) -> bool:
    """True where OVMF takes the flash for absent: it finds no byte in the first block of the image to probe it by."""
    board = device.identity.board if device.identity is not None else None
    if board != _SUMMED or device.image is None or holds_code(device) or any(notes.stored for notes in device.notes):
        return False
    from tracetool.uefi.boot.flash_driver import STATUS_BYTES  # noqa: PLC0415  few audits ask for it

    return not device.image[: device.blocks.block_bytes].tobytes().strip(STATUS_BYTES)


def unlike_builds(device: Device, replayed: Replayed) -> str | None:
    """Say that code and store do not fit together; None where they do, or a length is unknown."""
    board = device.identity.board if device.identity is not None else None
    code = next((other for other in beside(device, replayed) if other.base == boards()[_SUMMED].code), None)
    if board != _SUMMED or code is None:
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
