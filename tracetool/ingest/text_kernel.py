"""The hot loop over the lines of a log: the canonical shapes of a line into rows, spans of all others.

Written in the part of Python that numba compiles (see `replay.compiling`), over integers and flat arrays; it runs
plainly on bytes and lists too. What a line may be is in the tables, which `text_room` makes of the catalogue; the
patterns of the parser define the format, and a line the kernel is not sure of is left to them.

The text ends in a newline, and nothing steps over a byte before it has been seen to be no newline: so every place
that is looked at lies in the text, and at most `word_kernel.REACH` bytes behind it are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from replay.pointers import bytes_at, integers_at
from tracetool.ingest.word_kernel import (
    WORD,
    decimal_run,
    decimal_value,
    hex_run,
    hex_value,
    load64,
    next_newline,
    spread,
    until_space,
)

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from tracetool.ingest.word_kernel import Octets

__all__ = ["Room", "Tables", "scan", "scan_at"]

# --- what `scan` returns -----------------------------------------------------------------------------------------
DONE = 0
FULL_ROWS = 1
FULL_SPANS = 2

# --- Room.carry --------------------------------------------------------------------------------------------------
POSITION = 0
LINE = 1  # number of the line at the position
ROWS = 2  # rows filled
SPANS = 3  # spans filled
STRINGS = 4  # strings interned
POOL = 5  # bytes of them
DEVICE_START = 6  # the device of the last event: where it is in the pool, its length and number
DEVICE_LENGTH = 7
DEVICE_NUMBER = 8
ROOM_ROWS = 9  # room for rows, spans, strings, bytes of them
ROOM_SPANS = 10
ROOM_STRINGS = 11
ROOM_POOL = 12
SLOT_MASK = 13  # places in `Room.slots`, a power of two, less one
NAME_MASK = 14  # likewise in `Tables.names`
LAST_START = 15  # where the line of the last row begins
SHAPES = 16  # rows of each shape; four places
CARRY_SLOTS = 20

# --- shapes ------------------------------------------------------------------------------------------------------
BARE, PID_TIME, ISO8601, FTRACE = range(4)

# --- Tables.steps ------------------------------------------------------------------------------------------------
END_OF_LINE = 0
HEXADECIMAL = 1
DECIMAL = 2
TEXT_TO_END = 3
ACCESS_SIZE = 4  # one of the sizes that an access can have, of one digit
STEP = 4  # numbers a step: the literal before it, what it is, the number's column, how many digits it has at most; of
# a text the first literal that it can be, and how many there are

# --- columns: those below SMALL are in `Room.small`, the others in `Room.large` ----------------------------------
SMALL = 3

# --- literals that are no event's --------------------------------------------------------------------------------
PREFIX_LITERAL = 0
MARKER_LITERAL = 1
NOTHING = -1  # no literal

SPAN = 4  # numbers a span: its first line, how many, where it begins and ends
VARIANT = 4  # numbers a variant: its place in the catalogue, whether it is named, its first step, how many
GROUP = 4  # numbers a name: its literal, its first variant, how many, which of them was met last

NO_EVENT = -1
NO_STRING = 0
ACCESS_SIZE_BITS = 1 << 1 | 1 << 2 | 1 << 4
LONGEST_NAME = 32
LONGEST_STRING = 255
LONGEST_HEAD = 160  # of ftrace; the parser looks at no more either
_SECOND = 1_000_000_000
_SECONDS_DIGITS = 10
_MOST = 9  # digits of a pid and of a fraction of a second
_POWERS = (
    1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
)  # fmt: skip
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_0, _9 = 0x30, 0x39
_LINE_FEED, _RETURN, _SPACE, _DELETE = 0x0A, 0x0D, 0x20, 0x7F
_AT, _DOT, _COLON, _DASH, _OPEN, _CLOSE, _LOW_LINE = 0x40, 0x2E, 0x3A, 0x2D, 0x5B, 0x5D, 0x5F
_P, _T, _Z = 0x70, 0x54, 0x5A


class Tables(NamedTuple):
    """The catalogue. Integers.

    `names` is a hash table: numbers of names from 1 on. `groups`, `variants` and `steps` have entries of `GROUP`,
    `VARIANT` and `STEP` numbers, `literals` for each the first of its words, how many, and its length in bytes.
    `words` holds a value and a mask for each eight bytes of a literal.
    """

    names: Sequence[int]
    groups: MutableSequence[int]
    variants: Sequence[int]
    steps: Sequence[int]
    literals: Sequence[int]
    words: Sequence[int]


class Room(NamedTuple):
    """Where rows go. Integers; those of `kinds`, `shapes`, `small`, `pool` are bytes.

    `kinds` (places in the catalogue), `shapes`, `lines`, `times` and `threads` have an entry a row, `small` and
    `large` one a row and column, column after column, `strings` the string's number of the device and then that of
    the text, 0 for none. Strings are bytes in `pool`, with their ends after a 0 in `ends`; `slots` is a hash table of
    them. `spans` are lines that are left to the parser.
    """

    kinds: Octets
    shapes: Octets
    small: Octets
    large: MutableSequence[int]
    lines: MutableSequence[int]
    times: MutableSequence[int]
    threads: MutableSequence[int]
    strings: MutableSequence[int]
    pool: Octets
    ends: MutableSequence[int]
    slots: MutableSequence[int]
    spans: MutableSequence[int]
    carry: MutableSequence[int]


def _literal(data: Octets, at: int, tables: Tables, number: int) -> int:
    """Where a literal that stands at a place ends; `NO_EVENT` where it does not stand there."""
    first = tables.literals[3 * number]
    for i in range(tables.literals[3 * number + 1]):
        if (load64(data, at + WORD * i) & tables.words[2 * (first + i) + 1]) != tables.words[2 * (first + i)]:
            return NO_EVENT
    return at + tables.literals[3 * number + 2]


# --- numbers -----------------------------------------------------------------------------------------------------


def _decimal(data: Octets, at: int) -> tuple[int, int]:
    """The number of up to 16 digits at a place, and how many digits it has."""
    word = load64(data, at)
    count = decimal_run(word)
    if count == 0:
        return 0, 0
    value = decimal_value(word, count)
    if count == WORD:
        word = load64(data, at + WORD)
        more = decimal_run(word)
        if more:
            value = value * _POWERS[more] + decimal_value(word, more)
            count += more
    return value, count


def _hexadecimal(data: Octets, at: int) -> tuple[int, int]:
    """The number of up to 16 hex digits at a place, as a signed one of 64 bits, and how many digits it has.

    There may be more digits after the sixteenth.
    """
    word = load64(data, at)
    count = hex_run(word)
    if count == 0:
        return 0, 0
    value = hex_value(word, count)
    if count == WORD:
        word = load64(data, at + WORD)
        more = hex_run(word)
        if more:
            high = value >> (32 - 4 * more)
            value = (high - ((high & 0x8000_0000) << 1)) << 32 | (
                (value << (4 * more)) & 0xFFFF_FFFF | hex_value(word, more)
            )
            count += more
    return value, count


# --- strings -----------------------------------------------------------------------------------------------------


def _hash(data: Octets, at: int, length: int) -> int:
    value = length
    while length >= WORD:
        value = spread(load64(data, at) ^ value)
        at += WORD
        length -= WORD
    return spread((load64(data, at) & ((1 << 8 * length) - 1)) ^ value)


def _same(data: Octets, at: int, others: Octets, start: int, length: int) -> bool:
    """Whether the bytes at two places are equal; compared from the first on, as far as they are."""
    while length >= WORD:
        if load64(data, at) != load64(others, start):
            return False
        at += WORD
        start += WORD
        length -= WORD
    return ((load64(data, at) ^ load64(others, start)) & ((1 << 8 * length) - 1)) == 0


def _intern(data: Octets, at: int, length: int, tables: Tables, room: Room) -> int:
    """The number of a printable string, from 1 on.

    `NO_STRING` where it is too long, for want of room, or where an event may begin in it.
    """
    carry, slots, ends = room.carry, room.slots, room.ends
    if length > LONGEST_STRING:
        return NO_STRING
    slot = _hash(data, at, length) & carry[SLOT_MASK]
    while slots[slot]:
        number = slots[slot]
        start = ends[number - 1]
        if ends[number] - start == length and _same(data, at, room.pool, start, length):
            return number
        slot = (slot + 1) & carry[SLOT_MASK]
    if carry[STRINGS] >= carry[ROOM_STRINGS] or carry[POOL] + length > carry[ROOM_POOL]:
        return NO_STRING
    for i in range(length):
        if data[at + i] == _P and _literal(data, at + i, tables, PREFIX_LITERAL) >= 0:
            return NO_STRING
        room.pool[carry[POOL] + i] = data[at + i]
    carry[POOL] += length
    carry[STRINGS] += 1
    ends[carry[STRINGS]] = carry[POOL]
    slots[slot] = carry[STRINGS]
    return carry[STRINGS]


# --- what stands before an event ---------------------------------------------------------------------------------


def _seconds(data: Octets, at: int, room: Room) -> int:
    """Read `SEC.FRACTION` into the next row's time; where it ends, or `NO_EVENT`."""
    seconds, digits = _decimal(data, at)
    if digits == 0 or digits > _SECONDS_DIGITS or (digits == _SECONDS_DIGITS and not _0 < data[at] < _9):
        return NO_EVENT
    at += digits
    if data[at] != _DOT:
        return NO_EVENT
    fraction, digits = _decimal(data, at + 1)
    if digits == 0 or digits > _MOST:
        return NO_EVENT
    room.times[room.carry[ROWS]] = seconds * _SECOND + fraction * _POWERS[_MOST - digits]
    return at + 1 + digits


