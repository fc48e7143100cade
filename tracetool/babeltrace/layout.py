"""Where things lie in the memory that the read loop, the child around it and the parent share. All words are int64.

A block is a table of `COLUMNS` columns, one after the other, each with room for the block's rows. Plain integers and
no enumerations: the loop is compiled with them.
"""

from __future__ import annotations

NUMBERS = ("offset", "size", "value", "cmd", "wcycle", "counter", "length", "region", "extra")
"""The columns of an event's arguments; `extra` has the one that is no column of the canonical frame as it stands."""

# Columns of a block. CODES has the event's class in its low 16 bits, then 16 bits of device and 16 of text; those two
# are numbers of words, 0 for none.
MESSAGE, CODES, TIME, PROCESS, THREAD, FIRST_NUMBER = range(6)
COLUMNS = FIRST_NUMBER + len(NUMBERS)
DEVICE_SHIFT = 16
TEXT_SHIFT = 32

NO_TIME = -(1 << 63)
"""In the column TIME: beyond what 64 bits of nanoseconds can say."""

# What the loop wants when it stops before the end: room in another block, what to do with the events of a class, a
# number for a string, or a message of discarded events or packets read, counted and put.
ASK_NOTHING, ASK_ROOM, ASK_CLASS, ASK_WORD, ASK_LOSS = range(5)

# Words of the loop's state: its own address and the block's; rows the block has room for, and has; events and losses
# seen; those of them that are not pflash's; how many may be seen before a block ends though it has room, as a sign of
# life; the messages got and not yet put, how many there were, and the first that is not done; what is wanted, and the
# address it is about; the number of the next word; the last word found.
(SELF, BLOCK, ROWS, ROW, SEEN, OTHER, BREAK, ARRAY, COUNT, NEXT, ASK, SUBJECT, WORD_COUNT) = range(13)

# Addresses of NUL-terminated strings, by number. Word 0 is not used.
WORDS_AT = 16
WORDS = 512

# Classes by address: pairs of an address and a class number, by open addressing. 0 is no address.
CLASSES_AT = WORDS_AT + WORDS
CLASS_SLOTS = 4096

# What is known of each class; number 0 is every class that is not pflash's.
INFO_AT = CLASSES_AT + 2 * CLASS_SLOTS
CLASSES = 512
MAX_FIELDS = 8
# Of a class: whether it has a clock; where the process and the thread are; the number of its payload fields.
PLACE_WORDS = 3
CLOCK, PROCESS_AT, THREAD_AT, FIELD_COUNT, FIRST_FIELD = 0, 1, 1 + PLACE_WORDS, 1 + 2 * PLACE_WORDS, 2 + 2 * PLACE_WORDS
# Of each of those places: in which structure (0 none, 1 the common, 2 the specific context), which member, how it is
# got.
PLACE_IN, PLACE_MEMBER, PLACE_HOW = range(3)
COMMON, SPECIFIC = 1, 2
# Of each of those: the member, how it is got, where it goes (a column of NUMBERS, or for strings DEVICE or TEXT), and
# the word it was last.
MEMBER, HOW, TARGET, LAST = range(4)
UNSIGNED, SIGNED, STRING = range(3)
DEVICE, TEXT = 1, 2
FIELD_WORDS = 4
INFO_WORDS = FIRST_FIELD + MAX_FIELDS * FIELD_WORDS
STATE_WORDS = INFO_AT + CLASSES * INFO_WORDS


def slot_of(address: int) -> int:
    """Where the search for a class begins. Addresses are multiples of 16."""
    return (address >> 4) % CLASS_SLOTS
