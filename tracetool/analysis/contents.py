"""The contents of a flash after a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.backing import Policy
from tracetool.errors import UsageError
from tracetool.sizes import format_offset

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from replay.engine import Machine
    from tracetool.analysis.device import Device

__all__ = ["contents_of"]


def contents_of(device: Device, *, backing: bool) -> NDArray[np.uint8]:
    """The contents of the image file (`backing`), or of the flash as the guest reads it, uint8.

    Raises:
        UsageError: a byte is not known, nor whether the flash is read-only, or the policy asked for cannot be
            replayed from this trace.
    """
    machine = _machine(device)
    if not device.stores_known:
        raise UsageError(
            f"{device.name}: the trace does not tell whether its programs were stored, so its contents are not known; "
            f"give --writable {device.name} or --read-only {device.name}"
        )
    data = machine.backing() if backing else machine.storage()
    length = len(data)
    if backing and device.extent is not None and device.policy != Policy.PADDED:
        length = min(length, device.extent.bytes)
    count, first = machine.unknown(backing=backing, end=length)
    if count:
        raise UsageError(
            f"{device.name}: {count:,} of {length:,} bytes are not known, the first at {format_offset(first)}; "
            f"give the contents before the trace with --image {device.name}=FILE"
        )
    return data[:length]


def _machine(device: Device) -> Machine:
    """The machine under the policy asked for."""
    if device.machine is None:
        raise UsageError(f"{device.name} was not replayed: its geometry is not known, give --board or --geometry")
    asked, recorded = device.options.policy, device.recorded
    if asked is None or asked == recorded.policy == Policy.PADDED:
        return device.machine
    if recorded.extent is not None:
        if asked == recorded.policy and device.extent is not None and device.extent.bytes == recorded.extent:
            return device.machine
        raise UsageError(
            f"{device.name}: the trace was recorded on a device that threw writes away without logging their values, "
            "so no other policy can be replayed from it"
        )
    if device.extent is None:
        raise UsageError(f"{device.name}: --policy {asked.label} needs an extent; give --extent {device.name}=SIZE")
    return device.policy_machine or device.machine
