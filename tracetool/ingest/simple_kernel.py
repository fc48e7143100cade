"""Hot loop over the records of a trace of QEMU's simple backend.

Plain Python, compiled with the types of the `.pxd`. `simple_buffers` fills the tables and takes the rows.

Ref: QEMU docs/devel/tracing.rst, "Simpletrace", version 4 of the format; checked on traces of real QEMUs. A record
is a 64-bit type, then for type 1 an event: id 64 bits, time 64, length 32, pid 32, arguments; the length counts from
the id on. An argument is a 64-bit number or a string: length 32, bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.ingest import octets
from tracetool.ingest.names import LONGEST_DEVICE, Refusal
from tracetool.ingest.simple_codes import (
    EVENT_HEAD,
    HEAD,
    LEAST_VALUE,
    LONGEST,
    LONGEST_PFLASH,
    LOST,
    TIME_BITS,
    VALUE_BITS,
    Field,
    Id,
    Reason,
    Stop,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.ingest.interning import StringTable

    Integers = memoryview[int]
    """Buffer of integers of the type in the `.pxd`."""

__all__ = ["Reader", "Rows", "Tables", "walk"]


class Tables:
    """Event catalogue as tables: arrays of integers by variant, then by argument.

    Attributes:
        variant_kind: position in the catalogue; variants of one event are adjacent.
        variant_last: 1 for the last variant of an event.
        variant_first: first argument.
        variant_strings: number of string arguments, which come first.
        variant_numbers: number of integer arguments.
        variant_era: group of releases, where others have events of the same shape; 0: any.
        field: `Field` of the argument.
        forbidden: mask of the bits that must be 0, except in a sign-extended value.
        allowed: for a size, mask of the valid sizes; 0: all.
    """

    def __init__(self, variants: Sequence[Integers], fields: Sequence[Integers]) -> None:
        (
            self.variant_kind,
            self.variant_last,
            self.variant_first,
            self.variant_strings,
            self.variant_numbers,
            self.variant_era,
        ) = variants
        self.field, self.forbidden, self.allowed = fields


class Rows:
    """Columns of the events read.

    Attributes:
        count: filled rows.
        capacity: rows that fit.
        kinds: position of the event's variant in the catalogue.
        present: 1 for each position that occurs in `kinds`.
        times, processes: time and process of the event.
        wide, narrow, values: its integers, if it has them; `wide` and `narrow` hold the columns of `Field`, one after
            the other. A negative length is absent; counters are the bits of unsigned numbers.
        devices, texts: numbers of interned strings, 0 for none.
    """

    def __init__(self, capacity: int, columns: dict[str, Integers]) -> None:
        self.count = 0
        self.capacity = capacity
        self.kinds = columns["kinds"]
        self.present = columns["present"]
        self.times = columns["times"]
        self.processes = columns["processes"]
        self.wide = columns["wide"]
        self.narrow = columns["narrow"]
        self.values = columns["values"]
        self.devices = columns["devices"]
        self.texts = columns["texts"]


class Reader:
    """Cursor over the records.

    Args:
        data: buffer of the records.
        big: 1 for big-endian numbers.
        tables: event catalogue.
        losses: buffer for losses, three integers each.

    Attributes:
        rows, strings: columns of the events and interned strings, set for each chunk.
        names: `Id` by event id, or the sum of `Id.PFLASH` and the event's first variant.
        end: end of the records in the buffer, of which the last may be incomplete.
        position: next record.
        records: event records since the start of the trace.
        other: records of other events, and of losses, since the last reset to 0.
        losses: number of the record, row, and number of lost events.
        lost: losses recorded.
        reason: why the event at the position is invalid.
        era: group of releases identified by the events so far, 0 for none.
        device: number of the last event's device, 0 for none.
        device_start, device_length: span of its name in the pool of the strings.
    """

    def __init__(self, data: bytearray, big: int, tables: Tables, losses: Integers) -> None:
        self.data = data
        self.big = big
        self.tables = tables
        self.losses = losses
        self.rows: Rows
        self.strings: StringTable
        self.names: Integers
        self.end = 0
        self.position = 0
        self.records = 0
        self.other = 0
        self.lost = 0
        self.reason = 0
        self.era = 0
        self.device = 0
        self.device_start = 0
        self.device_length = 0


# --- events ------------------------------------------------------------------------------------------------------


def _fits(reader: Reader, at: int, end: int, variant: int) -> bool:
    """True if the arguments have exactly the layout of a variant."""
    for _ in range(reader.tables.variant_strings[variant]):
        if at + 4 > end:
            return False
        at += 4 + octets.load32(reader.data, at, reader.big)
    return at + 8 * reader.tables.variant_numbers[variant] == end


def _put_string(reader: Reader, field: int, at: int, length: int) -> int:
    """Store a device or text in the next row; return `Stop.MORE`, or `FULL` or `DAMAGED` on failure."""
    number = reader.strings.intern(reader.data, at, length)
    if number == Refusal.UNPRINTABLE or (field == Field.DEVICE and length > LONGEST_DEVICE):
        reader.reason = Reason.TEXT
        return Stop.DAMAGED
    if number == Refusal.NO_ROOM:
        return Stop.FULL
    if field == Field.DEVICE:
        reader.device = number
        reader.device_start = reader.strings.ends[number - 1]
        reader.device_length = length
        reader.rows.devices[reader.rows.count] = number
    else:
        reader.rows.texts[reader.rows.count] = number
    return Stop.MORE


def _is_last_device(reader: Reader, at: int, length: int) -> bool:
    """True if the bytes are the name of the last event's device."""
    return (
        reader.device > 0
        and length == reader.device_length
        and octets.same_bytes(reader.data, at, reader.strings.pool, reader.device_start, length)
    )


