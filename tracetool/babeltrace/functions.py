"""The functions of libbabeltrace2 that the read loop calls, and their constants; every pointer is an int64.

The library is found at run time: `put` gives each function its address. Here that makes a ctypes function; compiled,
`functions.pxd` has pointers of the same names.

Ref: babeltrace2/graph/graph.h, babeltrace2/graph/message.h, babeltrace2/graph/message-iterator.h, version 2.0.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import Any

__all__ = ["KERNEL", "MessageType", "Status", "load", "prototype", "put", "strcmp"]


class Status(IntEnum):
    """What a sink answers when it is called."""

    OK = 0
    AGAIN = 11
    ERROR = -1


class MessageType(IntEnum):
    """Messages that are looked at."""

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
"""What the loop calls: the letters of the result and the arguments, see `prototype`."""

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
    """The types of the result and the arguments, for ctypes."""
    return [_TYPES[letter] for letter in letters]


def _missing(*_: int) -> int:
    """Stand for a function whose address is not known yet."""
    raise NotImplementedError


bt_message_iterator_next = bt_message_get_type = bt_message_put_ref = _missing
bt_message_event_borrow_event_const = bt_message_event_borrow_default_clock_snapshot_const = _missing
bt_clock_snapshot_get_ns_from_origin = bt_event_borrow_class_const = _missing
bt_event_borrow_payload_field_const = bt_field_structure_borrow_member_field_by_index_const = _missing
bt_event_borrow_common_context_field_const = bt_event_borrow_specific_context_field_const = _missing
bt_field_integer_unsigned_get_value = bt_field_integer_signed_get_value = bt_field_string_get_value = _missing


def put(name: bytes, address: int) -> bool:
    """Give a function its address; False if the loop has no function of that name."""
    letters = KERNEL.get(name.decode(), "")
    if letters:
        # Reading the files may take long, and other threads run meanwhile; the rest is over at once.
        kind = ctypes.CFUNCTYPE if name == b"bt_message_iterator_next" else ctypes.PYFUNCTYPE
        globals()[name.decode()] = kind(*prototype(letters))(address)
    return bool(letters)


strcmp = ctypes.PYFUNCTYPE(*prototype("iqq"))(("strcmp", ctypes.PyDLL(None)))


def load(address: int) -> int:
    """The word at an address."""
    return ctypes.c_int64.from_address(address).value
