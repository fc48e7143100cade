"""Event classes: which fields the read loop reads of each, decided once, at the first event of a class."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from tracetool.babeltrace.kernel import slot_of
from tracetool.babeltrace.layout import CLASS_SLOTS, CLASSES, DEVICE_SHIFT, MAX_FIELDS, NUMBERS, STRINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.babeltrace.library import Library
    from tracetool.babeltrace.state import Loop, Places

    Members = dict[str, tuple[int, "How"]]
    Field = tuple[int, "How", int]
    Place = tuple[bool, int, "How"]

__all__ = ["Classes"]

NAME = "name"
PROCESSES = ("vpid", "pid")
THREADS = ("vtid", "tid", *PROCESSES)

_FOLDER = re.compile(rb"/pid/[^/]*-(\d{1,9})-\d{8}-\d{6}(?:/|\Z)")
"""Folder of one process under LTTng's per-process buffering. Ref: lttng-create(1), "Trace output directory"."""

# Ref: babeltrace2/value.h.
_SIGNED_INTEGER = 1 << 4 | 1 << 2


class How(IntEnum):
    """Getter for the value of a field."""

    UNSIGNED = 0
    SIGNED = 1
    STRING = 2


# Ref: babeltrace2/trace-ir/field-class.h. An enumeration has the bits of its integer too.
_HOW = ((1 << 3, How.UNSIGNED), (1 << 4, How.SIGNED), (1 << 9, How.STRING))


