"""Programs as text files: a header, then one access a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.live.guest import RESET, Access
from tests.live.machines import MACHINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Saved(NamedTuple):
    """A program: name of the machine, seed of the first contents, and the accesses."""

    machine: str
    image: int
    accesses: list[Access]


def to_text(saved: Saved) -> str:
    """Text of a program."""
    return "\n".join([f"machine {saved.machine}", f"image {saved.image}", *_lines(saved)]) + "\n"


def _lines(saved: Saved) -> Iterator[str]:
    names = [flash.name for flash in MACHINES[saved.machine].driven]
    for unit, offset, size, value in saved.accesses:
        if unit < 0:
            yield "reset"
        elif value is None:
            yield f"{names[unit]} read {size} {offset:#x}"
        else:
            yield f"{names[unit]} write {size} {offset:#x} {value:#x}"


def from_text(text: str) -> Saved:
    """Program in a text; lines that begin with `#` are comments."""
    (_, machine), (_, image), *rest = (line.split() for line in text.splitlines() if line and line[0] != "#")
    return Saved(machine, int(image), list(_accesses(machine, rest)))


def _accesses(machine: str, lines: Sequence[Sequence[str]]) -> Iterator[Access]:
    names = [flash.name for flash in MACHINES[machine].driven]
    for name, *words in lines:
        if name == "reset":
            yield RESET
        else:
            what, *numbers = words
            size, offset, *value = (int(number, 0) for number in numbers)
            assert what == ("write" if value else "read"), words
            yield Access(names.index(name), offset, size, *value)
