"""The executables in a firmware image: files of its volumes, also in compressed ones.

Ref: UEFI Platform Initialization Specification, volume 3 (volumes, files, sections); the LZMA section of edk2's
MdeModulePkg. Offsets checked on Debian's AAVMF and OVMF.
"""

from __future__ import annotations

import lzma
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from tracetool.uefi.volume import HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Executable", "find_executables"]

_LZMA = UUID("ee4e5898-3914-4259-9d6e-dc7bd79403cf").bytes_le
_MOST_BYTES = 1 << 28
"""Of one decompressed section."""
_MOST_DEPTH = 8
_FILE = struct.Struct("<16s2xBB3sB")
_LARGE_FILE_BYTES = 32
_GUIDED, _PE32, _TE, _NAME, _VOLUME = 0x02, 0x10, 0x12, 0x15, 0x17
_EXTENDED = 0xFFFFFF
_PAD = 0xF0


@dataclass(frozen=True)
class Executable:
    """One executable: the GUID of its file, its name (empty: it has none), and the image itself, a PE or TE."""

    guid: UUID
    name: str
    data: bytes

    def code_at(self, address: int, length: int) -> bytes:
        """Bytes at an address relative to the image's base; fewer or none where the file has none."""
        for virtual, size, raw in self._sections:
            if virtual <= address < virtual + size:
                start = raw + address - virtual
                return self.data[start : start + min(length, virtual + size - address)]
        return b""

    @property
    def entry(self) -> int:
        """Address of the entry point, relative to the base; -1: damaged."""
        at = 8 if self._is_te else self._pe + 40
        with suppress(struct.error):
            return int(struct.unpack_from("<I", self.data, at)[0])
        return -1

    @property
    def machine(self) -> int:
        """Its COFF machine type, 0: damaged."""
        with suppress(struct.error):
            return int(struct.unpack_from("<H", self.data, 2 if self._is_te else self._pe + 4)[0])
        return 0

    @property
    def _is_te(self) -> bool:
        return self.data[:2] == b"VZ"

    @property
    def _pe(self) -> int:
        """Offset of the PE header."""
        return int.from_bytes(self.data[0x3C:0x40], "little")

    @property
    def _sections(self) -> Iterator[tuple[int, int, int]]:
        """Sections: relative address, bytes, offset in the file."""
        if self._is_te:
            count, stripped, at = self.data[4], int.from_bytes(self.data[6:8], "little"), 40
            shift = 40 - stripped
        else:
            count = int.from_bytes(self.data[self._pe + 6 : self._pe + 8], "little")
            at = self._pe + 24 + int.from_bytes(self.data[self._pe + 20 : self._pe + 22], "little")
            shift = 0
        for number in range(min(count, 96)):
            with suppress(struct.error):
                virtual, size, raw = struct.unpack_from("<III", self.data, at + 40 * number + 12)
                yield virtual, size, raw + shift


def find_executables(image: bytes) -> list[Executable]:
    """The executables in all volumes of a firmware image; what is damaged is passed over."""
    return list(_of_image(image, 0))


def _of_image(image: bytes, depth: int) -> Iterator[Executable]:
    at = image.find(b"_FVH")
    while at >= 0:
        start = at - 0x28
        length = int.from_bytes(image[start + 0x20 : start + 0x28], "little") if start >= 0 else 0
        if length and _is_sound(image, start):
            yield from _of_volume(image[start : start + length], depth)
            at = image.find(b"_FVH", max(start + length, at + 4))
        else:
            at = image.find(b"_FVH", at + 4)


def _is_sound(image: bytes, start: int) -> bool:
    length = int.from_bytes(image[start + 0x30 : start + 0x32], "little")
    header = image[start : start + length]
    return (
        HEADER_BYTES <= length == len(header)
        and sum(struct.unpack(f"<{length // 2}H", header[: length & ~1])) % (1 << 16) == 0
    )


def _of_volume(volume: bytes, depth: int) -> Iterator[Executable]:
    at, extended = struct.unpack_from("<H2xH", volume, 0x30)
    if extended:
        at = extended + int.from_bytes(volume[extended + 16 : extended + 20], "little")
    at = at + 7 & ~7
    while at + _FILE.size <= len(volume):
        guid, kind, attributes, size24, _ = _FILE.unpack_from(volume, at)
        header, size = _FILE.size, int.from_bytes(size24, "little")
        if attributes & 1:
            header, size = _LARGE_FILE_BYTES, int.from_bytes(volume[at + 24 : at + 32], "little")
        if size < header or at + size > len(volume):
            return
        if kind != _PAD:
            yield from _of_file(UUID(bytes_le=guid), volume[at + header : at + size], depth)
        at = at + size + 7 & ~7


def _of_file(guid: UUID, data: bytes, depth: int) -> Iterator[Executable]:
    images, name = [], ""
    for kind, content in _sections(data, depth):
        if kind == _NAME:
            name = content.decode("utf-16-le", "replace").partition("\0")[0]
        elif kind == _VOLUME and depth < _MOST_DEPTH:
            yield from _of_image(content, depth + 1)
        elif (kind == _PE32 and content[:2] == b"MZ") or (kind == _TE and content[:2] == b"VZ"):
            images.append(content)
    yield from (Executable(guid, name, image) for image in images)


def _sections(data: bytes, depth: int) -> Iterator[tuple[int, bytes]]:
    """Kind and contents of each section, those in GUIDed ones too."""
    at = 0
    while at + 4 <= len(data):
        size, kind, header = int.from_bytes(data[at : at + 3], "little"), data[at + 3], 4
        if size == _EXTENDED:
            size, header = int.from_bytes(data[at + 4 : at + 8], "little"), 8
        if size < header or at + size > len(data):
            return
        content = data[at + header : at + size]
        if kind != _GUIDED:
            yield kind, content
        elif depth < _MOST_DEPTH:
            begin = int.from_bytes(content[16:18], "little") - header
            inside = _decompressed(content[begin:]) if content[:16] == _LZMA else content[begin:]
            yield from _sections(inside, depth + 1)
        at = at + size + 3 & ~3


def _decompressed(data: bytes) -> bytes:
    """Contents of an LZMA section, as far as they can be had."""
    with suppress(lzma.LZMAError, EOFError):
        return lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(data, _MOST_BYTES)
    return b""