class Classes:
    """Registry of event classes, which fills the tables of the loop.

    Args:
        library: the library.
        loop: state whose tables are filled.
        prefix: beginning of the names of the events that are read.
        layouts: by event name without the prefix, its variants: kind, whether there is a device name, and arguments
            with name, target (one of NUMBERS or STRINGS) and whether they are required. The matching variant with most
            arguments wins, among equals one with its arguments in field order.

    Attributes:
        new: descriptions of classes for the parent, by number from 1 on; those not yet sent.
    """

    def __init__(self, library: Library, loop: Loop, prefix: str, layouts: dict[str, list[Any]]) -> None:
        self.new: list[dict[str, Any]] = []
        self._library = library
        self._loop = loop
        self._prefix = prefix
        self._layouts = layouts
        self._addresses: list[int] = []
        self._others = 0

    def add(self, address: int, event: int) -> None:
        """Number the class at an address; `event` is its first event.

        Raises:
            OverflowError: more classes than any QEMU has.
        """
        name = (self._library.bt_event_class_get_name(address) or b"").decode("utf-8", "replace")
        source = name.rpartition(":")[2]
        # A reference keeps the address from being reused for another class.
        self._library.bt_event_class_get_ref(address)
        if not source.startswith(self._prefix):
            self._make_room()
            self._others += 1
            self._enter(address, 0)
            return
        number = len(self._addresses) + 1
        if number == CLASSES:
            raise OverflowError(f"more than {CLASSES - 1} classes of {self._prefix} events")
        self._addresses.append(address)
        self._enter(address, number)
        self.new.append({"name": name, **self._describe(address, number, source.removeprefix(self._prefix), event)})

    def forget_words(self) -> None:
        """Reset the cached words, whose numbers are about to change."""
        for at in range(CLASSES * MAX_FIELDS):
            self._loop.texts.last[at] = 0

    def _make_room(self) -> None:
        """Drop the classes that are not read once they fill half the table."""
        if self._others < CLASS_SLOTS // 2:
            return
        self._others = 0
        self._loop.numbers.clear()
        for number, address in enumerate(self._addresses, 1):
            self._enter(address, number)

    def _enter(self, address: int, number: int) -> None:
        numbers = self._loop.numbers
        slot = slot_of(numbers, address)
        numbers.addresses[slot] = address
        numbers.numbers[slot] = number

    def _describe(self, address: int, number: int, source: str, event: int) -> dict[str, Any]:
        """Fill the loop's tables for a class; return its description for the parent."""
        library, loop = self._library, self._loop
        stream = library.bt_event_class_borrow_stream_class_const(address)
        clock = library.bt_stream_class_borrow_default_clock_class_const(stream)
        members = self._members(library.bt_event_class_borrow_payload_field_class_const(address))
        kind, fields = self._fields(source, members)
        process, thread = (self._place(address, stream, names) for names in (PROCESSES, THREADS))
        loop.clock[number] = bool(clock)
        _fill_place(loop.processes, number, process)
        _fill_place(loop.threads, number, thread)
        self._fill_fields(number, fields)
        return {
            "kind": kind,
            "known": source in self._layouts,
            "numbers": [target for _, how, target in fields if how != How.STRING],
            "clock": bool(clock),
            "epoch": bool(clock and library.bt_clock_class_origin_is_unix_epoch(clock)),
            "process": process is not None,
            "thread": thread is not None,
            "of_process": None if process is not None else self._process_of(event),
        }

    def _fill_fields(self, number: int, fields: Sequence[Field]) -> None:
        for member, how, target in fields:
            table = self._loop.texts if how == How.STRING else self._loop.integers
            at = number * MAX_FIELDS + table.count[number]
            table.member[at], table.signed[at], table.target[at] = member, how == How.SIGNED, target
            table.count[number] += 1

    def _fields(self, source: str, members: Members) -> tuple[int, list[Field]]:
        """Return the matching variant, -1 if there is none, and its fields: member, getter, and column or shift."""
        found = [(kind, _match(members, *layout)) for kind, *layout in self._layouts.get(source, ())]
        fitting = [(kind, fields) for kind, fields in found if fields is not None]
        return max(fitting, key=lambda each: (len(each[1]), each[1] == sorted(each[1])), default=(-1, []))

    def _members(self, structure: int | None) -> Members:
        """Return the integers and strings of a structure by name: member index and getter."""
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
        """Return the process that an event's trace comes from, None if unknown.

        Known under LTTng's per-process buffering, from the trace's environment or its folder.
        """
        library = self._library
        trace = library.bt_stream_borrow_trace_const(library.bt_event_borrow_stream_const(event))
        value = library.bt_trace_borrow_environment_entry_value_by_name_const(trace, b"vpid")
        if value and library.bt_value_get_type(value) == _SIGNED_INTEGER:
            return int(library.bt_value_integer_signed_get(value))
        folder = _FOLDER.search(library.bt_trace_get_name(trace) or b"")
        return int(folder[1]) if folder else None

    def _place(self, address: int, stream: int, names: Sequence[str]) -> Place | None:
        """Find the first of these names in an event's contexts: (in the specific one, member, getter), or None."""
        library = self._library
        common = library.bt_stream_class_borrow_event_common_context_field_class_const(stream)
        specific = library.bt_event_class_borrow_specific_context_field_class_const(address)
        contexts = ((False, self._members(common)), (True, self._members(specific)))
        found = ((where, *members[name]) for name in names for where, members in contexts if name in members)
        return next((place for place in found if place[2] != How.STRING), None)


def _fill_place(places: Places, number: int, place: Place | None) -> None:
    if place is not None:
        places.known[number] = True
        places.specific[number], places.member[number], places.signed[number] = place


def _match(members: Members, named: bool, arguments: Sequence[tuple[str, str, bool]]) -> list[Field] | None:
    """Return the fields of a variant among these members, None if they do not match."""
    if named != (NAME in members):
        return None
    fields = [(members[NAME][0], members[NAME][1], DEVICE_SHIFT)] if named else []
    for name, target, required in arguments:
        member, how = members.get(name, (-1, How.UNSIGNED))
        if member >= 0 and (how == How.STRING) == (target in STRINGS):
            where = STRINGS[target] if how == How.STRING else NUMBERS.index(target)
            fields.append((member, how, where))
        elif required:
            return None
    return fields if not named or fields[0][1] == How.STRING else None