def _pid_time(data: Octets, at: int, pid: int, room: Room) -> int:
    """Read on from the `@` of `PID@SEC.USEC:`."""
    at = _seconds(data, at + 1, room)
    if at < 0 or data[at] != _COLON:
        return NO_EVENT
    room.threads[room.carry[ROWS]] = pid
    return at + 1


def _two(data: Octets, at: int) -> int:
    """The number of two digits at a place; a large negative one where they are none."""
    first, second = data[at] - _0, data[at + 1] - _0
    return first * 10 + second if 0 <= first <= 9 and 0 <= second <= 9 else -10_000  # noqa: PLR2004


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date of the proleptic Gregorian calendar, from 1970 on; below 0 if there is none.

    Ref: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    """
    if not (1970 <= year < 2200 and 1 <= month <= 12):  # noqa: PLR2004
        return -1
    leap = 1 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 0
    if not 1 <= day <= _DAYS[month - 1] + (leap if month == 2 else 0):  # noqa: PLR2004
        return -1
    years = year - (1 if month <= 2 else 0)  # noqa: PLR2004
    of_era = years % 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1  # noqa: PLR2004
    return years // 400 * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _iso8601(data: Octets, at: int, room: Room) -> int:
    """Read `YYYY-MM-DDTHH:MM:SS.FRACTIONZ `, with or without the fraction."""
    if data[at + 7] != _DASH or data[at + 10] != _T or data[at + 13] != _COLON or data[at + 16] != _COLON:
        return NO_EVENT
    year = 100 * _two(data, at) + _two(data, at + 2)
    days = _days(year, _two(data, at + 5), _two(data, at + 8))
    hour, minute, second = _two(data, at + 11), _two(data, at + 14), _two(data, at + 17)
    if days < 0 or not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):  # noqa: PLR2004
        return NO_EVENT
    at += 19
    time = (days * 86_400 + hour * 3_600 + minute * 60 + second) * _SECOND
    if data[at] == _DOT:
        fraction, digits = _decimal(data, at + 1)
        if digits == 0 or digits > _MOST:
            return NO_EVENT
        time += fraction * _POWERS[_MOST - digits]
        at += 1 + digits
    if data[at] != _Z or data[at + 1] != _SPACE:
        return NO_EVENT
    room.times[room.carry[ROWS]] = time
    return at + 2


def _past_spaces(data: Octets, at: int) -> int:
    """Where the spaces at a place end; `NO_EVENT` if there are none."""
    if data[at] != _SPACE:
        return NO_EVENT
    while data[at] == _SPACE:
        at += 1
    return at


def _task(data: Octets, at: int) -> int:
    """Where a task's name ends that `-PID` follows, the first such place; `NO_EVENT` if it is not a usual name."""
    end = at + LONGEST_HEAD
    while at < end:
        octet = data[at]
        if octet < _SPACE or octet >= _DELETE or octet in (_CLOSE, _LOW_LINE):
            return NO_EVENT
        if octet == _DASH and _0 <= data[at + 1] <= _9:
            return at
        at += 1
    return NO_EVENT


