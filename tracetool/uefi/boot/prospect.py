"""What the next boot costs: variables of the image that the firmware does not take up, and what would save them."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from replay.pages import Pages
from tracetool.uefi.boot.contents import Contents
from tracetool.uefi.boot.order import Boot, Outcome, boot
from tracetool.uefi.boot.steps import Rule
from tracetool.uefi.boot.variable_driver import read_store
from tracetool.uefi.boot.write_queue import has_queue, pending_write
from tracetool.uefi.variables import START_ID, STORE_HEADER_BYTES, State, VariableList, read_variable
from tracetool.uefi.volume import HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from tracetool.uefi.boot.contents import Image
    from tracetool.uefi.boot.firmware import Firmware
    from tracetool.uefi.boot.variable_driver import Taken
    from tracetool.uefi.variables import Variable

    Variables = dict[tuple[str, UUID], Variable]

__all__ = ["Prospect", "Remedy", "prospect"]


class Remedy(Enum):
    """A change of the image before the boot that keeps variables, as the model of the boot has it."""

    HEADERS = auto()
    """The headers of an empty store over those of this one."""
    SPARE = auto()
    """The spare over the store."""


class Prospect(NamedTuple):
    """The next boot, and what it costs.

    Attributes:
        boot: the boot.
        following: the boot after one that hangs; None after any other.
        lost: variables in the image that neither takes up. What a cut erased cannot be known.
        erased: the cut erased the headers of a store that was in use.
        remedy: what would keep more of them; None: nothing that is in the image.
        remedied: how many variables a boot takes up then.
    """

    boot: Boot
    following: Boot | None
    lost: tuple[Variable, ...]
    erased: bool
    remedy: Remedy | None
    remedied: int

    @property
    def cut(self) -> bool:
        """True where the last variable looks cut, so that more may be missing than the image shows."""
        return Rule.V7 in self.boot.rules

    @property
    def is_safe(self) -> bool:
        """True where the store boots with all its variables."""
        return _starts(self.boot) and not (self.lost or self.erased or self.cut)


def prospect(image: Image, firmware: Firmware) -> Prospect:
    """Boot a firmware with an image, and compare what it takes up with what the image holds."""
    found = boot(image, firmware)
    following = boot(found.image, firmware) if found.outcome is Outcome.HUNG and not found.for_good else None
    contents = Contents(image, firmware.volume_bytes)
    taken = _by_name((following or found).taken_up)
    lost = tuple(variable for name, variable in _held(contents, firmware).items() if name not in taken)
    erased = found.outcome is Outcome.REFORMATTED and has_queue(contents, firmware)
    remedy, remedied = _remedy(contents, firmware, found)
    return Prospect(found, following, lost, erased, remedy, remedied)


def _by_name(variables: Iterable[Variable]) -> Variables:
    """Variables by name and GUID; without those whose name or GUID was cut."""
    return {
        (variable.name, variable.guid): variable
        for variable in variables
        if variable.name.isprintable() and variable.name and variable.header.guid != b"\xff" * 16
    }


def _held(contents: Contents, firmware: Firmware) -> Variables:
    """The variables in an image: of its list, behind it, and of a write that waits in the spare."""
    store = firmware.headers + contents.part(len(firmware.headers), firmware.store_bytes - len(firmware.headers))
    taken = read_store(Pages(store), HEADER_BYTES)
    held = _by_name(taken.current) | _by_name(_hidden(store, taken))
    if pending_write(contents, firmware):
        held |= _by_name(read_store(contents.region(firmware.spare, firmware.store_bytes), HEADER_BYTES).current)
    return held


def _hidden(store: bytes, taken: Taken) -> Iterator[Variable]:
    """Whole, added variables behind the end of the list, which the firmware does not see."""
    if taken.header is None or taken.tail_erased:
        return

    def read(offset: int, length: int) -> bytes | None:
        return store[offset : offset + length]

    start = taken.list_end
    while (start := store.find(START_ID, start)) >= 0:
        rest = taken.header._replace(offset=start - STORE_HEADER_BYTES, size=len(store) - start + STORE_HEADER_BYTES)
        headers = VariableList(read, rest) if not start % 4 else None
        for header in headers.headers if headers else ():
            variable = read_variable(read, header, len(store))
            if header.state == State.ADDED and variable.complete and not header.abandoned:
                yield variable
        start = max(headers.end if headers else 0, start + 2)


def _remedy(contents: Contents, firmware: Firmware, found: Boot) -> tuple[Remedy | None, int]:
    """The change that has a boot take up the most variables, and how many; None: none is better than no change."""
    best: tuple[Remedy | None, int] = (None, len(found.taken_up) if _starts(found) else -1)
    for remedy, data in (
        (Remedy.SPARE, contents.part(firmware.spare, firmware.store_bytes)),
        (Remedy.HEADERS, firmware.headers),
    ):
        changed = Contents(contents.pages, firmware.volume_bytes)
        changed.write(0, data)
        then = boot(changed.pages, firmware)
        if _starts(then) and then.outcome is not Outcome.REFORMATTED and len(then.taken_up) > best[1]:
            best = (remedy, len(then.taken_up))
    return best


def _starts(found: Boot) -> bool:
    return found.outcome not in (Outcome.HUNG, Outcome.IGNORED)
