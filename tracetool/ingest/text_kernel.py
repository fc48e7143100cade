"""Hot loop over the lines of a log: canonical lines become rows, all others spans for the parser.

Plain Python, compiled with the types of the `.pxd` where there is a compiler. `text_tables` builds the tables from the
event catalogue. The parser's patterns define the format: the kernel leaves them every line it does not recognize.

The text ends in a newline, and no byte is skipped before it is known not to be a newline. So every position lies in the
text, and at most `text_codes.REACH` bytes after it are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.ingest import digits, octets, text_heads
from tracetool.ingest.names import LONGEST_DEVICE
from tracetool.ingest.text_codes import LONGEST_NAME, NO_EVENT, PREFIX_BYTES, Column, Form, Stop

if TYPE_CHECKING:
    from tracetool.ingest.text_log import Log, Rows

__all__ = ["scan"]

_LINE_FEED, _RETURN, _SPACE, _COLON, _DELETE, _P = 0x0A, 0x0D, 0x20, 0x3A, 0x7F, 0x70


def scan(log: Log, rows: Rows, end: int) -> int:
    """Read lines from the log's position up to `end`, after the last newline; return the reason of the stop."""
    while log.position < end:
        if rows.count >= rows.room:
            return Stop.ROWS
        if log.left >= len(log.spans):
            return Stop.SPANS
        start = log.position
        at = text_heads.read_head(log, rows, start)
        if at >= 0:
            at = _event(log, rows, at)
        if at >= 0:
            _take_row(log, rows, start)
        else:
            at = octets.find_byte(log.data, _LINE_FEED, start, end) + 1
            if at == 0:
                at = end
            _leave(log, start, at)
        log.line += 1
        log.position = at
    return Stop.END


def _take_row(log: Log, rows: Rows, start: int) -> int:
    rows.lines[rows.count] = log.line
    log.met[rows.shapes[rows.count]] += 1
    log.last_start = start
    rows.count += 1
    return 0


def _leave(log: Log, start: int, end: int) -> int:
    """Leave the line from `start` to `end` to the parser."""
    last = log.left - 1
    if last >= 0 and log.spans[last].end == start:
        log.spans[last].lines += 1
    else:
        last += 1
        log.left += 1
        log.spans[last].line = log.line
        log.spans[last].lines = 1
        log.spans[last].start = start
    log.spans[last].end = end
    return 0


# --- events ------------------------------------------------------------------------------------------------------


def _event(log: Log, rows: Rows, at: int) -> int:
    """Read an event into the next row; return the position after its line, or `NO_EVENT`."""
    group = _group_at(log, at)
    if group < 0:
        return NO_EVENT
    at += log.tables.groups[group].length
    count = log.tables.groups[group].variants
    which = log.chosen[group]
    for _ in range(count):
        end = _arguments(log, rows, at, log.tables.groups[group].first + which)
        if end >= 0:
            kind = log.tables.variants[log.tables.groups[group].first + which].kind
            rows.kinds[rows.count] = kind
            rows.present[kind] = 1
            log.chosen[group] = which
            return end
        which = which + 1 if which + 1 < count else 0
    return NO_EVENT


def _group_at(log: Log, at: int) -> int:
    """Find the group of the event's name; try first the one that last followed the previous event."""
    group: int = log.followers[log.group]
    if not _is_group(log, at, group):
        end = octets.find_byte(log.data, _SPACE, at, at + LONGEST_NAME)
        if end < 0:
            return NO_EVENT
        group = log.tables.names.find(log.data, at, end - at) - 1
        if group < 0:
            return NO_EVENT
        log.followers[log.group] = group
    log.group = group
    return group


def _is_group(log: Log, at: int, group: int) -> bool:
    length = log.tables.groups[group].length
    return octets.same_bytes(log.data, at, log.tables.letters, log.tables.groups[group].start, length)


def _arguments(log: Log, rows: Rows, at: int, variant: int) -> int:
    """Read device and arguments of a variant into the next row; return the end of the line, or `NO_EVENT`."""
    rows.devices[rows.count] = 0
    rows.texts[rows.count] = 0
    if log.tables.variants[variant].named:
        at = _device(log, at)
        if at < 0:
            return NO_EVENT
        rows.devices[rows.count] = log.device
    step = log.tables.variants[variant].first
    while at >= 0:
        at = _past_literal(log, at, step)
        if at < 0:
            return NO_EVENT
        if log.tables.steps[step].form == Form.END_OF_LINE:
            return _line_end(log, at)
        if log.tables.steps[step].form == Form.TEXT_TO_END:
            return _text(log, rows, at, step)
        at = _number(log, rows, at, step)
        step += 1
    return NO_EVENT


