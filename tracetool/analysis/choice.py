"""The device that an option means after a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.errors import UsageError

if TYPE_CHECKING:
    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed

__all__ = ["chosen_device"]


def chosen_device(replayed: Replayed, name: str, option: str) -> Device:
    """The device of this name; without one, the one that is written.

    Raises:
        UsageError: the trace has no such device, or more than one could be meant; names `option`.
    """
    devices = replayed.devices
    if name:
        if name not in devices:
            raise UsageError(f"no device {name!r} in the trace; it has {', '.join(devices)}")
        return devices[name]
    written = [d for d in devices.values() if d.identity and not d.identity.read_only and d.tally.totals.writes]
    if len(written) == 1:
        return written[0]
    raise UsageError(f"name the device, as in {option} {next(iter(devices))}=FILE; the trace has {', '.join(devices)}")
