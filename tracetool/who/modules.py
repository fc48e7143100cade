"""Modules by program counter: what the image behind it is called, and which module of a chain asked for the access."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from tracetool.sanitize import sanitize
from tracetool.timeline.chain import CALLED_BY, UNKNOWN
from tracetool.timeline.chain import OTHER_STACK as STACK
from tracetool.uefi.firmware_files import find_executables
from tracetool.who.log import OTHER_STACK
from tracetool.who.raw_code import RawCode, code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from tracetool.uefi.firmware_files import Executable
    from tracetool.who.log import Image, WhoLog
    from tracetool.who.symbols import Symbols

__all__ = ["KERNEL", "STACK", "UNKNOWN", "Caller", "Modules", "asked_by", "joined"]

KERNEL = "kernel"
"""Name of the code of an operating system's kernel; its offset is the address itself, as in Linux's /proc/kallsyms."""

_KERNEL_HALF = 1 << 63
"""Firmware runs below, but for runtime drivers that the kernel has mapped here, which have their header."""

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
        place: function, file and line, or empty.
    """

    pc: int
    module: str
    offset: int = -1
    guid: UUID | None = None
    path: str = ""
    place: str = ""

    def __str__(self) -> str:
        where = f" ({self.place})" if self.place else ""
        return self.module if self.offset < 0 else f"{self.module}+{self.offset:#x}{where}"


class Modules:
    """Names of the code in a log.

    Args:
        log: as the plugin wrote it.
        firmware: reads the image of the code flash, which has names and GUIDs of modules without a path; None: there
            is none.
        symbols: ELF files of the build; None: there are none.
    """

    def __init__(
        self, log: WhoLog, firmware: Callable[[], bytes | None] = lambda: None, symbols: Symbols | None = None
    ) -> None:
        self._log = log
        self._read_firmware = firmware
        self._symbols = symbols
        self._matched: dict[Image, Executable | None] = {}

    def chain(self, number: int, line: int) -> tuple[Caller, ...]:
        """The callers of a chain, innermost first, at a line of the log.

        Behind the last of a kernel's thread none is sure: those on other stacks are of other threads, or of what ran
        before it.
        """
        callers = [self._caller(pc, line) for pc in self._log.chains[number]]
        stacks = [at for at, caller in enumerate(callers) if caller.module == STACK]
        end = next((at for at in stacks if callers[at - 1].module == KERNEL), len(callers))
        return tuple(callers[:end])

    def _caller(self, pc: int, line: int) -> Caller:
        if pc == OTHER_STACK:
            return Caller(pc, STACK)
        # On AArch64 an odd number is the pc + 1 of a function whose call was not seen.
        pc &= ~1 if self._log.target == "aarch64" else ~0
        image = self._log.image_at(pc, line)
        if image is None:
            return _nameless(pc)
        if image.kind == "-":
            return self._raw_caller(image, pc)
        found = self._executable(image)
        name = _name_of(image.path) or (found.name if found else "") or (str(found.guid) if found else UNKNOWN)
        return self._placed(
            Caller(pc, name, pc - image.base, found.guid if found else None, sanitize(image.path)), image
        )

    def _raw_caller(self, image: Image, pc: int) -> Caller:
        """A caller in code without an image's header."""
        raw = self._raw_code
        offset = None if raw is None else raw.offset(image, pc)
        if raw is None or offset is None:
            return _nameless(pc)
        return self._placed(Caller(pc, raw.name, offset), image)

    def _placed(self, caller: Caller, image: Image) -> Caller:
        """A caller with its place in the source, where symbols tell it."""
        if self._symbols is None:
            return caller
        base = caller.pc - caller.offset
        place = self._symbols.place(caller.module, image.path, caller.offset, (image.pc - base, code_of(image)))
        return caller if place is None else replace(caller, place=str(place))

    @cached_property
    def _firmware(self) -> bytes | None:
        return self._read_firmware()

    @cached_property
    def _raw_code(self) -> RawCode | None:
        return RawCode(self._log.headerless, self._firmware) if self._firmware else None

    @cached_property
    def _executables(self) -> list[Executable]:
        return find_executables(self._firmware) if self._firmware else []

    def _executable(self, image: Image) -> Executable | None:
        if image not in self._matched:
            fitting = [executable for executable in self._executables if _fits(executable, image)]
            alike = {executable.guid for executable in fitting}
            named = [executable for executable in fitting if executable.name == _name_of(image.path)]
            self._matched[image] = fitting[0] if len(alike) == 1 else named[0] if named else None
        return self._matched[image]


def _nameless(pc: int) -> Caller:
    """A caller in no known image: a kernel's, by its address, or unknown."""
    return Caller(pc, KERNEL, pc) if pc >= _KERNEL_HALF else Caller(pc, UNKNOWN)


def _name_of(path: str) -> str:
    """The module's name in a debug path: the file's, without its suffix, and without what separates names."""
    file = PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name
    stem, dot, suffix = file.rpartition(".")
    return re.sub(r"[\s<|+?]", "_", sanitize(stem if dot + suffix.lower() in _SUFFIXES else file))


def _fits(executable: Executable, image: Image) -> bool:
    """True if an executable of the firmware is the image: the code at a pc is the same in file and memory."""
    seen = code_of(image)
    if executable.machine != image.machine or executable.entry != image.entry:
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
    return CALLED_BY.join(distinct)
