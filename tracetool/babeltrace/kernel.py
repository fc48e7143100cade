"""The read loop: messages in, rows of a block out. The hot loop.

Written once, in the part of Python that numba compiles. The functions it calls by name are put into this module by
`plain` (ctypes) or, in a copy of it, by `compiled`: those of `library.KERNEL`, `strcmp`, and `load`, which gives the
word at an address. Every pointer is an int64.

The loop owns the messages of the array in its state: each is put once it is done, the array lives until the next is
asked for. It stops in mid-array where it wants something, and goes on with the same message when called again.

Ref: babeltrace2/graph/message-iterator.h, bt_message_iterator_next; babeltrace2/graph/message.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.babeltrace.layout import (
    ARRAY,
    ASK,
    ASK_CLASS,
    ASK_LOSS,
    ASK_ROOM,
    ASK_WORD,
    BLOCK,
    BREAK,
    CLASS_SLOTS,
    CLASSES_AT,
    CLOCK,
    CODES,
    COMMON,
    COUNT,
    DEVICE,
    DEVICE_SHIFT,
    FIELD_COUNT,
    FIELD_WORDS,
    FIRST_FIELD,
    FIRST_NUMBER,
    HOW,
    INFO_AT,
    INFO_WORDS,
    LAST,
    MEMBER,
    MESSAGE,
    NEXT,
    NO_TIME,
    OTHER,
    PLACE_HOW,
    PLACE_IN,
    PLACE_MEMBER,
    PROCESS,
    PROCESS_AT,
    ROW,
    ROWS,
    SEEN,
    SELF,
    SIGNED,
    STRING,
    SUBJECT,
    TARGET,
    TEXT_SHIFT,
    THREAD,
    THREAD_AT,
    TIME,
    WORD_COUNT,
    WORDS_AT,
    slot_of,
)

if TYPE_CHECKING:
    Words = memoryview[int]

__all__ = ["consume"]

# Ref: babeltrace2/graph/graph.h, babeltrace2/graph/message.h.
OK, AGAIN = 0, 11
EVENT, DISCARDED_EVENTS, DISCARDED_PACKETS = 4, 32, 64


def _missing(*_: int) -> int:
    """Stand for a function of the library's until it is put in."""
    raise NotImplementedError


load = strcmp = _missing
bt_message_iterator_next = bt_message_get_type = bt_message_put_ref = _missing
bt_message_event_borrow_event_const = bt_message_event_borrow_default_clock_snapshot_const = _missing
bt_clock_snapshot_get_ns_from_origin = bt_event_borrow_class_const = _missing
bt_event_borrow_payload_field_const = bt_field_structure_borrow_member_field_by_index_const = _missing
bt_event_borrow_common_context_field_const = bt_event_borrow_specific_context_field_const = _missing
bt_field_integer_unsigned_get_value = bt_field_integer_signed_get_value = bt_field_string_get_value = _missing


def find_class(state: Words, address: int) -> int:
    """The number of an event class, -1 if it is not known yet."""
    slot = slot_of(address)
    while True:
        at = CLASSES_AT + 2 * slot
        if state[at] == address:
            return state[at + 1]
        if state[at] == 0:
            return -1
        slot = (slot + 1) % CLASS_SLOTS


def find_word(state: Words, text: int, last: int) -> int:
    """The number of a string, 0 if it is not known yet; `last` is looked at first."""
    if last and strcmp(text, state[WORDS_AT + last]) == 0:
        return last
    for word in range(1, state[WORD_COUNT]):
        if strcmp(text, state[WORDS_AT + word]) == 0:
            return word
    return 0


def integer(field: int, how: int) -> int:
    """The value of an integer field; of unsigned ones the bits."""
    if how == SIGNED:
        return bt_field_integer_signed_get_value(field)
    return bt_field_integer_unsigned_get_value(field)


def time_of(message: int, state: Words, block: Words, at: int) -> None:
    """Put the message's time, in ns from its clock's origin, into a word of the block."""
    clock = bt_message_event_borrow_default_clock_snapshot_const(message)
    if bt_clock_snapshot_get_ns_from_origin(clock, state[BLOCK] + 8 * at):
        block[at] = NO_TIME


