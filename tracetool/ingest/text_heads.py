"""Head of a line, before its event. Part of the text scanner's kernel (see `text_kernel`).

The stem, everything before the fraction of a second, is cached: it changes once a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.ingest import digits, octets
from tracetool.ingest.text_codes import (
    LONGEST_HEAD,
    LONGEST_STEM,
    MARKER_BYTES,
    NO_EVENT,
    PREFIX_BYTES,
    Head,
)

if TYPE_CHECKING:
    from tracetool.ingest.text_log import Log, Rows

__all__ = ["read_head"]

_SECOND = 1_000_000_000
_SECONDS_DIGITS = 10
_MOST = 9
"""Most digits of a pid and of a fraction of a second."""
_0, _9 = 0x30, 0x39
_SPACE, _DELETE = 0x20, 0x7F
_AT, _DOT, _COLON, _DASH, _OPEN, _CLOSE, _LOW_LINE = 0x40, 0x2E, 0x3A, 0x2D, 0x5B, 0x5D, 0x5F
_P, _T, _Z = 0x70, 0x54, 0x5A


def read_head(log: Log, rows: Rows, at: int) -> int:
    """Read the head of a line into the next row; return its end, or `NO_EVENT`."""
    if log.data[at] == _P:
        rows.shapes[rows.count] = Head.BARE
        return at
    if log.stem_bytes > 0 and octets.same_bytes(log.data, at, log.stem, 0, log.stem_bytes):
        end = at + log.stem_bytes
    else:
        log.stem_bytes = 0
        end = _read_stem(log, at)
        if end < 0:
            return NO_EVENT
        _keep_stem(log, at, end)
    rows.shapes[rows.count] = log.stem_shape
    rows.threads[rows.count] = log.stem_thread
    rows.times[rows.count] = log.stem_ns
    if log.data[end - 1] == _DOT:
        count = digits.count_decimals(log.data, end)
        if count == 0 or count > _MOST:
            return NO_EVENT
        rows.times[rows.count] = log.stem_ns + digits.decimal(log.data, end, count) * digits.power_of_ten(_MOST - count)
        end += count
    if log.stem_shape == Head.PID_TIME:
        return end + 1 if log.data[end] == _COLON else NO_EVENT
    if log.stem_shape == Head.ISO8601:
        return end + 2 if log.data[end] == _Z and log.data[end + 1] == _SPACE else NO_EVENT
    return _past_marker(log, at, end)


def _keep_stem(log: Log, start: int, end: int) -> int:
    """Cache a stem that ends with a dot; a head without a fraction has none."""
    if log.data[end - 1] == _DOT and end - start <= LONGEST_STEM:
        octets.copy_bytes(log.stem, 0, log.data, start, end - start)
        log.stem_bytes = end - start
    return 0


def _read_stem(log: Log, at: int) -> int:
    """Read a head up to the dot of its time, or a time without a fraction; return its end, or `NO_EVENT`."""
    if _0 <= log.data[at] <= _9:
        count = digits.count_decimals(log.data, at)
        if log.data[at + count] == _AT and count <= _MOST:
            log.stem_shape = Head.PID_TIME
            log.stem_thread = digits.decimal(log.data, at, count)
            return _seconds(log, at + count + 1)
        if log.data[at + count] == _DASH and count == 4:  # noqa: PLR2004  of a year
            log.stem_shape = Head.ISO8601
            log.stem_thread = 0
            return _iso8601(log, at)
    log.stem_shape = Head.FTRACE
    return _ftrace(log, at)


def _seconds(log: Log, at: int) -> int:
    """Read `SEC.`; return its end, or `NO_EVENT`."""
    count = digits.count_decimals(log.data, at)
    if count == 0 or count > _SECONDS_DIGITS or (count == _SECONDS_DIGITS and not _0 < log.data[at] < _9):
        return NO_EVENT
    log.stem_ns = digits.decimal(log.data, at, count) * _SECOND
    at += count
    return at + 1 if log.data[at] == _DOT else NO_EVENT


# --- dates -------------------------------------------------------------------------------------------------------


def _two(log: Log, at: int) -> int:
    """Read two digits; return a large negative number if they are none."""
    first = log.data[at] - _0
    second = log.data[at + 1] - _0
    return first * 10 + second if 0 <= first <= 9 and 0 <= second <= 9 else -10_000  # noqa: PLR2004


def _days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a Gregorian date, from 1970 on; negative if there is no such date.

    Ref: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    """
    if not (1970 <= year < 2200 and 1 <= month <= 12):  # noqa: PLR2004
        return -1
    length = 30 + (month + month // 8) % 2
    if month == 2:  # noqa: PLR2004
        length = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    if not 1 <= day <= length:
        return -1
    years = year - 1 if month <= 2 else year  # noqa: PLR2004
    of_era = years % 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1  # noqa: PLR2004
    return years // 400 * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _iso8601(log: Log, at: int) -> int:
    """Read `YYYY-MM-DDTHH:MM:SS` and an optional dot; return the end, or `NO_EVENT`."""
    if (
        log.data[at + 7] != _DASH
        or log.data[at + 10] != _T
        or log.data[at + 13] != _COLON
        or log.data[at + 16] != _COLON
    ):
        return NO_EVENT
    days = _days(100 * _two(log, at) + _two(log, at + 2), _two(log, at + 5), _two(log, at + 8))
    hour = _two(log, at + 11)
    minute = _two(log, at + 14)
    second = _two(log, at + 17)
    if days < 0 or not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):  # noqa: PLR2004
        return NO_EVENT
    log.stem_ns = (days * 86_400 + hour * 3_600 + minute * 60 + second) * _SECOND
    at += 19
    return at + 1 if log.data[at] == _DOT else at