def _task_pid(data: Octets, at: int, room: Room) -> int:
    """Read `TASK-PID`; where it ends, or `NO_EVENT`."""
    at = _task(data, at)
    if at < 0:
        return NO_EVENT
    pid, digits = _decimal(data, at + 1)
    room.threads[room.carry[ROWS]] = pid
    return at + 1 + digits if digits <= _MOST else NO_EVENT


def _past_flags(data: Octets, at: int) -> int:
    """Where ftrace's `[CPU] FLAGS ` ends; `NO_EVENT` if it does not stand there."""
    if at < 0 or data[at] != _OPEN:
        return NO_EVENT
    digits = _decimal(data, at + 1)[1]
    at += 1 + digits
    if digits == 0 or data[at] != _CLOSE:
        return NO_EVENT
    at = _past_spaces(data, at + 1)
    if at < 0 or _0 <= data[at] <= _9:
        return at
    while _SPACE < data[at] < _DELETE and data[at] != _LOW_LINE:  # no flag, but of an event that is cut short here
        at += 1
    return _past_spaces(data, at)


def _ftrace(data: Octets, start: int, tables: Tables, room: Room) -> int:
    """Read `TASK-PID [CPU] FLAGS SEC.USEC: tracing_mark_write: `."""
    at = _task_pid(data, start, room)
    if at < 0:
        return NO_EVENT
    at = _past_flags(data, _past_spaces(data, at))
    if at < 0:
        return NO_EVENT
    at = _seconds(data, at, room)
    if at < 0 or data[at] != _COLON:
        return NO_EVENT
    at = _past_spaces(data, at + 1)
    if at < 0:
        return NO_EVENT
    at = _literal(data, at, tables, MARKER_LITERAL)
    return at if at - start <= LONGEST_HEAD else NO_EVENT


