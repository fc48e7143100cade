"""Codes and table records of the text scanner's kernel.

Ref: Linux Documentation/trace/ftrace.rst, trace_marker (`MARKER`).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from tracetool.events import PREFIX

__all__ = ["MARKER", "NO_EVENT", "REACH", "Column", "Form", "Group", "Head", "Span", "Step", "Stop", "Text", "Variant"]

REACH = 64
"""Padding after the lines in a buffer, which the kernel may read past the end of a line."""

NO_EVENT = -1
"""Sentinel for a position: no match."""

PREFIX_BYTES = len(PREFIX)

MARKER = "tracing_mark_write: "
"""Prefix of ftrace for text written by a program."""

MARKER_BYTES = len(MARKER)

LONGEST_NAME = 48
"""Longest event name with `pflash_`, in bytes."""

LONGEST_HEAD = 160
"""Longest head of ftrace in bytes, for the parser too."""

LONGEST_STEM = 48
"""Longest stem in bytes: the cached start of a line up to the fraction of a second."""


class Stop(IntEnum):
    """Reason why the kernel stopped."""

    END = 0
    ROWS = 1
    """No room for another row."""
    SPANS = 2
    """No room for another span."""


class Head(IntEnum):
    """Shape of a line's head, before its event."""

    BARE = 0
    PID_TIME = 1
    ISO8601 = 2
    FTRACE = 3


class Form(IntEnum):
    """Format of an argument."""

    END_OF_LINE = 0
    """No more arguments."""
    HEXADECIMAL = 1
    DECIMAL = 2
    ACCESS_SIZE = 3
    """An access size, one digit."""
    TEXT_TO_END = 4


class Column(IntEnum):
    """Column of a number."""

    OFFSET = 0
    SIZE = 1
    VALUE = 2
    CMD = 3
    WCYCLE = 4
    COUNTER = 5
    LENGTH = 6
    REGION = 7


class Group(NamedTuple):
    """Variants of one event: position of its name with `pflash_` and a space in the letters, first variant, number."""

    start: int
    length: int
    first: int
    variants: int


class Variant(NamedTuple):
    """Variant: position in the catalogue, 1 if it names a device, first step, number of steps."""

    kind: int
    named: int
    first: int
    steps: int


class Step(NamedTuple):
    """Argument: position of the literal before it in the letters, form, column, most digits.

    A text argument is one of `texts` texts from `first` on.
    """

    start: int
    length: int
    form: int
    column: int = 0
    digits: int = 0
    first: int = 0
    texts: int = 0


class Text(NamedTuple):
    """Position of an argument's text in the letters."""

    start: int
    length: int


class Span(NamedTuple):
    """Consecutive lines left to the parser: number of the first, count, start and end."""

    line: int
    lines: int
    start: int
    end: int
