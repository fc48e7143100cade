"""The catalogue of events as the kernel of the text scanner has it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tracetool.events import CATALOGUE, PREFIX, READABLE
from tracetool.ingest.interning import StringTable
from tracetool.ingest.patterns import USUAL_DIGITS
from tracetool.ingest.text_codes import LONGEST_NAME, MARKER, Column, Form, Group, Step, Text, Variant
from tracetool.ingest.text_log import Tables, records

if TYPE_CHECKING:
    from tracetool.events import Argument
    from tracetool.events import Variant as Event

__all__ = ["new_tables"]

HEX = 16
_COLUMNS = {column.name.lower(): column for column in Column}


class _Letters:
    """Literals, each once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._known: dict[str, Text] = {}

    def place(self, literal: str) -> Text:
        """Place of a literal."""
        if literal not in self._known:
            self._known[literal] = Text(len(self.data), len(literal))
            self.data += literal.encode("ascii")
        return self._known[literal]


def _is_usual(event: Event) -> bool:
    """True if the kernel can read a variant: plain numbers, then at most a text to the end of the line."""
    texts = [argument for argument in event.arguments if not argument.radix]
    plain = all(a.column in _COLUMNS and not a.sizes for a in event.arguments if a.radix)
    return plain and (not texts or (texts == [event.arguments[-1]] and not event.pieces[-1]))


class _Builder:
    def __init__(self) -> None:
        self.letters = _Letters()
        self.groups: list[Group] = []
        self.variants: list[Variant] = []
        self.steps: list[Step] = []
        self.texts: list[Text] = []
        for literal in (PREFIX, MARKER):
            self.letters.place(literal)

    def add(self, source: str, kinds: list[int]) -> None:
        """Add the variants of an event."""
        self.groups.append(Group(*self.letters.place(f"{PREFIX}{source} "), len(self.variants), len(kinds)))
        for kind in kinds:
            event, first = CATALOGUE[kind], len(self.steps)
            self._add_steps(event)
            self.variants.append(Variant(kind, event.named, first, len(self.steps) - first))

    def _add_steps(self, event: Event) -> None:
        for piece, argument in zip(event.pieces, event.arguments, strict=False):
            prefix = "0x" if argument.conversion.startswith("0x") else ""
            self.steps.append(self._step(event, argument, self.letters.place(piece + prefix)))
        if not event.arguments or event.arguments[-1].radix:
            self.steps.append(Step(*self.letters.place(event.pieces[-1]), Form.END_OF_LINE))

    def _step(self, event: Event, argument: Argument, before: Text) -> Step:
        if not argument.radix:
            first = len(self.texts)
            self.texts += map(self.letters.place, event.texts)
            return Step(*before, Form.TEXT_TO_END, first=first, texts=len(event.texts))
        if argument.column == "size" and event.accesses:
            return Step(*before, Form.ACCESS_SIZE, Column.SIZE, digits=1)
        form = Form.HEXADECIMAL if argument.radix == HEX else Form.DECIMAL
        return Step(*before, form, _COLUMNS[argument.column], USUAL_DIGITS[argument.column, argument.radix])


@cache
def _built() -> _Builder:
    built = _Builder()
    for source, kinds in READABLE.items():
        own = [kind for kind in kinds if _is_usual(CATALOGUE[kind])]
        if own:
            built.add(source, own)
    return built


def new_tables() -> Tables:
    """The tables, for one scanner: nothing of them is shared."""
    built = _built()
    names = StringTable(len(built.groups), LONGEST_NAME * len(built.groups))
    for group in built.groups:
        names.intern(built.letters.data, group.start, group.length - 1)
    return Tables(
        bytearray(built.letters.data),
        names,
        records(Group, built.groups),
        records(Variant, built.variants),
        records(Step, built.steps),
        records(Text, built.texts),
    )