def _head(data: Octets, at: int, tables: Tables, room: Room) -> int:
    """Read what stands before an event into the next row; where it ends, or `NO_EVENT`."""
    row = room.carry[ROWS]
    octet = data[at]
    if octet == _P:
        room.shapes[row] = BARE
        return at
    if _0 <= octet <= _9:
        number, digits = _decimal(data, at)
        if data[at + digits] == _AT and digits <= _MOST:
            room.shapes[row] = PID_TIME
            return _pid_time(data, at + digits, number, room)
        if data[at + digits] == _DASH and digits == 4:  # noqa: PLR2004  of a year
            room.shapes[row] = ISO8601
            return _iso8601(data, at, room)
    room.shapes[row] = FTRACE
    return _ftrace(data, at, tables, room)


# --- events ------------------------------------------------------------------------------------------------------


def _group_at(data: Octets, at: int, tables: Tables, room: Room) -> int:
    """The group of the event name at a place; `NO_EVENT` if there is no such event."""
    length = until_space(load64(data, at))
    if length == 0:
        return NO_EVENT
    while length % WORD == 0 and length < LONGEST_NAME:
        more = until_space(load64(data, at + length))
        length += more
        if more < WORD:
            break
    # Eight bytes that end with the name; what precedes a shorter one is the same everywhere.
    slot = spread(load64(data, at + length - WORD)) & room.carry[NAME_MASK]
    while tables.names[slot]:
        group = tables.names[slot] - 1
        if _literal(data, at, tables, tables.groups[GROUP * group]) >= 0:
            return group
        slot = (slot + 1) & room.carry[NAME_MASK]
    return NO_EVENT


