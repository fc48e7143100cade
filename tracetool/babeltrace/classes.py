"""What to do with the events of a class, told by its name and its fields once, when its first event comes."""

from __future__ import annotations

import ctypes
import re
from typing import TYPE_CHECKING, Any

from tracetool.babeltrace.layout import (
    CLASS_SLOTS,
    CLASSES,
    CLASSES_AT,
    CLOCK,
    COMMON,
    DEVICE,
    FIELD_COUNT,
    FIELD_WORDS,
    FIRST_FIELD,
    INFO_AT,
    INFO_WORDS,
    LAST,
    NUMBERS,
    PROCESS_AT,
    SIGNED,
    SPECIFIC,
    STRING,
    TEXT,
    THREAD_AT,
    UNSIGNED,
    slot_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.babeltrace.library import Library

    Members = dict[str, tuple[int, int]]
    Where = tuple[int, int, int]

__all__ = ["Classes"]

PREFIX = "pflash_"
NAME = "name"
PROCESSES = ("vpid", "pid")
THREADS = ("vtid", "tid", *PROCESSES)

_FOLDER = re.compile(rb"/pid/[^/]*-(\d{1,9})-\d{8}-\d{6}(?:/|\Z)")
"""The folder of one process, where LTTng has buffers for each. Ref: lttng-create(1), "Trace output directory"."""

# Ref: babeltrace2/value.h.
_SIGNED_INTEGER = 1 << 4 | 1 << 2

# Ref: babeltrace2/trace-ir/field-class.h. An enumeration has its integer's bits too.
_HOW = ((1 << 3, UNSIGNED), (1 << 4, SIGNED), (1 << 9, STRING))


class Classes:
    """The classes met so far, in the tables of the loop's state.

    Args:
        library: the library.
        state: the loop's state; the tables in it are filled.
        layouts: by name in the trace, without `pflash_`: for each variant its kind, whether it has a device's name,
            and its arguments, each with its name, where it goes (a column of NUMBERS, or "text") and whether the event
            is no such variant without it. Of several that fit that with most arguments is taken; of those one whose
            arguments come in the order of the fields.

    Attributes:
        new: what the parent does not know yet of pflash's classes, in the order of their numbers, from 1 on.
    """

    def __init__(self, library: Library, state: memoryview[int], layouts: dict[str, list[Any]]) -> None:
        self.new: list[dict[str, Any]] = []
        self._library = library
        self._state = state
        self._layouts = layouts
        self._addresses: list[int] = []
        self._others = 0

    def add(self, address: int, event: int) -> None:
        """Give the class at an address a number; `event` is the first of its events.

        Raises:
            OverflowError: there are more of pflash's classes than any QEMU has.
        """
        name = (self._library.bt_event_class_get_name(address) or b"").decode("utf-8", "replace")
        source = name.rpartition(":")[2]
        # An address must not come to stand for another class: the class is kept until the process ends.
        self._library.bt_event_class_get_ref(address)
        if not source.startswith(PREFIX):
            self._make_room()
            self._others += 1
            self._enter(address, 0)
            return
        number = len(self._addresses) + 1
        if number == CLASSES:
            raise OverflowError(f"more than {CLASSES - 1} classes of pflash events")
        self._addresses.append(address)
        self._enter(address, number)
        self.new.append({"name": name, **self._describe(address, number, source.removeprefix(PREFIX), event)})

    def forget_words(self) -> None:
        """The numbers of words are about to change."""
        for number in range(1, len(self._addresses) + 1):
            info = INFO_AT + number * INFO_WORDS
            for field in range(self._state[info + FIELD_COUNT]):
                self._state[info + FIRST_FIELD + field * FIELD_WORDS + LAST] = 0

    def _make_room(self) -> None:
        """Forget the classes that are not pflash's when they have filled half the table."""
        if self._others < CLASS_SLOTS // 2:
            return
        self._others = 0
        for at in range(CLASSES_AT, CLASSES_AT + 2 * CLASS_SLOTS):
            self._state[at] = 0
        for number, address in enumerate(self._addresses, 1):
            self._enter(address, number)

    def _enter(self, address: int, number: int) -> None:
        slot = slot_of(address)
        while self._state[CLASSES_AT + 2 * slot]:
            slot = (slot + 1) % CLASS_SLOTS
        self._state[CLASSES_AT + 2 * slot] = address
        self._state[CLASSES_AT + 2 * slot + 1] = number

    def _describe(self, address: int, number: int, source: str, event: int) -> dict[str, Any]:
        """Fill the loop's information on a class; what the parent must know of it."""
        library, state = self._library, self._state
        stream = library.bt_event_class_borrow_stream_class_const(address)
        clock = library.bt_stream_class_borrow_default_clock_class_const(stream)
        members = self._members(library.bt_event_class_borrow_payload_field_class_const(address))
        kind, fields = self._fields(source, members)
        process, thread = (self._place(address, stream, names) for names in (PROCESSES, THREADS))
        info = INFO_AT + number * INFO_WORDS
        state[info + CLOCK] = bool(clock)
        for place, first in ((process, PROCESS_AT), (thread, THREAD_AT)):
            for at, value in enumerate(place or (0, 0, 0), info + first):
                state[at] = value
        state[info + FIELD_COUNT] = len(fields)
        for field, words in enumerate(fields):
            for at, value in enumerate(words, info + FIRST_FIELD + field * FIELD_WORDS):
                state[at] = value
        return {
            "kind": kind,
            "known": source in self._layouts,
            "numbers": [target for _, how, target in fields if how != STRING],
            "clock": bool(clock),
            "epoch": bool(clock and library.bt_clock_class_origin_is_unix_epoch(clock)),
            "process": process is not None,
            "thread": thread is not None,
            "of_process": None if process is not None else self._process_of(event),
        }

    def _fields(self, source: str, members: Members) -> tuple[int, list[Where]]:
        """The variant that fits, -1 if none does, and its fields: member, how, target."""
        found = [(kind, _match(members, *layout)) for kind, *layout in self._layouts.get(source, ())]
        fitting = [(kind, fields) for kind, fields in found if fields is not None]
        return max(fitting, key=lambda each: (len(each[1]), each[1] == sorted(each[1])), default=(-1, []))

    def _members(self, structure: int | None) -> Members:
        """The integers and strings of a structure, by name: which member, and how its value is got."""
        library = self._library
        members: Members = {}
        for at in range(library.bt_field_class_structure_get_member_count(structure) if structure else 0):
            member = library.bt_field_class_structure_borrow_member_by_index_const(structure, at)
            kind = library.bt_field_class_get_type(
                library.bt_field_class_structure_member_borrow_field_class_const(member)
            )
            name = library.bt_field_class_structure_member_get_name(member).decode("utf-8", "replace")
            members.update((name, (at, how)) for bit, how in _HOW if kind & bit)
        return members

    def _process_of(self, event: int) -> int | None:
        """The process that all of an event's trace comes from; None if nothing says so.

        Its environment does where LTTng has buffers for each process, and so does the folder it lies in.
        """
        library = self._library
        trace = library.bt_stream_borrow_trace_const(library.bt_event_borrow_stream_const(event))
        value = library.bt_trace_borrow_environment_entry_value_by_name_const(trace, b"vpid")
        if value and library.bt_value_get_type(value) == _SIGNED_INTEGER:
            return int(library.bt_value_integer_signed_get(value))
        folder = _FOLDER.search(library.bt_trace_get_name(trace) or b"")
        return int(folder[1]) if folder else None

    def _place(self, address: int, stream: int, names: Sequence[str]) -> Where | None:
        """Where the first of these is in an event's contexts: structure, member, how; None if none is recorded."""
        library = self._library
        common = library.bt_stream_class_borrow_event_common_context_field_class_const(stream)
        specific = library.bt_event_class_borrow_specific_context_field_class_const(address)
        contexts = ((COMMON, self._members(common)), (SPECIFIC, self._members(specific)))
        found = ((where, *members[name]) for name in names for where, members in contexts if name in members)
        return next((place for place in found if place[2] != STRING), None)


def _match(members: Members, named: bool, arguments: Sequence[tuple[str, str, bool]]) -> list[Where] | None:
    """The fields of a variant among these members, or None if they are not its."""
    if named != (NAME in members):
        return None
    fields = [(members[NAME][0], members[NAME][1], DEVICE)] if named else []
    for name, target, required in arguments:
        member, how = members.get(name, (-1, UNSIGNED))
        if member >= 0 and (how == STRING) == (target == "text"):
            fields.append((member, how, TEXT if how == STRING else NUMBERS.index(target)))
        elif required:
            return None
    return fields if not named or fields[0][1] == STRING else None


def word_at(address: int) -> ctypes.Array[ctypes.c_char]:
    """A copy of the string at an address that stays where it is."""
    return ctypes.create_string_buffer(ctypes.string_at(address))
