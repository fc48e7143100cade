"""Read loop: converts messages to rows of a block. The hot loop.

Plain Python to which `kernel.pxd` gives C types; `functions` has the library calls. The loop stops between two messages
to make a request (`Ask`), and resumes with the same message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.babeltrace import functions
from tracetool.babeltrace.functions import MessageType, Status
from tracetool.babeltrace.layout import CLASS_SLOTS, MAX_FIELDS, NO_TIME, Ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracetool.babeltrace.state import ClassNumbers, Loop, Places, Strings

__all__ = ["bind", "consume", "slot_of"]


def bind(addresses: Mapping[str, int]) -> None:
    """Bind the functions of `functions.KERNEL` to their addresses.

    Raises:
        KeyError: unknown name.
    """
    for name, address in addresses.items():
        text = name.encode()
        if not functions.put(text, address):
            raise KeyError(name)


def slot_of(numbers: ClassNumbers, address: int) -> int:
    """Find the slot of a class in the hash table, or the free slot for it. Addresses are nonzero multiples of 16."""
    slot = (address >> 4) & (CLASS_SLOTS - 1)
    while numbers.addresses[slot] != address and numbers.addresses[slot] != 0:
        slot = (slot + 1) & (CLASS_SLOTS - 1)
    return slot


def find_string(strings: Strings, text: int, last: int) -> int:
    """Look the string at an address up; return its number, 0 if it is new. `last` is tried first."""
    if last != 0 and functions.strcmp(text, strings.addresses[last]) == 0:
        return last
    for word in range(1, strings.count):
        if functions.strcmp(text, strings.addresses[word]) == 0:
            return word
    return 0


def integer(field: int, signed: int) -> int:
    """Return the value of an integer field, of an unsigned one its bits."""
    if signed:
        return functions.bt_field_integer_signed_get_value(field)
    return functions.bt_field_integer_unsigned_get_value(field)


def time_of(loop: Loop, message: int) -> int:
    """Return the time of a message in ns from its clock's origin, or NO_TIME."""
    clock = functions.bt_message_event_borrow_default_clock_snapshot_const(message)
    if functions.bt_clock_snapshot_get_ns_from_origin(clock, loop.time.address) != 0:
        return NO_TIME
    return loop.time.word[0]


def from_context(places: Places, number: int, event: int) -> int:
    """Return the integer at a place in the contexts of an event."""
    if places.specific[number]:
        context = functions.bt_event_borrow_specific_context_field_const(event)
    else:
        context = functions.bt_event_borrow_common_context_field_const(event)
    member = functions.bt_field_structure_borrow_member_field_by_index_const(context, places.member[number])
    return integer(member, places.signed[number])


def read_texts(loop: Loop, payload: int, number: int) -> int:
    """Return the numbers of an event's strings, shifted into place; -1 if a string has no number yet."""
    words = 0
    for at in range(number * MAX_FIELDS, number * MAX_FIELDS + loop.texts.count[number]):
        field = functions.bt_field_structure_borrow_member_field_by_index_const(payload, loop.texts.member[at])
        text = functions.bt_field_string_get_value(field)
        word = find_string(loop.strings, text, loop.texts.last[at])
        if word == 0:
            loop.subject = text
            return -1
        loop.texts.last[at] = word
        words |= word << loop.texts.target[at]
    return words


def read_integers(loop: Loop, payload: int, number: int) -> None:
    """Fill the columns of the integers."""
    for at in range(number * MAX_FIELDS, number * MAX_FIELDS + loop.integers.count[number]):
        field = functions.bt_field_structure_borrow_member_field_by_index_const(payload, loop.integers.member[at])
        column = loop.integers.target[at] * loop.block.rows
        loop.block.numbers[column + loop.row] = integer(field, loop.integers.signed[at])


def read_row(loop: Loop, message: int, event: int, number: int) -> bool:
    """Convert a pflash event to a row; False if a string has no number yet."""
    payload = functions.bt_event_borrow_payload_field_const(event)
    words = read_texts(loop, payload, number)
    if words < 0:
        loop.ask = Ask.WORD
        return False
    read_integers(loop, payload, number)
    loop.block.codes[loop.row] = words | number
    loop.block.message[loop.row] = loop.seen + 1
    if loop.clock[number]:
        loop.block.time[loop.row] = time_of(loop, message)
    if loop.processes.known[number]:
        loop.block.process[loop.row] = from_context(loop.processes, number, event)
    if loop.threads.known[number]:
        loop.block.thread[loop.row] = from_context(loop.threads, number, event)
    loop.row += 1
    return True


def read_event(loop: Loop, message: int) -> bool:
    """Process an event; False if the loop makes a request first."""
    if loop.row == loop.block.rows or loop.seen >= loop.pause:
        loop.ask = Ask.ROOM
        return False
    event = functions.bt_message_event_borrow_event_const(message)
    address = functions.bt_event_borrow_class_const(event)
    slot = slot_of(loop.numbers, address)
    if loop.numbers.addresses[slot] == 0:
        loop.ask = Ask.CLASS
        loop.subject = address
        return False
    number = loop.numbers.numbers[slot]
    if number > 0:
        if not read_row(loop, message, event, number):
            return False
    else:
        loop.other += 1
    loop.seen += 1
    return True


def read_message(loop: Loop) -> bool:
    """Process the next message; False if the loop makes a request first."""
    message = functions.load(loop.next)
    kind = functions.bt_message_get_type(message)
    if kind == MessageType.EVENT:
        if not read_event(loop, message):
            return False
    elif kind == MessageType.DISCARDED_EVENTS or kind == MessageType.DISCARDED_PACKETS:  # noqa: PLR1714  no tuples in C
        loop.ask = Ask.LOSS
        loop.subject = message
        return False
    functions.bt_message_put_ref(message)
    loop.next += 8
    return True


def consume(loop: Loop, iterator: int) -> int:
    """Read until a request (`Status.AGAIN`), the end, or an error of the library; return the status."""
    while True:
        while loop.next < loop.end:
            if not read_message(loop):
                return Status.AGAIN
        status = functions.bt_message_iterator_next(iterator, loop.array.address, loop.count.address)
        if status != Status.OK:
            return status
        loop.next = loop.array.word[0]
        loop.end = loop.next + 8 * loop.count.word[0]
