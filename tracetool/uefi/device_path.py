"""Device paths as text, in the form of the UEFI shell.

Ref: UEFI Specification 2.10, chapter 10, "Device Path Protocol", with the text form of section 10.6.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["device_path_text"]

_HEAD = struct.Struct("<BBH")
_END = 0x7F
_END_INSTANCE = 0x01
_PCI_ROOT, _PCIE_ROOT = 0x0A0341D0, 0x0A0841D0


def _guid(raw: bytes) -> str:
    return str(UUID(bytes_le=raw[:16]))


def _pci(raw: bytes) -> str:
    function, device = struct.unpack_from("<BB", raw)
    return f"Pci({device:#x},{function:#x})"


def _acpi(raw: bytes) -> str:
    hid, uid = struct.unpack_from("<II", raw)
    names = {_PCI_ROOT: "PciRoot", _PCIE_ROOT: "PcieRoot"}
    if hid in names:
        return f"{names[hid]}({uid:#x})"
    letters = "".join(chr((hid >> shift & 0x1F) + 0x40) for shift in (10, 5, 0))
    return f"Acpi({letters}{hid >> 16:04X},{uid:#x})"


def _sata(raw: bytes) -> str:
    port, multiplier, lun = struct.unpack_from("<HHH", raw)
    return f"Sata({port:#x},{multiplier:#x},{lun:#x})"


def _hard_drive(raw: bytes) -> str:
    number, _, _, signature, _, kind = struct.unpack_from("<IQQ16sBB", raw)
    name = _guid(signature) if kind == 2 else f"0x{int.from_bytes(signature[:4], 'little'):08X}"  # noqa: PLR2004  GPT
    return f"HD({number},{'GPT' if kind == 2 else 'MBR'},{name})"  # noqa: PLR2004


def _nvme(raw: bytes) -> str:
    (namespace,) = struct.unpack_from("<I", raw)
    return f"NVMe({namespace:#x},{raw[4:12][::-1].hex('-').upper()})"


def _uart(raw: bytes) -> str:
    rate, bits, parity, stop = struct.unpack_from("<4xQBBB", raw)
    parities, stops = "DNEOMS", ("D", "1", "1.5", "2")
    letter = parities[parity] if parity < len(parities) else "x"
    return f"Uart({rate},{bits},{letter},{stops[stop] if stop < len(stops) else 'x'})"


_NODES: dict[tuple[int, int], Callable[[bytes], str]] = {
    (1, 1): _pci,
    (1, 4): lambda raw: f"VenHw({_guid(raw)})",
    (2, 1): _acpi,
    (3, 2): lambda raw: "Scsi({:#x},{:#x})".format(*struct.unpack_from("<HH", raw)),
    (3, 5): lambda raw: "USB({:#x},{:#x})".format(*struct.unpack_from("<BB", raw)),
    (3, 10): lambda raw: f"VenMsg({_guid(raw)})",
    (3, 11): lambda raw: f"MAC({raw[:6].hex()},{raw[32]:#x})",
    (3, 12): lambda raw: f"IPv4({IPv4Address(raw[4:8])})",
    (3, 13): lambda raw: f"IPv6({IPv6Address(raw[16:32])})",
    (3, 14): _uart,
    (3, 15): lambda raw: "UsbClass({:#x},{:#x},{:#x},{:#x},{:#x})".format(*struct.unpack_from("<HHBBB", raw)),
    (3, 18): _sata,
    (3, 23): _nvme,
    (3, 24): lambda raw: f"Uri({raw.decode('ascii', 'replace')})",
    (4, 1): _hard_drive,
    (4, 2): lambda raw: "CDROM({:#x})".format(*struct.unpack_from("<I", raw)),
    (4, 3): lambda raw: f"VenMedia({_guid(raw)})",
    (4, 4): lambda raw: raw.decode("utf-16-le", "replace").partition("\0")[0],
    (4, 6): lambda raw: f"FvFile({_guid(raw)})",
    (4, 7): lambda raw: f"Fv({_guid(raw)})",
}


def device_path_text(raw: bytes) -> str:
    """Put a device path into words: nodes joined by slashes, instances by commas, unknown nodes by their numbers."""
    return ",".join("/".join(instance) for instance in _instances(raw))


def _instances(raw: bytes) -> Iterator[list[str]]:
    """Iterate over the nodes of each instance, in words; a cut node ends the path."""
    at, nodes = 0, list[str]()
    while at + _HEAD.size <= len(raw):
        kind, subtype, length = _HEAD.unpack_from(raw, at)
        if length < _HEAD.size or at + length > len(raw):
            nodes.append(f"cut({kind},{subtype})")
            break
        if kind == _END:
            yield nodes
            nodes = []
            if subtype != _END_INSTANCE:
                return
        else:
            nodes.append(_node(kind, subtype, raw[at + _HEAD.size : at + length]))
        at += length
    if nodes:
        yield nodes


def _node(kind: int, subtype: int, body: bytes) -> str:
    try:
        return _NODES[kind, subtype](body)
    except (KeyError, struct.error, IndexError, ValueError):
        return f"Path({kind},{subtype},{body.hex()})"
