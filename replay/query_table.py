"""CFI query table: what both command sets lay out alike.

Ref: JEDEC JESD68.01 "Common Flash Interface", query structure output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["query_table"]


def query_table(size: int, entries: Mapping[int, int | bytes]) -> bytearray:
    """Lay out entries by offset (an int is one byte) in a table of `size` bytes; all others read 0."""
    table = bytearray(size)
    for start, entry in entries.items():
        data = bytes([entry]) if isinstance(entry, int) else entry
        table[start : start + len(data)] = data
    return table