def _device(data: Octets, at: int, tables: Tables, room: Room) -> int:
    """Read a device's name, which has no colon, and what follows it; where that ends, or `NO_EVENT`."""
    carry = room.carry
    length = carry[DEVICE_LENGTH]
    if not (length and _same(data, at, room.pool, carry[DEVICE_START], length) and data[at + length] == _COLON):
        length = 0
        while _SPACE <= data[at + length] != _COLON and data[at + length] != _DELETE:
            length += 1
        if data[at + length] != _COLON or length == 0:
            return NO_EVENT
        number = _intern(data, at, length, tables, room)
        if number == NO_STRING:
            return NO_EVENT
        carry[DEVICE_NUMBER] = number
        carry[DEVICE_START] = room.ends[number - 1]
        carry[DEVICE_LENGTH] = length
    room.strings[carry[ROWS]] = carry[DEVICE_NUMBER]
    return at + length + 2 if data[at + length + 1] == _SPACE else NO_EVENT


def _text(data: Octets, at: int, tables: Tables, step: int, room: Room) -> int:
    """Read one of a step's texts and the end of its line; where that ends, or `NO_EVENT`."""
    for literal in range(tables.steps[step + 2], tables.steps[step + 2] + tables.steps[step + 3]):
        end = _literal(data, at, tables, literal)
        if end < 0:
            continue
        after = _line_end(data, end)
        if after >= 0:
            number = _intern(data, at, end - at, tables, room)
            room.strings[room.carry[ROOM_ROWS] + room.carry[ROWS]] = number
            return after if number != NO_STRING else NO_EVENT
    return NO_EVENT


def _line_end(data: Octets, at: int) -> int:
    """The place after the newline, or carriage return and newline, at a place; `NO_EVENT` if it is not there."""
    if data[at] == _LINE_FEED:
        return at + 1
    if data[at] == _RETURN and data[at + 1] == _LINE_FEED:
        return at + 2
    return NO_EVENT


def _number(data: Octets, at: int, tables: Tables, step: int, room: Room) -> int:
    """Read the number of a step into its column; where it ends, or `NO_EVENT`."""
    if tables.steps[step + 1] == HEXADECIMAL:
        value, digits = _hexadecimal(data, at)
    else:
        value, digits = _decimal(data, at)
    if digits == 0 or digits > tables.steps[step + 3]:
        return NO_EVENT
    if tables.steps[step + 1] == ACCESS_SIZE and not 1 << value & ACCESS_SIZE_BITS:
        return NO_EVENT
    column = tables.steps[step + 2]
    place = room.carry[ROOM_ROWS] * column + room.carry[ROWS]
    if column < SMALL:
        room.small[place] = value
    else:
        room.large[place - room.carry[ROOM_ROWS] * SMALL] = value
    return at + digits


def _arguments(data: Octets, at: int, tables: Tables, variant: int, room: Room) -> int:
    """Read the device and the arguments of a variant into the next row; where its line ends, or `NO_EVENT`."""
    rows, row = room.carry[ROOM_ROWS], room.carry[ROWS]
    room.strings[row] = 0
    room.strings[rows + row] = 0
    if tables.variants[VARIANT * variant + 1]:
        at = _device(data, at, tables, room)
    first = tables.variants[VARIANT * variant + 2]
    for i in range(first, first + tables.variants[VARIANT * variant + 3]):
        step = STEP * i
        if at >= 0 and tables.steps[step] >= 0:
            at = _literal(data, at, tables, tables.steps[step])
        if at < 0:
            return NO_EVENT
        what = tables.steps[step + 1]
        if what == END_OF_LINE:
            return _line_end(data, at)
        if what == TEXT_TO_END:
            return _text(data, at, tables, step, room)
        at = _number(data, at, tables, step, room)
    return NO_EVENT