# --- ftrace ------------------------------------------------------------------------------------------------------


def _past_spaces(log: Log, at: int) -> int:
    """Skip spaces; return their end, `NO_EVENT` if there are none."""
    if log.data[at] != _SPACE:
        return NO_EVENT
    while log.data[at] == _SPACE:
        at += 1
    return at


def _task(log: Log, at: int) -> int:
    """Find the first end of a task's name, before `-PID`; `NO_EVENT` if the name is unusual."""
    end = at + LONGEST_HEAD
    while at < end:
        octet = log.data[at]
        if octet < _SPACE or octet >= _DELETE or octet in (_CLOSE, _LOW_LINE):
            return NO_EVENT
        if octet == _DASH and _0 <= log.data[at + 1] <= _9:
            return at
        at += 1
    return NO_EVENT


def _past_flags(log: Log, at: int) -> int:
    """Skip ftrace's `[CPU] FLAGS `; return its end, or `NO_EVENT`."""
    if log.data[at] != _OPEN:
        return NO_EVENT
    count = digits.count_decimals(log.data, at + 1)
    at += 1 + count
    if count == 0 or log.data[at] != _CLOSE:
        return NO_EVENT
    at = _past_spaces(log, at + 1)
    if at < 0 or _0 <= log.data[at] <= _9:
        return at
    while _SPACE < log.data[at] < _DELETE and log.data[at] != _LOW_LINE:  # no flag has one, but a truncated event does
        at += 1
    return _past_spaces(log, at)


def _ftrace(log: Log, at: int) -> int:
    """Read `TASK-PID [CPU] FLAGS SEC.`; return its end, or `NO_EVENT`."""
    at = _task(log, at)
    if at < 0:
        return NO_EVENT
    count = digits.count_decimals(log.data, at + 1)
    if count > _MOST:
        return NO_EVENT
    log.stem_thread = digits.decimal(log.data, at + 1, count)
    at = _past_spaces(log, at + 1 + count)
    if at >= 0:
        at = _past_flags(log, at)
    return _seconds(log, at) if at >= 0 else NO_EVENT


def _past_marker(log: Log, start: int, at: int) -> int:
    """Skip ftrace's `: tracing_mark_write: `; return its end, `NO_EVENT` if it is absent or too far in the line."""
    if log.data[at] != _COLON:
        return NO_EVENT
    at = _past_spaces(log, at + 1)
    if at < 0 or not octets.same_bytes(log.data, at, log.tables.letters, PREFIX_BYTES, MARKER_BYTES):
        return NO_EVENT
    at += MARKER_BYTES
    return at if at - start <= LONGEST_HEAD else NO_EVENT
