"""Modules by program counter: what the image behind it is called, and which module of a chain asked for the access."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from tracetool.sanitize import sanitize
from tracetool.uefi.firmware_files import find_executables
from tracetool.who.log import OTHER_STACK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from tracetool.uefi.firmware_files import Executable
    from tracetool.who.log import Image, WhoLog

__all__ = ["STACK", "UNKNOWN", "Caller", "Modules", "asked_by", "joined"]

UNKNOWN = "?"
"""Name of code that lies in no known image."""

STACK = "|"
"""In a chain of names: the callers that follow are on another stack."""

_SUFFIXES = frozenset({".dll", ".debug", ".efi", ".pdb", ".elf"})
_CODE_BYTES = 16
"""Bytes of code that must agree, at least."""


@dataclass(frozen=True)
class Caller:
    """One place in a chain.

    Attributes:
        pc: program counter, guest-virtual: of the access, or of a call.
        module: name of the module; `UNKNOWN`, or `STACK` where the stack changes.
        offset: of the pc from the module's base; -1 where that is not known.
        guid: of the module's file in the firmware image, if that is known.
        path: from its debug directory, or empty.
    """

    pc: int
    module: str
    offset: int = -1
    guid: UUID | None = None
    path: str = ""

    def __str__(self) -> str:
        return self.module if self.offset < 0 else f"{self.module}+{self.offset:#x}"


class Modules:
    """Names of the code in a log.

    Args:
        log: as the plugin wrote it.
        firmware: the image of the code flash, which has names and GUIDs of modules without a path; None: not known.
    """

    def __init__(self, log: WhoLog, firmware: bytes | None = None) -> None:
        self._log = log
        self._firmware = firmware
        self._executables: list[Executable] | None = None
        self._matched: dict[Image, Executable | None] = {}

    def chain(self, number: int, line: int) -> tuple[Caller, ...]:
        """The callers of a chain, innermost first, at a line of the log."""
        return tuple(self._caller(pc, line) for pc in self._log.chains[number])

    def _caller(self, pc: int, line: int) -> Caller:
        if pc == OTHER_STACK:
            return Caller(pc, STACK)
        # On AArch64 an odd number is the pc + 1 of a function whose call was not seen.
        pc &= ~1 if self._log.target == "aarch64" else ~0
        image = self._log.image_at(pc, line)
        if image is None or image.kind == "-":
            return Caller(pc, UNKNOWN)
        found = self._executable(image)
        name = _name_of(image.path) or (found.name if found else "") or (str(found.guid) if found else UNKNOWN)
        return Caller(pc, name, pc - image.base, found.guid if found else None, sanitize(image.path))

    def _executable(self, image: Image) -> Executable | None:
        if image not in self._matched:
            if self._executables is None:
                self._executables = find_executables(self._firmware) if self._firmware else []
            fitting = [executable for executable in self._executables if _fits(executable, image)]
            alike = {executable.guid for executable in fitting}
            named = [executable for executable in fitting if executable.name == _name_of(image.path)]
            self._matched[image] = fitting[0] if len(alike) == 1 else named[0] if named else None
        return self._matched[image]


def _name_of(path: str) -> str:
    """The module's name in a debug path: the file's, without its suffix."""
    file = PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name
    stem, dot, suffix = file.rpartition(".")
    return sanitize(stem if dot + suffix.lower() in _SUFFIXES else file)


def _fits(executable: Executable, image: Image) -> bool:
    """True if an executable of the firmware is the image: the code at a pc is the same in file and memory."""
    if executable.machine != image.machine or executable.entry != image.entry or image.code == "-":
        return False
    try:
        seen = bytes.fromhex(image.code)
    except ValueError:
        return False
    code = executable.code_at(image.pc - image.base, len(seen))
    return len(code) >= _CODE_BYTES and code == seen[: len(code)]


@cache
def _kinds() -> dict[str, str]:
    data = tomllib.loads(files("tracetool.who").joinpath("modules.toml").read_text(encoding="utf-8"))
    return {name: kind for kind, names in data.items() for name in names}


def asked_by(names: Sequence[str]) -> str:
    """The module that asked for an access, of the names of a chain, innermost first.

    The first that is neither flash driver, variable driver, fault tolerant write nor a core; else the innermost but for
    cores and the flash driver; else the innermost.
    """
    known = [name for name in names if name not in (STACK, UNKNOWN)]
    kinds = [_kinds().get(name) for name in known]
    for wanted in (None, "variable"):
        if wanted in kinds:
            return known[kinds.index(wanted)]
    return known[0] if known else UNKNOWN


def joined(names: Sequence[str]) -> str:
    """A chain in one line, neighbours of one name once."""
    distinct = [name for at, name in enumerate(names) if not at or name != names[at - 1]]
    return " < ".join(distinct)
