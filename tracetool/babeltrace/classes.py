"""What to do with the events of a class, told by its name and its fields once, when its first event comes."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from tracetool.babeltrace.kernel import slot_of
from tracetool.babeltrace.layout import CLASS_SLOTS, CLASSES, DEVICE_SHIFT, MAX_FIELDS, NUMBERS, TEXT_SHIFT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.babeltrace.library import Library
    from tracetool.babeltrace.state import Loop, Places

    Members = dict[str, tuple[int, "How"]]
    Field = tuple[int, "How", int]
    Place = tuple[bool, int, "How"]

__all__ = ["Classes"]

PREFIX = "pflash_"
NAME = "name"
PROCESSES = ("vpid", "pid")
THREADS = ("vtid", "tid", *PROCESSES)

_FOLDER = re.compile(rb"/pid/[^/]*-(\d{1,9})-\d{8}-\d{6}(?:/|\Z)")
"""The folder of one process, where LTTng has buffers for each. Ref: lttng-create(1), "Trace output directory"."""

# Ref: babeltrace2/value.h.
_SIGNED_INTEGER = 1 << 4 | 1 << 2


class How(IntEnum):
    """How the value of a field is got."""

    UNSIGNED = 0
    SIGNED = 1
    STRING = 2


# Ref: babeltrace2/trace-ir/field-class.h. An enumeration has its integer's bits too.
_HOW = ((1 << 3, How.UNSIGNED), (1 << 4, How.SIGNED), (1 << 9, How.STRING))


class Classes:
    """The classes met so far, in the tables of the loop.

    Args:
        library: the library.
        loop: its tables are filled.
        layouts: by name in the trace, without `pflash_`: for each variant its kind, whether it has a device's name,
            and its arguments, each with its name, where it goes (a column of NUMBERS, or "text") and whether the event
            is no such variant without it. Of several that fit that with most arguments is taken; of those one whose
            arguments come in the order of the fields.

    Attributes:
        new: what the parent does not know yet of pflash's classes, in the order of their numbers, from 1 on.
    """

    def __init__(self, library: Library, loop: Loop, layouts: dict[str, list[Any]]) -> None:
        self.new: list[dict[str, Any]] = []
        self._library = library
        self._loop = loop
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
        for at in range(CLASSES * MAX_FIELDS):
            self._loop.texts.last[at] = 0

    def _make_room(self) -> None:
        """Forget the classes that are not pflash's when they have filled half the table."""
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
        """Fill the loop's tables for a class; what the parent must know of it."""
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
        integers, texts, first = self._loop.integers, self._loop.texts, number * MAX_FIELDS
        for member, how, target in fields:
            if how == How.STRING:
                at = first + texts.count[number]
                texts.member[at], texts.shift[at] = member, target
                texts.count[number] += 1
            else:
                at = first + integers.count[number]
                integers.member[at], integers.signed[at], integers.number[at] = member, how, target
                integers.count[number] += 1

    def _fields(self, source: str, members: Members) -> tuple[int, list[Field]]:
        """The variant that fits, -1 if none does, and its fields: member, how, and number or shift."""
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

    def _place(self, address: int, stream: int, names: Sequence[str]) -> Place | None:
        """Where an event's contexts have the first of these: in the specific one, member, how; None if nowhere."""
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
    """The fields of a variant among these members, or None if they are not its."""
    if named != (NAME in members):
        return None
    fields = [(members[NAME][0], members[NAME][1], DEVICE_SHIFT)] if named else []
    for name, target, required in arguments:
        member, how = members.get(name, (-1, How.UNSIGNED))
        if member >= 0 and (how == How.STRING) == (target == "text"):
            where = TEXT_SHIFT if how == How.STRING else NUMBERS.index(target)
            fields.append((member, how, where))
        elif required:
            return None
    return fields if not named or fields[0][1] == How.STRING else None
