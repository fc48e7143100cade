"""Functions of libbabeltrace2 for the read loop, and their constants; every pointer is an int64.

The library is loaded at run time: `put` binds each function to its address. In plain Python that is a ctypes function;
compiled, a pointer of `functions.pxd`.

Ref: babeltrace2/graph/graph.h, babeltrace2/graph/message.h, babeltrace2/graph/message-iterator.h, version 2.0.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import Any

__all__ = ["KERNEL", "MessageType", "Status", "load", "prototype", "put", "strcmp"]


class Status(IntEnum):
    """Status that a sink returns."""

    OK = 0
    AGAIN = 11
    ERROR = -1


class MessageType(IntEnum):
    """Types of the messages that the loop handles."""

    EVENT = 1 << 2
    DISCARDED_EVENTS = 1 << 5
    DISCARDED_PACKETS = 1 << 6


KERNEL: dict[str, str] = {
    "bt_message_iterator_next": "iqqq",
    "bt_message_get_type": "iq",
    "bt_message_put_ref": "vq",
    "bt_message_event_borrow_event_const": "qq",
    "bt_message_event_borrow_default_clock_snapshot_const": "qq",
    "bt_clock_snapshot_get_ns_from_origin": "iqq",
    "bt_event_borrow_class_const": "qq",
    "bt_event_borrow_payload_field_const": "qq",
    "bt_event_borrow_common_context_field_const": "qq",
    "bt_event_borrow_specific_context_field_const": "qq",
    "bt_field_structure_borrow_member_field_by_index_const": "qqq",
    "bt_field_integer_unsigned_get_value": "qq",
    "bt_field_integer_signed_get_value": "qq",
    "bt_field_string_get_value": "qq",
}
"""Functions of the loop: letters of the result and the arguments, see `prototype`."""

# A pointer, a pointer as a number, a C string; signed and unsigned integers.
_TYPES: dict[str, Any] = {
    "p": ctypes.c_void_p,
    "q": ctypes.c_int64,
    "Q": ctypes.c_uint64,
    "i": ctypes.c_int,
    "I": ctypes.c_uint,
    "s": ctypes.c_char_p,
    "v": None,
}


def prototype(letters: str) -> list[Any]:
    """Convert letters to the ctypes types of result and arguments."""
    return [_TYPES[letter] for letter in letters]


def _missing(*_: int) -> int:
    """Placeholder of an unbound function."""
    raise NotImplementedError


bt_message_iterator_next = bt_message_get_type = bt_message_put_ref = _missing
bt_message_event_borrow_event_const = bt_message_event_borrow_default_clock_snapshot_const = _missing
bt_clock_snapshot_get_ns_from_origin = bt_event_borrow_class_const = _missing
bt_event_borrow_payload_field_const = bt_field_structure_borrow_member_field_by_index_const = _missing
bt_event_borrow_common_context_field_const = bt_event_borrow_specific_context_field_const = _missing
bt_field_integer_unsigned_get_value = bt_field_integer_signed_get_value = bt_field_string_get_value = _missing


def put(name: bytes, address: int) -> bool:
    """Bind a function to its address; return False if the loop has none of that name."""
    letters = KERNEL.get(name.decode(), "")
    if letters:
        # The one call that may block on files releases the GIL.
        kind = ctypes.CFUNCTYPE if name == b"bt_message_iterator_next" else ctypes.PYFUNCTYPE
        globals()[name.decode()] = kind(*prototype(letters))(address)
    return bool(letters)


strcmp = ctypes.PYFUNCTYPE(*prototype("iqq"))(("strcmp", ctypes.PyDLL(None)))


def load(address: int) -> int:
    """Load the word at an address."""
    return ctypes.c_int64.from_address(address).value
