"""The hot loop over the records of a trace of QEMU's simple backend.

Written in the part of Python that numba compiles (see `replay.compiling`), over integers and flat arrays; it runs
plainly on bytes and lists too. `simple` fills the tables, calls it, and takes what it collected.

Ref: QEMU docs/devel/tracing.rst, "Simpletrace", version 4 of the format; checked on traces of real QEMUs. A record
is a 64-bit type, then for type 1 an event: id 64 bits, time 64, length 32, pid 32, arguments; the length counts from
the id on. An argument is a 64-bit number or a string: length 32, bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from replay.pointers import bytes_at, integers_at
from tracetool.ingest.byte_kernel import are_printable, hash_bytes, load32, same_bytes

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from tracetool.ingest.byte_kernel import Octets

__all__ = ["Room", "Tables", "walk", "walk_at"]

# --- what `walk` returns -----------------------------------------------------------------------------------------
MORE = 0  # the record at the position is not all there
MAPPING = 1  # the record at the position gives an event's name
FULL = 2  # no room for another row, string or loss
DAMAGED = 3  # the record at the position is an event that cannot be; carry[WHY] says why
BROKEN = 4  # what stands at the position is no record

# --- Room.carry --------------------------------------------------------------------------------------------------
POSITION = 0
ROWS = 1  # rows filled
OTHER = 2  # records of other events, and of losses
RECORDS = 3  # all event records since the trace began
LOSSES = 4  # losses noted
STRINGS = 5  # strings interned
POOL = 6  # bytes of them
WHY = 7
ERA = 8  # releases whose events have been met, where others have events of the same shape; 0: none
ROOM_ROWS = 9  # room for rows, strings, bytes of them and losses, and how many ids `Tables.names` has
ROOM_STRINGS = 10
ROOM_POOL = 11
ROOM_LOSSES = 12
ROOM_NAMES = 13
SLOT_MASK = 14  # places in `Room.slots`, a power of two, less one
CARRY_SLOTS = 15

# --- why an event cannot be --------------------------------------------------------------------------------------
WHY_ARGUMENTS = 1
WHY_RANGE = 2
WHY_TEXT = 3
WHY_UNNAMED = 4

# --- fields: what an argument is; the numbers below NUMBERS are columns of `Room.numbers` ------------------------
NUMBERS = 8
OFFSET, SIZE, VALUE, COMMAND, WCYCLE, COUNTER, LENGTH, REGION = range(NUMBERS)
DEVICE = 8
TEXT = 9
SHOWN = 10  # a number that goes into the text as it is printed; kept in `Room.shown`
END = 11  # offset + length - 1
READ_ONLY = 12  # 1 or 0; kept in `Room.shown`
DIGITS = 13  # twice the size of an access
DROP = 14
ACCESS = 15  # the size of an access

# --- Tables.names ------------------------------------------------------------------------------------------------
UNNAMED = 0
ANOTHER = 1  # an event that is not of pflash
FIRST_GROUP = 2

HEAD = 8  # bytes of a record's type
EVENT_HEAD = 24
LONGEST = 1 << 16  # of a record; QEMU's own buffer for one is no larger
LONGEST_PFLASH = 1200  # of a pflash event: QEMU cuts a string at 512 bytes, and no event has more than two
LONGEST_DEVICE = 255
NO_ROOM = 0
NO_TEXT = -1
LOST_LOW, LOST_HIGH = 0xFFFF_FFFE, 0xFFFF_FFFF  # the id of a record that counts lost events
ALL_ONES = 0xFFFF_FFFF
SIGN = 0x8000_0000
_BYTE = 0xFF
_FARTHEST = (1 << 63) - 1


class Tables(NamedTuple):
    """What the ids of the trace mean. Integers.

    `names` gives for each id `UNNAMED`, `ANOTHER` or `FIRST_GROUP` and more; `groups` for each group the first of
    its variants and how many they are; `variants` for each its place in the catalogue, its first field, how many they
    are and the releases that have it, 0 where that needs not be known; `fields` what each argument is.
    """

    names: Sequence[int]
    groups: Sequence[int]
    variants: Sequence[int]
    fields: Sequence[int]


class Room(NamedTuple):
    """Where rows go. Integers.

    `kinds` (places in the catalogue), `times`, `threads` and `shown` have an entry a row, `numbers` one a row and
    column, column after column, `words` the string's number of the device and then that of the text, 0 for none.
    Strings are bytes in `pool`, with their ends after a 0 in `ends`; `slots` is a hash table of them. `losses` are
    number of the record, row and how many.
    """

    kinds: MutableSequence[int]
    times: MutableSequence[int]
    threads: MutableSequence[int]
    numbers: MutableSequence[int]
    shown: MutableSequence[int]
    words: MutableSequence[int]
    pool: Octets
    ends: MutableSequence[int]
    slots: MutableSequence[int]
    losses: MutableSequence[int]
    carry: MutableSequence[int]


# --- numbers -----------------------------------------------------------------------------------------------------


def _low(data: Octets, at: int, big: int) -> int:
    """The low half of the 64-bit number at a place."""
    return load32(data, at + 4 if big else at, big)


def _high(data: Octets, at: int, big: int) -> int:
    return load32(data, at if big else at + 4, big)


def _join(high: int, low: int) -> int:
    """The signed 64-bit number of two halves."""
    return (high - ((high & SIGN) << 1)) << 32 | low


def _in_range(field: int, low: int, high: int) -> bool:  # noqa: PLR0911  one for each kind of number
    """Whether a number fits its column. A 32-bit value may have been extended by its sign."""
    if field in (COUNTER, SHOWN, DROP):
        return True
    if field in (OFFSET, LENGTH, REGION, END):
        return high < SIGN
    if field == VALUE:
        return high == 0 or (high == ALL_ONES and low >= SIGN)
    if field == READ_ONLY:
        return high == 0 and low <= 1
    if field == ACCESS:
        return high == 0 and low in (1, 2, 4)
    if field == DIGITS:
        return high == 0 and low in (2, 4, 8)
    return high == 0 and low <= _BYTE


def _put_number(room: Room, row: int, field: int, low: int, high: int) -> None:
    rows = room.carry[ROOM_ROWS]
    if field == VALUE:
        room.numbers[field * rows + row] = low
    elif field < NUMBERS:
        room.numbers[field * rows + row] = _join(high, low)
    elif field == END:
        span = _join(high, low) - room.numbers[OFFSET * rows + row]
        room.numbers[LENGTH * rows + row] = span + 1 if 0 <= span < _FARTHEST else -1
    elif field == ACCESS:
        room.numbers[SIZE * rows + row] = low
    elif field == DIGITS:
        room.numbers[SIZE * rows + row] = low // 2
    elif field in (SHOWN, READ_ONLY):
        room.shown[row] = _join(high, low)


# --- strings -----------------------------------------------------------------------------------------------------


def _intern(data: Octets, at: int, length: int, room: Room) -> int:
    """The number of a string, from 1 on; `NO_ROOM`, or `NO_TEXT` where it has control characters."""
    carry, slots, ends = room.carry, room.slots, room.ends
    slot = hash_bytes(data, at, length) & carry[SLOT_MASK]
    while slots[slot]:
        number = slots[slot]
        start = ends[number - 1]
        if ends[number] - start == length and same_bytes(data, at, room.pool, start, length):
            return number
        slot = (slot + 1) & carry[SLOT_MASK]
    if not are_printable(data, at, length):
        return NO_TEXT
    if carry[STRINGS] >= carry[ROOM_STRINGS] or carry[POOL] + length > carry[ROOM_POOL]:
        return NO_ROOM
    for i in range(length):
        room.pool[carry[POOL] + i] = data[at + i]
    carry[POOL] += length
    carry[STRINGS] += 1
    ends[carry[STRINGS]] = carry[POOL]
    slots[slot] = carry[STRINGS]
    return carry[STRINGS]


# --- events ------------------------------------------------------------------------------------------------------


def _fits(data: Octets, at: int, end: int, tables: Tables, first: int, count: int, big: int) -> bool:
    """Whether the arguments are just those of a variant."""
    for i in range(first, first + count):
        if tables.fields[i] in (DEVICE, TEXT):
            if at + 4 > end:
                return False
            at += 4 + load32(data, at, big)
        else:
            at += 8
    return at == end


def _arguments(data: Octets, at: int, tables: Tables, first: int, count: int, big: int, room: Room) -> int:
    """Read the arguments of an event into the next row; `MORE` where all is well, else `FULL` or `DAMAGED`."""
    carry, rows, row = room.carry, room.carry[ROOM_ROWS], room.carry[ROWS]
    room.words[row] = 0
    room.words[rows + row] = 0
    for i in range(first, first + count):
        field = tables.fields[i]
        if field in (DEVICE, TEXT):
            length = load32(data, at, big)
            at += 4
            number = _intern(data, at, length, room)
            if number == NO_TEXT or (field == DEVICE and length > LONGEST_DEVICE):
                carry[WHY] = WHY_TEXT
                return DAMAGED
            if number == NO_ROOM:
                return FULL
            room.words[(field - DEVICE) * rows + row] = number
            at += length
        else:
            low, high = _low(data, at, big), _high(data, at, big)
            at += 8
            if not _in_range(field, low, high):
                carry[WHY] = WHY_RANGE
                return DAMAGED
            _put_number(room, row, field, low, high)
    return MORE


def _event(data: Octets, at: int, end: int, group: int, tables: Tables, big: int, room: Room) -> int:
    """A pflash event, by the first variant of its group that the arguments fit."""
    carry, variants = room.carry, tables.variants
    if carry[ROWS] >= carry[ROOM_ROWS]:
        return FULL
    carry[WHY] = WHY_ARGUMENTS
    first = tables.groups[2 * group]
    for i in range(first, first + tables.groups[2 * group + 1]):
        field, count, era = variants[4 * i + 1], variants[4 * i + 2], variants[4 * i + 3]
        if era and carry[ERA] and era != carry[ERA]:
            continue
        if _fits(data, at + EVENT_HEAD, end, tables, field, count, big):
            result = _arguments(data, at + EVENT_HEAD, tables, field, count, big, room)
            if result == FULL:
                return FULL
            if result == MORE:
                row = carry[ROWS]
                room.kinds[row] = variants[4 * i]
                room.times[row] = (_high(data, at + 8, big) & ~SIGN) << 32 | _low(data, at + 8, big)
                room.threads[row] = load32(data, at + 20, big)
                carry[ROWS] += 1
                carry[ERA] = era or carry[ERA]
                return MORE
    return DAMAGED


def _loss(data: Octets, at: int, length: int, big: int, room: Room) -> int:
    """A record that counts lost events."""
    carry, at_loss = room.carry, 3 * room.carry[LOSSES]
    if length != EVENT_HEAD + 8:
        return BROKEN
    if carry[LOSSES] >= carry[ROOM_LOSSES]:
        return FULL
    room.losses[at_loss] = carry[RECORDS] + 1
    room.losses[at_loss + 1] = carry[ROWS]
    room.losses[at_loss + 2] = _low(data, at + EVENT_HEAD, big)
    carry[LOSSES] += 1
    carry[OTHER] += 1
    return MORE


def _name_of(data: Octets, at: int, tables: Tables, big: int, room: Room) -> int:
    """What the tables say of the id at a place."""
    low = _low(data, at, big)
    if _high(data, at, big) or low >= room.carry[ROOM_NAMES]:
        return UNNAMED
    return tables.names[low]


def _record(data: Octets, at: int, length: int, tables: Tables, big: int, room: Room) -> int:
    """An event record, whatever it is of."""
    if _high(data, at, big) == LOST_HIGH and _low(data, at, big) == LOST_LOW:
        return _loss(data, at, length, big, room)
    name = _name_of(data, at, tables, big, room)
    if name == UNNAMED:
        room.carry[WHY] = WHY_UNNAMED
        return DAMAGED
    if name == ANOTHER:
        room.carry[OTHER] += 1
        return MORE
    return _event(data, at, at + length, name - FIRST_GROUP, tables, big, room)


def walk_at(address: int, end: int, big: int) -> int:
    """`walk` in compiled code: at `address` stand those of the data, the tables' and the room's arrays."""
    addresses = integers_at(address)
    tables = Tables(
        integers_at(addresses[1]), integers_at(addresses[2]), integers_at(addresses[3]), integers_at(addresses[4])
    )
    room = Room(
        kinds=integers_at(addresses[5]),
        times=integers_at(addresses[6]),
        threads=integers_at(addresses[7]),
        numbers=integers_at(addresses[8]),
        shown=integers_at(addresses[9]),
        words=integers_at(addresses[10]),
        pool=bytes_at(addresses[11]),
        ends=integers_at(addresses[12]),
        slots=integers_at(addresses[13]),
        losses=integers_at(addresses[14]),
        carry=integers_at(addresses[15]),
    )
    return walk(bytes_at(addresses[0]), end, big, tables, room)


def walk(data: Octets, end: int, big: int, tables: Tables, room: Room) -> int:  # noqa: PLR0911  why it stops
    """Read records from carry[POSITION] on, as far as `end`; returns why it stopped there.

    `big` is 1 where numbers have their high byte first.
    """
    carry = room.carry
    while True:
        at = carry[POSITION]
        if at + HEAD > end:
            return MORE
        kind = _low(data, at, big)
        if kind > 1 or _high(data, at, big):
            return BROKEN
        if kind == 0:
            return MAPPING
        at += HEAD
        if at + EVENT_HEAD > end:
            return MORE
        length = load32(data, at + 16, big)
        if length < EVENT_HEAD or length > LONGEST:
            return BROKEN
        if length > LONGEST_PFLASH and _name_of(data, at, tables, big, room) >= FIRST_GROUP:
            return BROKEN
        if at + length > end:
            return MORE
        result = _record(data, at, length, tables, big, room)
        if result != MORE:
            return result
        carry[RECORDS] += 1
        carry[POSITION] = at + length