def _put_number(tables: Tables, rows: Rows, argument: int, value: int) -> bool:
    """Store a number in the next row; False if it is invalid for the argument."""
    field, row = tables.field[argument], rows.count
    if value & tables.forbidden[argument] != 0 and not (field == Field.VALUE and LEAST_VALUE <= value < 0):
        return False
    if field <= Field.SHOWN:
        rows.wide[field * rows.capacity + row] = value
    elif field <= Field.WCYCLE:
        rows.narrow[(field - Field.SIZE) * rows.capacity + row] = value
        return tables.allowed[argument] == 0 or tables.allowed[argument] >> value & 1 != 0
    elif field == Field.VALUE:
        rows.values[row] = value & VALUE_BITS
    elif field == Field.END:
        span = value - rows.wide[Field.OFFSET * rows.capacity + row]
        rows.wide[Field.LENGTH * rows.capacity + row] = span + 1 if 0 <= span < TIME_BITS else -1
    elif field == Field.DIGITS:
        rows.narrow[row] = value >> 1
        return tables.allowed[argument] >> value & 1 != 0
    return True


def _arguments(reader: Reader, at: int, variant: int) -> int:
    """Read the arguments of an event into the next row; return `Stop.MORE`, or `FULL` or `DAMAGED` on failure."""
    argument = reader.tables.variant_first[variant]
    reader.rows.devices[reader.rows.count] = reader.device
    reader.rows.texts[reader.rows.count] = 0
    for _ in range(reader.tables.variant_strings[variant]):
        field, length = reader.tables.field[argument], octets.load32(reader.data, at, reader.big)
        at += 4
        if field != Field.DEVICE or not _is_last_device(reader, at, length):
            result = _put_string(reader, field, at, length)
            if result != Stop.MORE:
                return result
        at += length
        argument += 1
    for i in range(reader.tables.variant_numbers[variant]):
        value = octets.load64(reader.data, at + 8 * i, reader.big)
        if not _put_number(reader.tables, reader.rows, argument + i, value):
            reader.reason = Reason.RANGE
            return Stop.DAMAGED
    return Stop.MORE


