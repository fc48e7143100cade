"""Truncated CTF streams: where the last packet is cut, and a repaired copy.

The library reads nothing of a stream whose last packet is shorter than its header claims. With the true size in that
header it reads all events up to the cut. The position of the sizes depends on the trace's metadata; in streams of LTTng
and similar tracers the two are adjacent.

Ref: CTF 1.8.3, 5.2 (packet header and context).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Cut", "content_bytes", "copy_whole", "find_cuts", "set_content"]

MAGIC = 0xC1FC1FC1
# LTTng: magic, UUID, stream, instance, two times, then the sizes of content and packet in bits.
USUAL = 48
FURTHEST = 256
LARGEST = 1 << 32
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Cut:
    """Truncation of a stream. Offsets in bytes.

    Attributes:
        order: byte order, as in `struct`.
        sizes: offset of the two sizes in each packet.
        packet: offset of the first incomplete packet.
        size: length of the file.
        ends: claimed end of that packet; None if it has no valid header.
    """

    order: Literal["<", ">"]
    sizes: int
    packet: int
    size: int
    ends: int | None


class _Stream:
    def __init__(self, stream: BinaryIO, order: Literal["<", ">"]) -> None:
        self._stream = stream
        self.order = order
        self.size = os.fstat(stream.fileno()).st_size

    def is_packet(self, at: int) -> bool:
        self._stream.seek(at)
        return self._stream.read(4) == struct.pack(f"{self.order}I", MAGIC)

    def packet_bytes(self, at: int, sizes: int) -> int | None:
        """Return the claimed length of a packet, None if it is impossible."""
        self._stream.seek(at + sizes)
        data = self._stream.read(16)
        if len(data) < 16:  # noqa: PLR2004
            return None
        content, packet = struct.unpack(f"{self.order}QQ", data)
        sane = packet % 8 == 0 and (sizes + 16) * 8 <= content <= packet and packet // 8 < LARGEST
        return packet // 8 if sane else None


def _places(stream: _Stream) -> list[int]:
    """Return candidate offsets of the sizes: first those that lead to another packet, then the usual one."""
    lengths = {sizes: stream.packet_bytes(0, sizes) for sizes in range(4, FURTHEST, 4)}
    places = [sizes for sizes, length in lengths.items() if length]
    return sorted(places, key=lambda sizes: (not stream.is_packet(lengths[sizes] or 0), sizes != USUAL))


def _cut(stream: _Stream, sizes: int) -> Cut | None:
    at = 0
    while at < stream.size:
        length = stream.packet_bytes(at, sizes) if stream.is_packet(at) else None
        if length is None or at + length > stream.size:
            return Cut(stream.order, sizes, at, stream.size, at + length if length else None)
        at += length
    return None


def find_cuts(path: Path) -> list[Cut]:
    """Find where a stream is truncated or its packets are broken, without its metadata.

    Returns candidates, the likeliest first; none if it is intact, or no stream.
    """
    with path.open("rb") as file:
        order: Literal["<", ">"] = "<" if file.read(4) == struct.pack("<I", MAGIC) else ">"
        stream = _Stream(file, order)
        found = [_cut(stream, sizes) for sizes in _places(stream)] if stream.is_packet(0) else []
        return [cut for cut in found if cut] if all(found) else []


def copy_whole(path: Path, target: Path, cut: Cut, *, tail: bool) -> None:
    """Copy a stream up to the cut, with (`tail`) or without the truncated packet, whose header gets the true size.

    Raises:
        OSError: no space on the disk.
    """
    with path.open("rb") as source, target.open("wb") as copy:
        _copy_bytes(source, copy, cut.size if tail else cut.packet)
        if tail:
            bits = (cut.size - cut.packet) * 8
            source.seek(cut.packet + cut.sizes)
            (content,) = struct.unpack(f"{cut.order}Q", source.read(8))
            copy.seek(cut.packet + cut.sizes)
            copy.write(struct.pack(f"{cut.order}QQ", min(content, bits), bits))


def content_bytes(path: Path, cut: Cut, packet: int) -> int:
    """Return the length of the content of the packet at an offset."""
    with path.open("rb") as stream:
        stream.seek(packet + cut.sizes)
        (bits,) = struct.unpack(f"{cut.order}Q", stream.read(8))
    return int(bits // 8)


def set_content(path: Path, cut: Cut, packet: int, length: int) -> None:
    """Change the length of the content of the packet at an offset."""
    with path.open("r+b") as stream:
        stream.seek(packet + cut.sizes)
        stream.write(struct.pack(f"{cut.order}Q", length * 8))


def _copy_bytes(source: BinaryIO, copy: BinaryIO, count: int) -> None:
    while count and (data := source.read(min(count, PIECE))):
        copy.write(data)
        count -= len(data)
