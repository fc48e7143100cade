"""What the kernel of the text scanner calls things, and the records of its tables.

Ref: Linux Documentation/trace/ftrace.rst, trace_marker (`MARKER`).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from tracetool.events import PREFIX

__all__ = ["MARKER", "NO_EVENT", "REACH", "Column", "Form", "Group", "Head", "Span", "Step", "Stop", "Text", "Variant"]

REACH = 64
"""Bytes behind the lines in a buffer, at least: the kernel looks at some without asking whether the line ends."""

NO_EVENT = -1
"""In place of a position: what was looked for is not there."""

PREFIX_BYTES = len(PREFIX)

MARKER = "tracing_mark_write: "
"""What ftrace puts before a text that a program writes."""

MARKER_BYTES = len(MARKER)

LONGEST_NAME = 48
"""An event's name with `pflash_`, in bytes."""

LONGEST_HEAD = 160
"""Of ftrace, in bytes; the parser looks at no more either."""

LONGEST_STEM = 48
"""A stem is what precedes the fraction of a second in a line; longer ones are not remembered."""


class Stop(IntEnum):
    """Why the kernel stopped."""

    END = 0
    ROWS = 1
    """There is no room for another row."""
    SPANS = 2
    """There is no room for another span."""


class Head(IntEnum):
    """The shapes of what stands before an event."""

    BARE = 0
    PID_TIME = 1
    ISO8601 = 2
    FTRACE = 3


class Form(IntEnum):
    """What an argument looks like."""

    END_OF_LINE = 0
    """No argument is left."""
    HEXADECIMAL = 1
    DECIMAL = 2
    ACCESS_SIZE = 3
    """One of the sizes that an access can have, of one digit."""
    TEXT_TO_END = 4


class Column(IntEnum):
    """Where a number goes."""

    OFFSET = 0
    SIZE = 1
    VALUE = 2
    CMD = 3
    WCYCLE = 4
    COUNTER = 5
    LENGTH = 6
    REGION = 7


class Group(NamedTuple):
    """The variants of one event: its name with `pflash_` and a space, in the letters; the first of them, how many."""

    start: int
    length: int
    first: int
    variants: int


class Variant(NamedTuple):
    """The place in the catalogue, whether a device is named, the first of the steps, and how many they are."""

    kind: int
    named: int
    first: int
    steps: int


class Step(NamedTuple):
    """What an argument is: the text before it, in the letters, its form and column, and how many digits it can have.

    One that is a text is one of `texts` texts, from `first` on.
    """

    start: int
    length: int
    form: int
    column: int = 0
    digits: int = 0
    first: int = 0
    texts: int = 0


class Text(NamedTuple):
    """A text that an argument can be, in the letters."""

    start: int
    length: int


class Span(NamedTuple):
    """Lines in a row that are left: the number of the first, how many, where they begin and end."""

    line: int
    lines: int
    start: int
    end: int
