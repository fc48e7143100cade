"""One boot: flash driver, fault tolerant write and variable driver in the firmware's order (O1 to O5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from tracetool.uefi.boot.contents import Contents
from tracetool.uefi.boot.flash_driver import accept, header_bytes, is_absent, size_is_wrong
from tracetool.uefi.boot.steps import Rule, Step, Trail
from tracetool.uefi.boot.variable_driver import is_usable, read_store, reclaim, take_up
from tracetool.uefi.boot.write_queue import empty_queue, finish_writes

if TYPE_CHECKING:
    from replay.pages import Pages
    from tracetool.uefi.boot.contents import Image
    from tracetool.uefi.boot.firmware import Firmware
    from tracetool.uefi.boot.variable_driver import Taken
    from tracetool.uefi.variables import Variable

__all__ = ["Boot", "Outcome", "boot"]


class Outcome(StrEnum):
    """What becomes of a store at a boot."""

    KEPT = "kept"
    """Taken as it is; variables may be missing all the same."""
    REFORMATTED = "reformatted"
    """All variables are lost."""
    RECOVERED = "recovered"
    """Written anew from the spare."""
    HUNG = "hung"
    """The boot does not come to an end."""
    IGNORED = "ignored"
    """The flash is taken for absent: variables live in memory, the flash stays as it is."""


@dataclass(frozen=True)
class Boot:
    """A boot of a firmware with a flash image.

    Attributes:
        firmware: which.
        outcome: what becomes of the store.
        for_good: the boot hung, and so does the next one.
        taken_up: the variables that the firmware works with, as it found them before its first update.
        steps: the rules it came to, in order.
    """

    firmware: Firmware
    outcome: Outcome
    for_good: bool
    taken_up: tuple[Variable, ...] = field(repr=False)
    steps: tuple[Step, ...]
    _contents: Contents = field(repr=False)

    @property
    def image(self) -> memoryview:
        """The volume after the firmware's own repair and reclaims, without any update."""
        return memoryview(bytes(self._contents.pages))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules it came to, in order."""
        return tuple(step.rule for step in self.steps)

    @property
    def measured(self) -> bool:
        """True where real firmware was seen following every rule on the way."""
        return all(step.measured for step in self.steps)


@dataclass
class _Run:
    """State of a boot."""

    contents: Contents
    firmware: Firmware
    trail: Trail
    outcome: Outcome = Outcome.KEPT
    taken_up: tuple[Variable, ...] = ()
    for_good: bool = False
    """True where the next boot is known to hang, though its flash is not."""

    def store(self) -> Taken:
        """The store as the flash has it now."""
        at = header_bytes(self.contents)
        return read_store(self.contents.region(0, self.firmware.store_bytes), at)


def boot(image: Image, firmware: Firmware) -> Boot:
    """Boot a firmware with a flash image.

    Any bytes have an answer, in time linear to the volume. Of bytes not seen on real firmware it may be wrong:
    `Boot.measured` is False where the source alone tells.

    Args:
        image: the flash from offset 0; what lies behind the volume is not looked at.
        firmware: one of `FIRMWARES`.
    """
    run = _run(Contents(image, firmware.volume_bytes), firmware)
    hung = run.outcome is Outcome.HUNG
    for_good = hung and (
        run.for_good or _run(Contents(run.contents.pages, firmware.volume_bytes), firmware).outcome is run.outcome
    )
    return Boot(firmware, run.outcome, for_good, run.taken_up, tuple(run.trail), run.contents)


def _run(contents: Contents, firmware: Firmware) -> _Run:
    run = _Run(contents, firmware, Trail(firmware.seen))
    if not firmware.formats_store and is_absent(contents, firmware, run.trail):
        run.outcome = Outcome.HUNG if firmware.smm else Outcome.IGNORED
        return run
    if not accept(contents, firmware, run.trail):
        run.outcome = Outcome.REFORMATTED
    going = _recover_then_read(run) if firmware.recovers_first else _read_then_recover(run)
    if not going:
        run.outcome, run.taken_up = Outcome.HUNG, ()
    return run


def _recover_then_read(run: _Run) -> bool:
    """The order of AAVMF, and of OVMF with SMM; False where the boot does not come to an end."""
    finished = finish_writes(run.contents, run.firmware, run.trail)
    if finished.crashed:
        return False
    if finished.recovered:
        run.outcome = Outcome.RECOVERED
    store = run.store()
    return is_usable(run.contents, store.header, run.trail) and not _is_endless(run, store) and _start(run, store)


def _is_endless(run: _Run, store: Taken) -> bool:
    """True where OVMF walks a store of another size without end."""
    ovmf = not run.firmware.formats_store
    return ovmf and store.header is not None and size_is_wrong(store.header, run.firmware, run.trail)


def _start(run: _Run, store: Taken, *, reclaims: bool = False) -> bool:
    """Begin with a store that flash holds; `reclaims` it even where nothing stands behind its list."""
    if not take_up(store, run.trail):
        return False
    run.taken_up = store.current
    reclaim(run.contents, run.firmware, store, run.trail, needed=reclaims or not store.tail_erased)
    return True


def _read_then_recover(run: _Run) -> bool:
    """The order of OVMF without SMM; False where the boot does not come to an end."""
    memory = run.store()
    before = run.contents.region(0, run.firmware.store_bytes)
    usable = is_usable(run.contents, memory.header, run.trail)
    if usable and _is_endless(run, memory):
        return False
    finished = finish_writes(run.contents, run.firmware, run.trail)
    if finished.crashed:
        return False
    if not finished.recovered:
        return usable and _start(run, memory)
    run.outcome = Outcome.RECOVERED
    empty_queue(run.contents, run.firmware)
    run.contents.write(run.firmware.spare, b"\x80\0" * (run.firmware.spare_bytes // 2))
    run.trail.note(Rule.O4)
    if not usable:
        run.trail.note(Rule.O3, "the store was read before it was recovered: this boot ends, the next one is sound")
        return False
    return _go_on(run, memory, before)


def _go_on(run: _Run, memory: Taken, before: Pages) -> bool:
    """Go on with a store in memory that was read before the flash was recovered."""
    flash = run.store()
    after = run.contents.region(0, run.firmware.store_bytes)
    if before == after:
        run.trail.note(Rule.O5)
        return _start(run, flash)
    if not memory.tail_erased:
        return _start(run, flash, reclaims=True)
    if not _is_beginning(before, after):
        run.trail.note(Rule.O2, "the old store was read before the new one took its place: states go to wrong offsets")
        run.for_good = True
        return False
    if not take_up(memory, run.trail):
        return False
    run.taken_up = memory.current
    run.trail.note(Rule.O1, "the store was read before it was recovered: the first update lands in the middle of it")
    hit = next((copy.header.offset for copy in flash.copies if copy.header.end > memory.list_end), None)
    if hit is not None:  # what the update is programmed over no longer is a variable, and ends the list
        run.contents.write(hit, b"\0\0")
    return True


def _is_beginning(before: Pages, after: Pages) -> bool:
    """True where a store is the beginning of another, and erased from there on; a torn byte lies between."""
    return before.is_erased(before.common_length(after) + 1, len(before))
