"""Fault tolerant write: the working block with its queue of writes, as edk2's driver reads it, on any bytes.

Ref: edk2 MdeModulePkg/Include/Guid/SystemNvDataGuid.h and FaultTolerantWriteDxe; the order of the steps and the rules
by which a queue is read were seen in boots of AAVMF and OVMF 2022.11 and 2025.02. Flags are active low.
"""

from __future__ import annotations

import struct
import zlib
from enum import IntFlag
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from tracetool.uefi.volume import WORKING_GUID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.uefi.variables import Read

__all__ = ["Queue", "QueuedWrite", "WorkingHeader", "WriteFlag", "WriteRecord", "read_queue", "read_working_header"]

_WORKING = struct.Struct("<16sIB3sQ")
_WRITE = struct.Struct("<B3s16s4xQQ")
_RECORD = struct.Struct("<B7xQQQq")

WORKING_BYTES = _WORKING.size
WRITE_BYTES = _WRITE.size
RECORD_BYTES = _RECORD.size

_VALID = 0xFE
_MOST_WRITES = 1 << 16
"""Writes of one header that are read; the driver writes 1."""


class WriteFlag(IntFlag):
    """Bits of a write header; each holds where it is 0."""

    HEADER_ALLOCATED = 0x01
    WRITES_ALLOCATED = 0x02
    COMPLETE = 0x04


class RecordFlag(IntFlag):
    """Bits of a record; each holds where it is 0."""

    BOOT_BLOCK = 0x01
    SPARE_COMPLETE = 0x02
    DESTINATION_COMPLETE = 0x04


class WorkingHeader(NamedTuple):
    """Header of the working block; `sound` where the driver accepts it and reads the queue."""

    offset: int
    crc: int
    flags: int
    queue_bytes: int
    sound: bool

    @property
    def queue_offset(self) -> int:
        """Offset of the first write header."""
        return self.offset + WORKING_BYTES


class WriteRecord(NamedTuple):
    """One write: `length` bytes at `block_offset` of block `lba`, taken from the spare."""

    offset: int
    flags: int
    lba: int
    block_offset: int
    length: int
    target_minus_spare: int

    @property
    def spare_complete(self) -> bool:
        """True once the spare holds all of the write."""
        return not self.flags & RecordFlag.SPARE_COMPLETE

    @property
    def destination_complete(self) -> bool:
        """True once the target holds it."""
        return not self.flags & RecordFlag.DESTINATION_COMPLETE


class QueuedWrite(NamedTuple):
    """A write header and its records."""

    offset: int
    flags: int
    caller: UUID
    writes: int
    private_bytes: int
    records: tuple[WriteRecord, ...]

    @property
    def allocated(self) -> bool:
        """True once the driver uses the header."""
        return not self.flags & WriteFlag.HEADER_ALLOCATED

    @property
    def complete(self) -> bool:
        """True where the driver skips the write: it is done or given up."""
        return not self.flags & WriteFlag.COMPLETE

    @property
    def end(self) -> int:
        """Offset of the next write header."""
        return self.offset + WRITE_BYTES + self.writes * (RECORD_BYTES + self.private_bytes)


class Queue(NamedTuple):
    """The working block and its writes in order; the last may be one that is not complete."""

    header: WorkingHeader
    writes: tuple[QueuedWrite, ...]

    @property
    def pending(self) -> QueuedWrite | None:
        """The write that a boot would finish: its spare is complete, its target is not; None: there is none."""
        last = self.writes[-1] if self.writes else None
        if last is None or last.complete or not last.records:
            return None
        record = next((record for record in last.records if not record.destination_complete), last.records[-1])
        return last if record.spare_complete and not record.destination_complete else None


def read_working_header(read: Read, offset: int, working_bytes: int) -> WorkingHeader | None:
    """Read the header of a working block of `working_bytes`; None without its GUID at the offset."""
    raw = read(offset, WORKING_BYTES)
    if raw is None or raw[:16] != WORKING_GUID:
        return None
    _, crc, flags, padding, queue_bytes = _WORKING.unpack(raw)
    expected = zlib.crc32(raw[:16] + b"\xff" * 8 + raw[24:])
    sound = crc == expected and flags == _VALID and padding == b"\xff\xff\xff"
    return WorkingHeader(offset, crc, flags, queue_bytes, sound and queue_bytes == working_bytes - WORKING_BYTES)


def read_queue(read: Read, header: WorkingHeader, end: int) -> Queue:
    """Read the writes of a working block that ends at `end`, up to the first that is not complete."""
    return Queue(header, tuple(_writes(read, header.queue_offset, end)))


def _writes(read: Read, offset: int, end: int) -> Iterator[QueuedWrite]:
    while offset + WRITE_BYTES <= end:
        raw = read(offset, WRITE_BYTES)
        if raw is None or raw[0] & WriteFlag.HEADER_ALLOCATED:
            return
        flags, _, caller, writes, private = _WRITE.unpack(raw)
        write = QueuedWrite(offset, flags, UUID(bytes_le=caller), writes, private, ())
        write = write._replace(records=tuple(_records(read, write, end)))
        yield write
        if not write.complete:
            return
        offset = write.end


def _records(read: Read, write: QueuedWrite, end: int) -> Iterator[WriteRecord]:
    """Iterate over the records of a write that lie in the working block: a power cut can leave any count."""
    stride = RECORD_BYTES + write.private_bytes
    for number in range(min(write.writes, _MOST_WRITES)):
        offset = write.offset + WRITE_BYTES + number * stride
        raw = read(offset, RECORD_BYTES) if offset + RECORD_BYTES <= end else None
        if raw is None:
            return
        yield WriteRecord(offset, *_RECORD.unpack(raw))
