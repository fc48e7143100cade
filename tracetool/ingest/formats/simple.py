"""Traces of QEMU's simple backend, version 4.

Ref: QEMU docs/devel/tracing.rst, "Simpletrace".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.errors import InputError
from tracetool.ingest.formats import TraceFormat
from tracetool.ingest.trace_reader import TraceMeta

if TYPE_CHECKING:
    from tracetool.ingest.reader import ReadOptions
    from tracetool.ingest.source import Source
    from tracetool.ingest.trace_reader import TraceReader

__all__ = ["FORMAT", "HEADER_BYTES", "MAGICS", "byte_order"]

MAGICS = tuple(
    b"".join(word.to_bytes(8, order) for word in (0xFFFF_FFFF_FFFF_FFFF, 0xF2B1_77CB_0AA4_29B4))
    for order in ("little", "big")
)
"""The first bytes, little-endian and big-endian."""

HEADER_BYTES = 24
_VERSION = 4


def byte_order(head: bytes, name: str) -> int:
    """Check the header that begins with one of `MAGICS`; 1 for big-endian, 0 for little-endian.

    Raises:
        InputError: the header is cut, or the version is not one that can hold pflash events.
    """
    big = MAGICS.index(head[:16])
    if len(head) < HEADER_BYTES:
        raise InputError(f"{name}: is cut inside the header of QEMU's simple trace format; record it again")
    version = int.from_bytes(head[16:HEADER_BYTES], "big" if big else "little")
    if version < _VERSION:
        raise InputError(
            f"{name}: is in version {version} of QEMU's simple trace format, which is older than the first pflash "
            "event and can hold none; record it with QEMU 3.0 or later"
        )
    if version > _VERSION:
        raise InputError(f"{name}: is in version {version} of QEMU's simple trace format; this program reads version 4")
    return big


def _begins(head: bytes) -> bool:
    return head.startswith(MAGICS)


def _open(source: Source, path: str, head: bytes, options: ReadOptions) -> TraceReader:
    if not _begins(head):
        raise InputError(f"{source.name}: does not begin as QEMU's simple trace format does; leave out --input-format")
    from tracetool.ingest.simple import SimpleTrace

    big = byte_order(head, source.name)
    order = "big" if big else "little"
    reason = f"QEMU's simple trace format, version 4, {order}-endian, by its first bytes"
    meta = TraceMeta(path, source.name, format="simple", reason=reason, compression=source.compression)
    return SimpleTrace(meta, big, source.as_stream(), options)


FORMAT = TraceFormat("simple", "simple", "record", _begins, _open)