def _event(reader: Reader, at: int, end: int, variant: int) -> int:
    """Read a pflash event as the first matching variant, from `variant` on."""
    if reader.rows.count >= reader.rows.capacity:
        return Stop.FULL
    reader.reason = Reason.ARGUMENTS
    result = _read_as(reader, at, end, variant)
    while result == Stop.DAMAGED and reader.tables.variant_last[variant] == 0:
        variant += 1
        result = _read_as(reader, at, end, variant)
    return result


def _read_as(reader: Reader, at: int, end: int, variant: int) -> int:
    """Read an event as a variant; return `Stop.MORE`, or `FULL` or `DAMAGED` on failure."""
    era = reader.tables.variant_era[variant]
    if (era not in (0, reader.era) and reader.era != 0) or not _fits(reader, at + EVENT_HEAD, end, variant):
        return Stop.DAMAGED
    result = _arguments(reader, at + EVENT_HEAD, variant)
    if result == Stop.MORE:
        _finish(reader, at, variant)
        if era != 0:
            reader.era = era
    return result


def _finish(reader: Reader, at: int, variant: int) -> int:
    """Complete the next row, whose arguments have been read."""
    row = reader.rows.count
    kind = reader.tables.variant_kind[variant]
    reader.rows.kinds[row] = kind
    reader.rows.present[kind] = 1
    reader.rows.times[row] = octets.load64(reader.data, at + 8, reader.big) & TIME_BITS
    reader.rows.processes[row] = octets.load32(reader.data, at + 20, reader.big)
    reader.rows.count = row + 1
    return 0


def _loss(reader: Reader, at: int, length: int) -> int:
    """Read a record that counts lost events."""
    if length != EVENT_HEAD + 8:
        return Stop.BROKEN
    place = 3 * reader.lost
    if place >= len(reader.losses):
        return Stop.FULL
    reader.losses[place] = reader.records + 1
    reader.losses[place + 1] = reader.rows.count
    reader.losses[place + 2] = octets.load64(reader.data, at + EVENT_HEAD, reader.big) & VALUE_BITS
    reader.lost += 1
    reader.other += 1
    return Stop.MORE


# --- records -----------------------------------------------------------------------------------------------------


def _name_of(reader: Reader, number: int) -> int:
    """Look an event id up in the names."""
    return reader.names[number] if 0 <= number < len(reader.names) else Id.UNNAMED


def _record(reader: Reader, at: int, length: int) -> int:
    """Read an event record of any kind."""
    number = octets.load64(reader.data, at, reader.big)
    if number == LOST:
        return _loss(reader, at, length)
    name = _name_of(reader, number)
    if name >= Id.PFLASH:
        return _event(reader, at, at + length, name - Id.PFLASH)
    if name == Id.UNNAMED:
        reader.reason = Reason.UNNAMED
        return Stop.DAMAGED
    reader.other += 1
    return Stop.MORE


def _is_long(reader: Reader, at: int, length: int) -> bool:
    """True if a record may be longer than those of pflash events."""
    return length <= LONGEST and _name_of(reader, octets.load64(reader.data, at, reader.big)) < Id.PFLASH


def _next(reader: Reader) -> int:
    """Read the record at the position and advance; return `Stop.MORE`, or the reason of a failure."""
    at = reader.position + HEAD
    if at > reader.end:
        return Stop.MORE
    kind = octets.load64(reader.data, reader.position, reader.big)
    if kind != 1:
        return Stop.MAPPING if kind == 0 else Stop.BROKEN
    if at + EVENT_HEAD > reader.end:
        return Stop.MORE
    length = octets.load32(reader.data, at + 16, reader.big)
    if length < EVENT_HEAD or (length > LONGEST_PFLASH and not _is_long(reader, at, length)):
        return Stop.BROKEN
    if at + length > reader.end:
        return Stop.MORE
    result = _record(reader, at, length)
    if result == Stop.MORE:
        reader.records += 1
        reader.position = at + length
    return result


def walk(reader: Reader) -> int:
    """Read complete records from the position on; return the reason of the stop."""
    before = reader.position
    result = _next(reader)
    while result == Stop.MORE and reader.position != before:
        before = reader.position
        result = _next(reader)
    return result
