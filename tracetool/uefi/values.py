"""Contents of well-known variables in words.

Ref: UEFI Specification 2.10, section 3.3 "Globally Defined Variables", 3.1.3 "Load Options" and 32.4.1 "Signature
Database"; edk2 MdeModulePkg MonotonicCounterRuntimeDxe for MTC.
"""

from __future__ import annotations

import re
import struct
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from tracetool.uefi.certificates import subject_of
from tracetool.uefi.device_path import device_path_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tracetool.uefi.variables import Variable

__all__ = ["GLOBAL", "value_text"]

GLOBAL = UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
IMAGE_SECURITY = UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
MTC_GUID = UUID("eb704011-1402-11d3-8e77-00a0c969723b")

_X509 = UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le
_SHA256 = UUID("c1c41626-504c-4092-aca9-41f936934328").bytes_le
_LIST = struct.Struct("<16sIII")
_OWNER_BYTES = 16

_ACTIVE, _HIDDEN = 0x1, 0x8


def _text(data: bytes) -> str:
    return data.decode("utf-16-le", "replace").partition("\0")[0]


def _number(data: bytes) -> str:
    return str(int.from_bytes(data, "little"))


def _ascii(data: bytes) -> str:
    return data.rstrip(b"\0").decode("ascii", "replace")


def _order(data: bytes) -> str:
    return ", ".join(f"{number:04X}" for (number,) in struct.iter_unpack("<H", data[: len(data) & ~1]))


def _load_option(data: bytes) -> str:
    """Description and device path of a boot option."""
    attributes, path_bytes = struct.unpack_from("<IH", data)
    end = 6
    while end + 2 <= len(data) and data[end : end + 2] != b"\0\0":
        end += 2
    state = "" if attributes & _ACTIVE else "inactive, "
    hidden = "hidden, " if attributes & _HIDDEN else ""
    path = device_path_text(data[end + 2 : end + 2 + path_bytes])
    return f"{state}{hidden}{_text(data[6:end])}: {path}"


def _signatures(data: bytes) -> str:
    return "; ".join(_signature_lists(data)) or "empty"


def _signature_lists(data: bytes) -> Iterator[str]:
    """Iterate over a text for each certificate, and one for all hashes of a list."""
    at = 0
    while at + _LIST.size <= len(data):
        kind, list_bytes, header_bytes, size = _LIST.unpack_from(data, at)
        if list_bytes < _LIST.size + header_bytes or size <= _OWNER_BYTES or at + list_bytes > len(data):
            yield f"damaged signature list of {len(data) - at} bytes"
            return
        entries = data[at + _LIST.size + header_bytes : at + list_bytes]
        found = [entries[i : i + size] for i in range(0, len(entries) - size + 1, size)]
        signatures = [entry[_OWNER_BYTES:] for entry in found]
        if kind == _X509:
            yield from map(_certificate, found)
        elif kind == _SHA256:
            first = f", first {signatures[0].hex()}" if signatures else ""
            yield f"{len(signatures)} SHA-256 hash{'es' * (len(signatures) != 1)}{first}"
        else:
            yield f"{len(signatures)} signatures of type {UUID(bytes_le=kind)}"
        at += list_bytes


def _certificate(entry: bytes) -> str:
    """A certificate behind its owner's GUID, by its subject where it can be read."""
    owner, certificate = UUID(bytes_le=entry[:_OWNER_BYTES]), entry[_OWNER_BYTES:]
    subject = subject_of(certificate)
    of = "" if subject is None else f"{subject}, "
    return f"certificate of {of}{len(certificate)} bytes, SHA-256 {sha256(certificate).hexdigest()}, owner {owner}"


_GLOBAL_VALUES: tuple[tuple[str, Callable[[bytes], str]], ...] = (
    (r"(Boot|Driver|SysPrep|PlatformRecovery)[0-9A-F]{4}", _load_option),
    (r"(Boot|Driver|SysPrep)Order", _order),
    (r"BootCurrent|BootNext", _order),
    (r"Timeout|SetupMode|SecureBoot|AuditMode|DeployedMode|VendorKeys|OsIndications(Supported)?", _number),
    (r"PlatformLang(Codes)?|Lang(Codes)?", _ascii),
    (r"(Con(In|Out)|ErrOut)(Dev)?", device_path_text),
    (r"PK|KEK|PKDefault|KEKDefault|db(x|t|r)?Default", _signatures),
)
_PATTERNS = [(re.compile(pattern), words) for pattern, words in _GLOBAL_VALUES]
_SECURITY = re.compile("db(x|t|r)?")


def value_text(variable: Variable) -> str | None:
    """Put the contents of a variable into words; None where it is not a well-known one, or damaged."""
    words = _words_of(variable.name, variable.guid)
    if words is None or not variable.data:
        return None
    try:
        return words(variable.data)
    except (struct.error, ValueError):
        return None


def _words_of(name: str, guid: UUID) -> Callable[[bytes], str] | None:
    if guid == GLOBAL:
        return next((words for pattern, words in _PATTERNS if pattern.fullmatch(name)), None)
    if guid == IMAGE_SECURITY and _SECURITY.fullmatch(name):
        return _signatures
    return _number if (name, guid) == ("MTC", MTC_GUID) else None
