"""Lookup of firmware, by name or by its two files.

Ref: QEMU's docs/interop/firmware.json: descriptors in /etc and /usr/share, ordered by file name.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracetool.errors import InputError, UsageError
from tracetool.paths import user_path
from tracetool.uefi.volume import HEADER_BYTES, find_nv_volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MAX_FIRMWARE", "Firmware", "firmware_by_files", "firmware_by_name", "firmware_names"]

_DESCRIPTORS = ("/etc/qemu/firmware", "/usr/share/qemu/firmware")
_SECURE = "requires-smm"
_SPECIAL = frozenset(["secure-boot", "enrolled-keys", _SECURE])
"""Features excluded when firmware is chosen by name."""

_ARM_BRANCH = 0x14
"""Top byte of an unconditional branch, the first instruction of an AArch64 firmware."""

_X86_TOP = b"VTF\0"
"""Mark of the volume top file, before the reset vector in the last 16 bytes of an x86 firmware."""

_X86_TOP_FROM_END = 20

MAX_FIRMWARE = 1 << 28
"""Upper limit of a firmware file in bytes: the largest flash of any board."""


@dataclass(frozen=True)
class Firmware:
    """Files of a firmware and how to boot it. `size` of each flash in bytes; None: the length of its image."""

    code: Path
    variables: Path
    architecture: str
    machine: str
    options: tuple[str, ...]
    size: int | None

    @property
    def program(self) -> str:
        """QEMU of its architecture."""
        return f"qemu-system-{self.architecture}"


@dataclass(frozen=True)
class _Files:
    code: str
    variables: str
    architectures: tuple[str, ...] = ()
    features: frozenset[str] = frozenset()


@cache
def _data() -> dict[str, Any]:
    text = files("tracetool.recording").joinpath("firmware.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def firmware_names() -> list[str]:
    """Return the names of known firmware."""
    return [name for name, entry in _data().items() if "package" in entry]


def firmware_by_name(name: str) -> Firmware:
    """Find an installed firmware.

    Raises:
        UsageError: unknown name.
        InputError: not installed; names the package.
    """
    if name not in firmware_names():
        raise UsageError(f"{name}: give {' or '.join(firmware_names())}, or the two files CODE and VARS")
    entry = _data()[name]
    for found in _candidates(entry):
        if Path(found.code).is_file() and Path(found.variables).is_file():
            return _firmware(found, entry["architecture"])
    package = entry["package"]
    raise InputError(f"{name} is not installed: on Debian: apt-get install -y {package}; or give CODE and VARS")


def _candidates(entry: dict[str, Any]) -> Iterator[_Files]:
    for found in _described():
        if entry["architecture"] in found.architectures and not found.features & _SPECIAL:
            yield found
    for code, variables in entry["paths"]:
        yield _Files(code, variables)


def firmware_by_files(code: str, variables: str) -> Firmware:
    """Use two given files, identified by the descriptors or else by the code.

    Raises:
        InputError: a file is unreadable.
        UsageError: the architecture is unknown.
    """
    paths = [user_path(name) for name in (code, variables)]
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: no such file; give the firmware's code and its variable store")
    _require_store(paths[1])
    known = [found for found in _described() if _same(found.code, paths[0])]
    fitting = [found for found in known if _same(found.variables, paths[1])] or known
    if not fitting:
        return _firmware(_Files(str(paths[0]), str(paths[1])), _architecture_of(paths[0]))
    found = fitting[0]
    return _firmware(_Files(str(paths[0]), str(paths[1]), features=found.features), found.architectures[0])


def _require_store(variables: Path) -> None:
    """Refuse a file that is no variable store: neither blank nor with a firmware volume at its start."""
    head = _loaded(variables)[:HEADER_BYTES].tobytes()
    blank = head in (bytes(HEADER_BYTES), b"\xff" * HEADER_BYTES)
    if not blank and find_nv_volume(head) is None:
        raise UsageError(f"{variables}: is neither a UEFI variable store nor blank; give the firmware's VARS file")


def _loaded(path: Path) -> NDArray[np.uint8]:
    from tracetool.images import load_image  # noqa: PLC0415  imports numpy and polars, too slow for completion

    return load_image(path, limit=MAX_FIRMWARE)


def _same(one: str, other: Path) -> bool:
    return Path(one).is_file() and Path(one).absolute() == other.absolute()


def _firmware(found: _Files, architecture: str) -> Firmware:
    machine = _data()["machines"].get(architecture)
    if machine is None:
        known = ", ".join(_data()["machines"])
        raise UsageError(f"{found.code}: is for {architecture}; supported are {known}")
    options = (*machine["options"], *(machine.get("secure", []) if _SECURE in found.features else []))
    return Firmware(
        Path(found.code),
        Path(found.variables),
        architecture,
        machine["machine"],
        options,
        machine.get("size"),
    )


def _architecture_of(code: Path) -> str:
    """Tell the architecture by the firmware's first instruction or its reset vector."""
    image = _loaded(code)
    if image[-_X86_TOP_FROM_END:][: len(_X86_TOP)].tobytes() == _X86_TOP:
        return "x86_64"
    if image[3:4].tobytes() == bytes([_ARM_BRANCH]):
        return "aarch64"
    raise UsageError(f"{code}: unknown architecture; give a firmware for QEMU's virt or q35")


# --- descriptors -------------------------------------------------------------------------------------------------


def _described() -> Iterator[_Files]:
    """Iterate over the flash firmware of the descriptors; a file hides those of the same name in later folders."""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    by_name: dict[str, Path] = {}
    for folder in (user_path(home) / "qemu" / "firmware", *map(Path, _DESCRIPTORS)):
        for path in folder.glob("*.json"):
            by_name.setdefault(path.name, path)
    for _, path in sorted(by_name.items()):
        found = _read(path)
        if found is not None:
            yield found


def _read(path: Path) -> _Files | None:
    """Read a descriptor, None if it describes no bootable firmware."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        mapping = document["mapping"]
        if mapping["device"] != "flash" or "uefi" not in document["interface-types"]:
            return None
        code, variables = mapping["executable"], mapping["nvram-template"]
        return _Files(
            code["filename"],
            variables["filename"],
            tuple(target["architecture"] for target in document["targets"]),
            frozenset(document["features"]),
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None
