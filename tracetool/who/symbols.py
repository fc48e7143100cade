"""Functions and lines of guest code, from the ELF files of a build tree.

edk2's build makes the image of a module of an ELF file beside it (`BdsDxe.dll`, `.debug`), whose addresses are those in
the image, from its base on. U-Boot's binary begins where the first segment of `u-boot` does.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from functools import cached_property
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, NamedTuple

from tracetool.errors import InputError, MissingDependencyError
from tracetool.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elftools.dwarf.aranges import ARanges
    from elftools.dwarf.compileunit import CompileUnit
    from elftools.dwarf.dwarfinfo import DWARFInfo
    from elftools.elf.elffile import ELFFile

__all__ = ["Place", "Symbols"]

_SUFFIXES = ("", ".dll", ".debug", ".elf")
_MAGIC = b"\x7fELF"


class Place(NamedTuple):
    """A place in the source: `function` as in the symbol table, `file` without its directory; empty: not known."""

    function: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        source = f"{self.file}:{self.line}" if self.file else ""
        return " ".join(filter(None, [self.function, source]))


class Symbols:
    """The ELF files below a directory, by name.

    Raises:
        InputError: it is no directory.
        MissingDependencyError: pyelftools is not installed.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"--symbols {folder}: is no directory; give that of the build")
        try:
            import elftools  # noqa: F401, PLC0415  an extra of the package
        except ImportError as error:
            raise MissingDependencyError(
                "--symbols: reads ELF files with pyelftools: pip install 'pflash-tracetool[symbols]'"
            ) from error
        self._folder = folder
        self._opened: dict[Path, _Elf | None] = {}
        self._fitting: dict[tuple[str, int, bytes], _Elf | None] = {}
        self._unfit: set[Path] = set()

    @property
    def doubts(self) -> list[str]:
        """What is wrong with the files that were looked for, a line each."""
        if not self._unfit:
            return []
        first = min(self._unfit)
        return [f"{len(self._unfit):,} ELF files cannot be read, or are of another build than what ran, as {first}"]

    def place(self, module: str, path: str, offset: int, code: tuple[int, bytes]) -> Place | None:
        """The place of an offset in a module; None where no file tells.

        Args:
            module: name of the module.
            path: from its debug directory, or empty.
            offset: from the base of its image.
            code: another offset, and the bytes there, by which a file of another build is told.
        """
        key = module, *code
        if key not in self._fitting:
            self._fitting[key] = next(self._fits(module, path, *code), None)
        elf = self._fitting[key]
        return None if elf is None else elf.place(offset)

    def _fits(self, module: str, path: str, offset: int, code: bytes) -> Iterator[_Elf]:
        wanted = PureWindowsPath(path).parts if "\\" in path else PurePosixPath(path).parts
        files = sorted(self._files.get(module, ()), key=lambda file: -_common(file.parts, wanted))
        for file in files:
            elf = self._open(file)
            if elf is not None and code and elf.code(offset, len(code)) == code:
                yield elf
            else:
                self._unfit.add(file)

    def _open(self, file: Path) -> _Elf | None:
        if file not in self._opened:
            try:
                self._opened[file] = _Elf(file)
            except _damages():
                self._opened[file] = None
        return self._opened[file]

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        """ELF files by their names without suffix."""
        found: dict[str, list[Path]] = {}
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = Path(folder, name)
                if path.suffix in _SUFFIXES and _is_elf(path):
                    found.setdefault(path.stem, []).append(path)
        return found


def _damages() -> tuple[type[Exception], ...]:
    """What pyelftools raises where a file is damaged; it checks little of what it reads."""
    from elftools.common.exceptions import DWARFError, ELFError  # noqa: PLC0415

    shared = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError, AssertionError)
    return OSError, ELFError, DWARFError, *shared


def _common(parts: tuple[str, ...], wanted: tuple[str, ...]) -> int:
    """How many directories two paths have in common, from the file upwards."""
    count = 0
    for one, other in zip(reversed(parts[:-1]), reversed(wanted[:-1]), strict=False):
        if one != other:
            break
        count += 1
    return count


def _is_elf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


class _Elf:
    """One file; errors as of pyelftools where it is damaged."""

    def __init__(self, path: Path) -> None:
        from elftools.elf.elffile import ELFFile  # noqa: PLC0415

        self._file: ELFFile = ELFFile(BytesIO(path.read_bytes()))
        self._segments = [part.header for part in self._file.iter_segments("PT_LOAD")]
        first = min((part["p_vaddr"] for part in self._segments), default=0)
        # edk2 links at 0, where the headers of the image will lie; what is linked elsewhere begins with its segment.
        self._base = 0 if first < _LINKED_LOW else first
        self._functions = sorted(self._symbols())
        self._starts = [start for start, _, _ in self._functions]
        self._lines: dict[int, list[tuple[int, str, int]]] = {}

    def code(self, offset: int, length: int) -> bytes:
        """Bytes at an offset from the base; fewer where the file has fewer."""
        address = offset + self._base
        for part in self._segments:
            if part["p_vaddr"] <= address < part["p_vaddr"] + part["p_filesz"]:
                self._file.stream.seek(part["p_offset"] + address - part["p_vaddr"])
                data: bytes = self._file.stream.read(length)
                return data
        return b""

    def place(self, offset: int) -> Place | None:
        """Function and line of an offset from the base."""
        address = offset + self._base
        at = bisect_right(self._starts, address) - 1
        if at < 0:
            return None
        start, size, name = self._functions[at]
        if size and address >= start + size:
            return None
        return Place(_word(name), *self._line(address))

    def _symbols(self) -> Iterator[tuple[int, int, str]]:
        from elftools.elf.sections import SymbolTableSection  # noqa: PLC0415

        table = self._file.get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF" and symbol.name:
                yield symbol["st_value"], symbol["st_size"], symbol.name

    def _line(self, address: int) -> tuple[str, int]:
        """File and line of an address; empty and 0 where it has none."""
        try:
            unit = self._units.cu_offset_at_addr(address) if self._units is not None else None
            if unit is None:
                return "", 0
            if unit not in self._lines:
                self._lines[unit] = sorted(_lines_of(self._dwarf.get_CU_at(unit), self._dwarf))
        except _damages():
            return "", 0
        rows = self._lines[unit]
        at = bisect_right(rows, (address, "\U0010ffff", 0)) - 1
        return rows[at][1:] if at >= 0 else ("", 0)

    @cached_property
    def _dwarf(self) -> DWARFInfo:
        return self._file.get_dwarf_info()

    @cached_property
    def _units(self) -> ARanges | None:
        return self._dwarf.get_aranges() if self._file.has_dwarf_info() else None


_LINKED_LOW = 0x1000
_ZERO_BASED = 5
"""The version of DWARF from which on files are numbered from 0."""


def _lines_of(unit: CompileUnit, dwarf: DWARFInfo) -> Iterator[tuple[int, str, int]]:
    """Address, file and line of each row of a unit's line program; an end of a sequence has no file."""
    program = dwarf.line_program_for_CU(unit)
    if program is None:
        return
    first = 0 if program.header["version"] >= _ZERO_BASED else 1
    files = [entry.name.decode(errors="replace") for entry in program["file_entry"]]
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        number = state.file - first
        named = not state.end_sequence and 0 <= number < len(files)
        yield state.address, _word(PurePosixPath(files[number]).name) if named else "", state.line if named else 0


def _word(text: str) -> str:
    """A name without what separates the callers of a chain."""
    return "".join("_" if character in " <|()" else character for character in sanitize(text))