def _event(data: Octets, at: int, tables: Tables, room: Room) -> int:
    """Read an event and take its row; the place after its line, or `NO_EVENT`."""
    at = _literal(data, at, tables, PREFIX_LITERAL)
    if at < 0:
        return NO_EVENT
    group = _group_at(data, at, tables, room)
    if group < 0:
        return NO_EVENT
    entry = GROUP * group
    at += tables.literals[3 * tables.groups[entry] + 2]
    count, last = tables.groups[entry + 2], tables.groups[entry + 3]
    for i in range(count):
        which = last + i if last + i < count else last + i - count
        variant = tables.groups[entry + 1] + which
        end = _arguments(data, at, tables, variant, room)
        if end >= 0:
            room.kinds[room.carry[ROWS]] = tables.variants[VARIANT * variant]
            tables.groups[entry + 3] = which
            return end
    return NO_EVENT


def _leave(room: Room, start: int, end: int) -> None:
    """Leave the line between two places to the parser."""
    carry, spans = room.carry, room.spans
    last = SPAN * (carry[SPANS] - 1)
    if carry[SPANS] and spans[last + 3] == start:
        spans[last + 1] += 1
        spans[last + 3] = end
        return
    spans[last + SPAN] = carry[LINE]
    spans[last + SPAN + 1] = 1
    spans[last + SPAN + 2] = start
    spans[last + SPAN + 3] = end
    carry[SPANS] += 1


def scan_at(address: int, end: int) -> int:
    """`scan` in compiled code: at `address` stand those of the text, the tables' and the room's arrays."""
    addresses = integers_at(address)
    tables = Tables(
        integers_at(addresses[1]),
        integers_at(addresses[2]),
        integers_at(addresses[3]),
        integers_at(addresses[4]),
        integers_at(addresses[5]),
        integers_at(addresses[6]),
    )
    room = Room(
        kinds=bytes_at(addresses[7]),
        shapes=bytes_at(addresses[8]),
        small=bytes_at(addresses[9]),
        large=integers_at(addresses[10]),
        lines=integers_at(addresses[11]),
        times=integers_at(addresses[12]),
        threads=integers_at(addresses[13]),
        strings=integers_at(addresses[14]),
        pool=bytes_at(addresses[15]),
        ends=integers_at(addresses[16]),
        slots=integers_at(addresses[17]),
        spans=integers_at(addresses[18]),
        carry=integers_at(addresses[19]),
    )
    return scan(bytes_at(addresses[0]), end, tables, room)


def scan(data: Octets, end: int, tables: Tables, room: Room) -> int:
    """Read lines from carry[POSITION] on, as far as `end`, behind the last newline; returns why it stopped there."""
    carry = room.carry
    while carry[POSITION] < end:
        if carry[ROWS] >= carry[ROOM_ROWS]:
            return FULL_ROWS
        if carry[SPANS] >= carry[ROOM_SPANS]:
            return FULL_SPANS
        start = carry[POSITION]
        at = _head(data, start, tables, room)
        if at >= 0:
            at = _event(data, at, tables, room)
        if at >= 0:
            row = carry[ROWS]
            room.lines[row] = carry[LINE]
            carry[LAST_START] = start
            carry[SHAPES + room.shapes[row]] += 1
            carry[ROWS] = row + 1
        else:
            at = next_newline(data, start) + 1
            _leave(room, start, at)
        carry[LINE] += 1
        carry[POSITION] = at
    return DONE
