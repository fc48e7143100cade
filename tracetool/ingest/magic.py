"""How files of each format begin.

Ref: QEMU docs/devel/tracing.rst, "Simpletrace"; CTF 1.8.3, 5.1; Apache Parquet's format; POSIX.1-2017, pax.
"""

from __future__ import annotations

__all__ = ["CTF_STREAM", "PARQUET", "SIMPLE", "UTF16", "is_tar"]

SIMPLE = tuple(
    b"".join(word.to_bytes(8, order) for word in (0xFFFF_FFFF_FFFF_FFFF, 0xF2B1_77CB_0AA4_29B4))
    for order in ("little", "big")
)
"""QEMU's simple backend; the place in the tuple is 1 where numbers have their high byte first."""

CTF_STREAM = tuple((0xC1FC_1FC1).to_bytes(4, order) for order in ("little", "big"))
PARQUET = b"PAR1"
UTF16 = (b"\xff\xfe", b"\xfe\xff")

_TAR_AT, _TAR = 257, b"ustar"


def is_tar(head: bytes) -> bool:
    """Whether a file that begins like this, unpacked, is a tar archive."""
    return head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR
