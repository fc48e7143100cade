"""Fault tolerant write: the open write of the queue is dropped, or carried out from the spare (W1 to W8).

Ref: edk2 MdeModulePkg/Universal/FaultTolerantWriteDxe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tracetool.uefi.boot.contents import keeping_last
from tracetool.uefi.boot.steps import Rule, Trail
from tracetool.uefi.ftw import (
    RECORD_BYTES,
    WORKING_BYTES,
    WRITE_BYTES,
    RecordFlag,
    WriteFlag,
    read_queue,
    read_working_header,
)

if TYPE_CHECKING:
    from replay.pages import Pages
    from tracetool.uefi.boot.contents import Contents
    from tracetool.uefi.boot.firmware import Firmware
    from tracetool.uefi.ftw import QueuedWrite, WriteRecord

__all__ = [
    "Finished",
    "append_write",
    "copy_of_spare",
    "empty_queue",
    "finish_writes",
    "has_queue",
    "pending_write",
    "queue_is_full",
    "target_of",
]

_LEAST_BYTES = WRITE_BYTES + RECORD_BYTES
_POINTERS = 1 << 64
_AAVMF_FLASH_BYTES = 64 << 20
_COMPLETED_WRITE = bytes.fromhex(
    "f8ffffff 76ea5cfe724fe849986f2cd899dffe5d ffffffff 0100000000000000 0000000000000000"
    "f9ffffffffffffff 0000000000000000 4800000000000000 b8ff030000000000"
)
"""A reclaim of the store, but for the distance of target and spare (i64), as it stands in the queue afterwards."""


class Finished(NamedTuple):
    """Result of the driver's start: whether it wrote the store anew, and whether it ended in an exception."""

    recovered: bool = False
    crashed: bool = False


class _Last(NamedTuple):
    """End of the queue: the open write or None, the offset in the block of its header or of the next one.

    `behind` is the offset behind the last write, by its unchecked counts, in the driver's 64 bits; `tail_erased` is
    True where nothing is programmed from there on.
    """

    write: QueuedWrite | None
    offset: int
    behind: int
    tail_erased: bool

    @property
    def record(self) -> WriteRecord | None:
        """The record that the driver goes by."""
        records = self.write.records if self.write else ()
        return next((record for record in records if not record.destination_complete), records[-1] if records else None)


@keeping_last
def _last(working: Pages) -> _Last:
    header = read_working_header(working.read, 0, len(working))
    writes = read_queue(working.read, header, len(working)).writes if header else ()
    last = writes[-1] if writes else None
    if last is None or last.complete:
        behind = offset = last.end if last else WORKING_BYTES
        return _Last(None, offset, behind, working.is_erased(behind, len(working)))
    behind = last.offset + (WRITE_BYTES + last.writes * (RECORD_BYTES + last.private_bytes)) % _POINTERS
    return _Last(last, last.offset, behind, working.is_erased(behind, len(working)))


def empty_queue(contents: Contents, firmware: Firmware, open_write: bytes = b"") -> None:
    """Make the queue anew, with the open write alone."""
    contents.erase(firmware.working, firmware.spare)
    contents.write(firmware.working, firmware.queue_header + open_write)


def _queue(contents: Contents, firmware: Firmware) -> _Last:
    return _last(contents.region(firmware.working, firmware.working_bytes))


def has_queue(contents: Contents, firmware: Firmware) -> bool:
    """True where the working block is valid."""
    return contents.part(firmware.working, WORKING_BYTES) == firmware.queue_header


def pending_write(contents: Contents, firmware: Firmware) -> WriteRecord | None:
    """The record of a write that waits in the spare; None: there is none."""
    record = _queue(contents, firmware).record if has_queue(contents, firmware) else None
    return record if record and record.spare_complete and not record.destination_complete else None


def finish_writes(contents: Contents, firmware: Firmware, trail: Trail) -> Finished:
    """Start the driver: settle the queue, and write the store from the spare where that is waiting."""
    _settle_header(contents, firmware, trail)
    last = _queue(contents, firmware)
    if firmware.working_bytes - last.offset < _LEAST_BYTES:
        trail.note(Rule.W2)
        last = _start_anew(contents, firmware, last, trail)
    dropped = _drop(contents, firmware, last, trail)
    if last.behind > firmware.working_bytes:
        trail.note(Rule.W6, "the counts of a torn write lead out of the working block: the boot ends in an exception")
        return Finished(crashed=True)
    if not last.tail_erased:
        trail.note(Rule.W6)
        last = _start_anew(contents, firmware, None if dropped else last, trail)
    if last.record is None or dropped or not last.record.spare_complete:
        return Finished()
    return Finished(recovered=_recover(contents, firmware, last, last.record, trail))