def from_context(event: int, state: Words, place: int) -> int:
    """The integer at a place in the contexts of an event."""
    if state[place + PLACE_IN] == COMMON:
        context = bt_event_borrow_common_context_field_const(event)
    else:
        context = bt_event_borrow_specific_context_field_const(event)
    member = bt_field_structure_borrow_member_field_by_index_const(context, state[place + PLACE_MEMBER])
    return integer(member, state[place + PLACE_HOW])


def fields_of(event: int, state: Words, info: int, block: Words, row: int) -> int:
    """Fill the row from the payload; the device's and text's part of its codes, -1 if a string has no number yet."""
    payload = bt_event_borrow_payload_field_const(event)
    codes = 0
    at = info + FIRST_FIELD
    for _ in range(state[info + FIELD_COUNT]):
        field = bt_field_structure_borrow_member_field_by_index_const(payload, state[at + MEMBER])
        target = state[at + TARGET]
        if state[at + HOW] == STRING:
            text = bt_field_string_get_value(field)
            word = find_word(state, text, state[at + LAST])
            if word == 0:
                state[SUBJECT] = text
                return -1
            state[at + LAST] = word
            codes |= word << (DEVICE_SHIFT if target == DEVICE else TEXT_SHIFT)
        else:
            block[(FIRST_NUMBER + target) * state[ROWS] + row] = integer(field, state[at + HOW])
        at += FIELD_WORDS
    return codes


def read_event(message: int, state: Words, block: Words) -> int:
    """Make a row of an event of pflash's; what is wanted before that can be done, or 0."""
    event = bt_message_event_borrow_event_const(message)
    address = bt_event_borrow_class_const(event)
    number = find_class(state, address)
    if number < 0:
        state[SUBJECT] = address
        return ASK_CLASS
    if number == 0:
        state[OTHER] += 1
        return 0
    info = INFO_AT + number * INFO_WORDS
    rows, row = state[ROWS], state[ROW]
    codes = fields_of(event, state, info, block, row)
    if codes < 0:
        return ASK_WORD
    block[CODES * rows + row] = codes | number
    block[MESSAGE * rows + row] = state[SEEN] + 1
    if state[info + CLOCK]:
        time_of(message, state, block, TIME * rows + row)
    if state[info + PROCESS_AT + PLACE_IN]:
        block[PROCESS * rows + row] = from_context(event, state, info + PROCESS_AT)
    if state[info + THREAD_AT + PLACE_IN]:
        block[THREAD * rows + row] = from_context(event, state, info + THREAD_AT)
    state[ROW] = row + 1
    return 0


def read_message(state: Words, block: Words) -> int:
    """Do the next message that was got; what is wanted before that can be done, or 0."""
    message = load(state[ARRAY] + 8 * state[NEXT])
    kind = bt_message_get_type(message)
    if kind == EVENT:
        if state[ROW] == state[ROWS] or state[SEEN] >= state[BREAK]:
            return ASK_ROOM
        want = read_event(message, state, block)
        if want:
            return want
        state[SEEN] += 1
    elif kind == DISCARDED_EVENTS or kind == DISCARDED_PACKETS:  # noqa: PLR1714, SIM109  numba would make a set
        state[SUBJECT] = message
        return ASK_LOSS
    bt_message_put_ref(message)
    state[NEXT] += 1
    return 0


def consume(iterator: int, state: Words, block: Words) -> int:
    """Read until something is wanted (`AGAIN`), the end, or an error of the library's: its status."""
    while True:
        while state[NEXT] < state[COUNT]:
            want = read_message(state, block)
            if want:
                state[ASK] = want
                return AGAIN
        state[NEXT] = 0
        state[COUNT] = 0
        status = bt_message_iterator_next(iterator, state[SELF] + 8 * ARRAY, state[SELF] + 8 * COUNT)
        if status != OK:
            state[COUNT] = 0
            return status
