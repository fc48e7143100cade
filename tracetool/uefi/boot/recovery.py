"""The commits that the firmware itself makes when it repairs a store, in which power may be cut again.

Ref: edk2 FaultTolerantWriteDxe and the flash drivers; the order of erases and programs as in the rules F1, F2 and W7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.columns import JournalKind
from replay.powercut import Commit
from tracetool.uefi.boot.contents import Contents
from tracetool.uefi.boot.order import Outcome
from tracetool.uefi.boot.steps import Rule
from tracetool.uefi.boot.write_queue import copy_of_spare, pending_write, target_of
from tracetool.uefi.ftw import WRITE_BYTES, RecordFlag, WriteFlag
from tracetool.uefi.volume import HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.uefi.boot.contents import Image
    from tracetool.uefi.boot.order import Boot

__all__ = ["recovery_commits"]

_UNIT = 128
"""Bytes of one program: AAVMF's write buffer. OVMF programs single bytes, of which these are every 128th."""


def recovery_commits(image: Image, boot: Boot) -> Iterator[Commit]:
    """Iterate over the commits of a repair: a format (F1, F2) or a write from the spare (W7), if there is one.

    Args:
        image: the flash before the boot.
        boot: that boot.
    """
    repair = _Repair(Contents(image, boot.firmware.volume_bytes), boot)
    if boot.outcome is Outcome.REFORMATTED or _formats(boot):
        yield from repair.format()
    elif Rule.W7 in boot.rules:
        yield from repair.write_from_spare()


def _formats(boot: Boot) -> bool:
    """True where OVMF erases the volume before its boot hangs."""
    return any(step.rule in (Rule.F1, Rule.F2, Rule.F4) and step.words for step in boot.steps)


class _Repair:
    """Contents under repair; each change is a commit."""

    def __init__(self, contents: Contents, boot: Boot) -> None:
        self._contents = contents
        self._firmware = boot.firmware

    def format(self) -> Iterator[Commit]:
        """Erase the volume block by block, and write its headers."""
        yield from self._erase(0, self._firmware.volume_bytes)
        headers = self._firmware.headers if self._firmware.formats_store else self._firmware.headers[:HEADER_BYTES]
        yield from self._program(0, headers)

    def write_from_spare(self) -> Iterator[Commit]:
        """Erase the target, write it from the spare, mark record and write complete, erase the spare."""
        firmware, record = self._firmware, pending_write(self._contents, self._firmware)
        target = None if record is None else target_of(record, firmware)
        if record is None or target is None:
            return
        copied = bytes(copy_of_spare(self._contents, firmware, target))
        yield from self._erase(target.start, target.start + len(copied))
        yield from self._program(target.start, copied)
        yield self._clear(firmware.working + record.offset, RecordFlag.DESTINATION_COMPLETE)
        yield self._clear(firmware.working + record.offset - WRITE_BYTES, WriteFlag.COMPLETE)
        yield from self._erase(firmware.spare, firmware.volume_bytes)

    def _clear(self, place: int, bit: int) -> Commit:
        return self._commit(JournalKind.PROGRAM, place, bytes([self._contents.part(place, 1)[0] & ~bit]))

    def _erase(self, start: int, end: int) -> Iterator[Commit]:
        block = self._firmware.block_bytes
        for offset in range(start, end, block):
            yield self._commit(JournalKind.ERASE, offset, b"\xff" * block)

    def _program(self, start: int, data: bytes) -> Iterator[Commit]:
        for offset in range(0, len(data), _UNIT):
            part = data[offset : offset + _UNIT]
            if part.strip(b"\xff"):
                yield self._commit(JournalKind.FLUSH, start + offset, part)

    def _commit(self, kind: JournalKind, offset: int, after: bytes) -> Commit:
        before = self._contents.part(offset, len(after))
        self._contents.write(offset, after)
        return Commit(0, offset, kind, offset, before, after, known=True)