def _settle_header(contents: Contents, firmware: Firmware, trail: Trail) -> None:
    """Take a torn working block from the spare, or make a new, empty one."""
    if has_queue(contents, firmware):
        trail.note(Rule.W1)
        return
    if contents.part(firmware.spare, WORKING_BYTES) != firmware.queue_header:
        trail.note(Rule.W1)
        empty_queue(contents, firmware)
        return
    # An open write loses its spare to this copy, so it is marked complete.
    trail.note(Rule.W1)
    contents.write(firmware.working, contents.region(firmware.spare, firmware.working_bytes))
    last = _queue(contents, firmware)
    if last.write is not None:
        contents.clear_bits(firmware.working + last.offset, WriteFlag.COMPLETE)


def _drop(contents: Contents, firmware: Firmware, last: _Last, trail: Trail) -> bool:
    """Mark the open write complete where its spare is not complete, or its destination is; True where it was."""
    write, record = last.write, last.record
    if write is None or record is None:
        return False
    if len(write.records) > 1:
        trail.note(Rule.W3, measured=False)
    first, final = record.offset == write.records[0].offset, record.offset == write.records[-1].offset
    if first and not record.spare_complete:
        trail.note(
            Rule.W4, "a fault-tolerant write was cut before its copy was complete: it is dropped, the old store stands"
        )
    elif final and record.destination_complete:
        trail.note(Rule.W5)
    else:
        return False
    contents.clear_bits(firmware.working + last.offset, WriteFlag.COMPLETE)
    return True


def _start_anew(contents: Contents, firmware: Firmware, last: _Last | None, trail: Trail) -> _Last:
    """Make the queue anew, with what is open at its `last`; it goes through the spare, whose contents come back."""
    trail.note(Rule.W8)
    open_write = b""
    if last is not None and last.write is not None:
        length = min(last.behind, firmware.working_bytes) - last.offset
        open_write = contents.part(firmware.working + last.offset, length)
    empty_queue(contents, firmware, open_write)
    return _queue(contents, firmware)


def _recover(contents: Contents, firmware: Firmware, last: _Last, record: WriteRecord, trail: Trail) -> bool:
    """Write the target's blocks from the spare; True where that is the store.

    A write that leads out of the flash is marked complete instead.
    """
    if record.destination_complete:
        return False
    header = firmware.working + last.offset
    target = target_of(record, firmware)
    if target is None:
        trail.note(Rule.W7, "a fault-tolerant write to another place waits in the spare", measured=False)
        contents.clear_bits(header, WriteFlag.COMPLETE)
        return False
    into_store = target.start < firmware.store_bytes
    place = "the store" if into_store else f"the flash from {target.start:#x} on"
    trail.note(
        Rule.W7, f"a fault-tolerant write was cut after its copy was complete: {place} is written from the spare"
    )
    contents.write(target.start, copy_of_spare(contents, firmware, target))
    contents.clear_bits(firmware.working + record.offset, RecordFlag.DESTINATION_COMPLETE)
    contents.clear_bits(header, WriteFlag.COMPLETE)
    contents.erase(firmware.spare, firmware.volume_bytes)
    return into_store


def target_of(record: WriteRecord, firmware: Firmware) -> range | None:
    """Offsets that a write from the spare goes to, in whole blocks; None where it is not carried out.

    AAVMF compares neither place nor size with the volume, and its flash is longer: damaged ones have it write beyond
    the volume, or copy what follows the spare to what follows the store, the queue included.
    """
    blocks = -(-(record.block_offset + record.length) // firmware.block_bytes) * firmware.block_bytes
    start = record.lba * firmware.block_bytes
    address = firmware.spare + record.target_minus_spare
    end = _AAVMF_FLASH_BYTES if firmware.formats_store else firmware.volume_bytes
    if not (blocks > 0 and max(firmware.spare, start) + blocks <= end and 0 <= address < firmware.volume_bytes):
        return None
    return range(start, start + blocks) if record.flags & RecordFlag.BOOT_BLOCK else None


def copy_of_spare(contents: Contents, firmware: Firmware, target: range) -> Pages:
    """What a write from the spare puts into its target, as far as that lies in the volume."""
    inside = min(len(target), max(firmware.volume_bytes - target.start, 0))
    return contents.region(firmware.spare, firmware.spare_bytes).resized(inside)


def queue_is_full(contents: Contents, firmware: Firmware) -> bool:
    """True where `append_write` has the queue start anew."""
    return firmware.working_bytes - _queue(contents, firmware).offset < 2 * _LEAST_BYTES


def append_write(contents: Contents, firmware: Firmware) -> None:
    """Leave a completed write in the queue, as a reclaim of the store does."""
    last = _queue(contents, firmware)
    if queue_is_full(contents, firmware):
        last = _start_anew(contents, firmware, last, Trail())
    distance = (-firmware.spare).to_bytes(8, "little", signed=True)
    contents.write(firmware.working + last.offset, _COMPLETED_WRITE + distance)