def _past_literal(log: Log, at: int, step: int) -> int:
    """Match the literal before an argument; return its end, or `NO_EVENT`."""
    length = log.tables.steps[step].length
    if octets.same_bytes(log.data, at, log.tables.letters, log.tables.steps[step].start, length):
        return at + length
    return NO_EVENT


def _line_end(log: Log, at: int) -> int:
    """Match a newline, or carriage return and newline; return its end, or `NO_EVENT`."""
    if log.data[at] == _LINE_FEED:
        return at + 1
    return at + 2 if log.data[at] == _RETURN and log.data[at + 1] == _LINE_FEED else NO_EVENT


# --- arguments ---------------------------------------------------------------------------------------------------


def _number(log: Log, rows: Rows, at: int, step: int) -> int:
    """Read the number of a step into its column; return its end, or `NO_EVENT`."""
    if log.tables.steps[step].form == Form.HEXADECIMAL:
        count = digits.count_hexadecimals(log.data, at)
        if count == 0 or count > log.tables.steps[step].digits:
            return NO_EVENT
        value = digits.hexadecimal(log.data, at, count)
    else:
        count = digits.count_decimals(log.data, at)
        if count == 0 or count > log.tables.steps[step].digits:
            return NO_EVENT
        value = digits.decimal(log.data, at, count)
        if log.tables.steps[step].form == Form.ACCESS_SIZE and value != 1 and value != 2 and value != 4:  # noqa: PLR1714, PLR2004
            return NO_EVENT
    _put(rows, log.tables.steps[step].column, value)
    return at + count


def _put(rows: Rows, column: int, value: int) -> int:
    """Store a number, which fits its column, in the next row."""
    if column == Column.OFFSET:
        rows.offset[rows.count] = value
    elif column == Column.SIZE:
        rows.size[rows.count] = value
    elif column == Column.VALUE:
        rows.value[rows.count] = value
    elif column == Column.WCYCLE:
        rows.wcycle[rows.count] = value
    elif column == Column.COUNTER:
        rows.counter[rows.count] = value
    elif column == Column.CMD:
        rows.cmd[rows.count] = value
    elif column == Column.LENGTH:
        rows.length[rows.count] = value
    else:
        rows.region[rows.count] = value
    return 0


def _text(log: Log, rows: Rows, at: int, step: int) -> int:
    """Read one of a step's texts and the end of the line; return that, or `NO_EVENT`."""
    first = log.tables.steps[step].first
    for text in range(first, first + log.tables.steps[step].texts):
        length = log.tables.texts[text].length
        if octets.same_bytes(log.data, at, log.tables.letters, log.tables.texts[text].start, length):
            end = _line_end(log, at + length)
            if end >= 0:
                number = log.strings.intern(log.data, at, length)
                rows.texts[rows.count] = max(number, 0)
                return end if number > 0 else NO_EVENT
    return NO_EVENT


def _device(log: Log, at: int) -> int:
    """Read a device's name, which has no colon, and `: `; return the end, or `NO_EVENT`."""
    length = log.strings.length_of(log.device) if log.device > 0 else 0
    if length == 0 or not log.strings.holds(log.device, log.data, at, length) or log.data[at + length] != _COLON:
        length = _name_length(log, at)
        if length <= 0:
            return NO_EVENT
        log.device = _intern_device(log, at, length)
        if log.device <= 0:
            return NO_EVENT
    return at + length + 2 if log.data[at + length + 1] == _SPACE else NO_EVENT


def _name_length(log: Log, at: int) -> int:
    """Count the printable bytes before a colon; `NO_EVENT` if there are others, or too many."""
    length = 0
    while length <= LONGEST_DEVICE and log.data[at + length] >= _SPACE and log.data[at + length] != _DELETE:
        if log.data[at + length] == _COLON:
            return length
        length += 1
    return NO_EVENT


def _intern_device(log: Log, at: int, length: int) -> int:
    """Intern a device's name; return its number, 0 if the table is full or an event may begin inside the name."""
    number = log.strings.find(log.data, at, length)
    if number > 0:
        return number
    for i in range(at, at + length):
        if log.data[i] == _P and octets.same_bytes(log.data, i, log.tables.letters, 0, PREFIX_BYTES):
            return 0
    return log.strings.add(log.data, at, length)
