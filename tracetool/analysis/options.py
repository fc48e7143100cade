"""Options about the machine that was traced."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from replay.behaviour import Behaviour, behaviour_of_qemu
from replay.boards import boards
from replay.command_set import CommandSet
from replay.geometry import SECTOR, Geometry, GeometryError, Region
from tracetool.errors import UsageError
from tracetool.sizes import parse_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from replay.backing import Policy

__all__ = [
    "ANY_DEVICE",
    "MARKS",
    "VALUES",
    "GuestCode",
    "Options",
    "RecordedFlash",
    "apply_geometry",
    "parse_behaviour",
    "parse_board",
    "split_device",
]

VALUES = {"--image": "images", "--extent": "extents", "--geometry": "geometries"}
MARKS = {"--read-only": "read_only", "--writable": "writable"}
"""Options of devices and the fields of `Options` they fill: values by device, and sets of devices."""

ANY_DEVICE = ""
"""Key of an option without a device: the only device that is written."""


class GuestCode(NamedTuple):
    """The log of the guest's code in a run, and the image of the code flash: functions that find them, or None.

    `optional`: it was not asked for, so that the replay goes on without it.
    """

    log: Callable[[], Path | None]
    code: Callable[[], Path | None]
    optional: bool


class RecordedFlash(NamedTuple):
    """A device by its run directory, used where neither options nor trace decide.

    `board` None: not known. `extent_bytes` None: no variable store was found. `bytes` is the image's length.
    """

    board: str | None
    read_only: bool
    extent_bytes: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class Options:
    """Options of every command; mappings go from device name (or `ANY_DEVICE`) to the value.

    Sizes in bytes. `policy` None is the default of the command, for a replay the recorded device's.
    `mains` are the first main threads of traces, by number, that are known to hold machines which run side by side.
    `processes` are those whose events are read, by default all; `boot` is the number of the only boot, or
    `boots.LAST`, and `boots` the resulting range.
    `at` is the last seq of the last trace that is replayed; `inspect` the seq of the event of
    trace number `inspect_trace` that is inspected. `recorded` has the devices of run directories;
    `changed_images` the image that a device began trace number N with where it is not the one that the trace before
    left (None: that is not known), by number and device; `restored_images` those of them that QEMU itself restored.
    """

    images: dict[str, Path] = field(default_factory=dict)
    extents: dict[str, int] = field(default_factory=dict)
    board: str | None = None
    geometries: dict[str, str] = field(default_factory=dict)
    read_only: frozenset[str] = frozenset()
    writable: frozenset[str] = frozenset()
    behaviour: Behaviour = Behaviour.UNDETERMINED
    device: str | None = None
    processes: frozenset[int] = frozenset()
    boot: int | None = None
    boots: range | None = None
    policy: Policy | None = None
    at: int | None = None
    journal: bool = False
    unfinished: bool = False
    """The last trace is still written: an operation in progress at its end is not over, and nothing is made of it."""
    variables: bool = False
    """Follow the UEFI variable store, for the rules about it; implies a journal."""
    power_cuts: bool = False
    """Cut the power at every commit to the UEFI variables, for the rules about it; implies a journal."""
    collects: bool = True
    """False where operations are of no interest, but only what the device is and does at an event."""
    keep_operations: bool = False
    keep_accesses: bool = False
    keep_occurrences: bool = False
    story: bool = False
    checkpoints: bool = False
    """Note states of the machines with the journal, from which a later inspection starts (`analysis.closeup`)."""
    inspect: int | None = None
    inspect_trace: int = 0
    recorded: Mapping[str, RecordedFlash] = field(default_factory=dict)
    changed_images: Mapping[tuple[int, str], Path | None] = field(default_factory=dict)
    mains: Mapping[int, int] = field(default_factory=dict)
    restored_images: frozenset[tuple[int, str]] = frozenset()
    who_log: Path | None = None
    """The log of the guest's code, where the only trace is no run directory that has it; `code`: the code flash."""
    code: Path | None = None
    symbols: Path | None = None
    """Directory with the ELF files of the build."""
    guest_code: Mapping[int, GuestCode] = field(default_factory=dict)
    """By the trace's number."""

    @property
    def files(self) -> list[Path]:
        """The files that they name."""
        return [*self.images.values(), *(path for path in (self.who_log, self.code) if path is not None)]

    @property
    def keeps_journal(self) -> bool:
        """True where the changes of contents are kept."""
        return self.journal or self.variables or self.power_cuts

    @property
    def keeps_operations(self) -> bool:
        """True where the operations are kept: from them come the times of what befalls the variable store."""
        return self.keep_operations or self.variables or self.power_cuts


def split_device(text: str) -> tuple[str, str]:
    """Take `DEV=VALUE` apart; a value alone is for `ANY_DEVICE`."""
    device, equals, value = text.partition("=")
    return (device, value) if equals else (ANY_DEVICE, text)


def parse_behaviour(text: str) -> Behaviour:
    """Read `auto`, a behaviour's name or a QEMU version; UsageError for anything else."""
    if text == "auto":
        return Behaviour.UNDETERMINED
    labels = [behaviour.label for behaviour in Behaviour if behaviour]
    if text in labels:
        return Behaviour.from_label(text)
    found = behaviour_of_qemu(text)
    if found is None:
        raise UsageError(f"--qemu {text!r}: give auto, {', '.join(labels)}, or a QEMU version such as 9.0.2")
    return found


def parse_board(text: str) -> str:
    """Check the name of a board; UsageError that lists them."""
    if text not in boards():
        raise UsageError(f"--board {text!r} is not known; known are {', '.join(boards())}")
    return text


_PART = r"(size|block|bank|chip|max-chip|endian|ids|sectors)=(.+)"
_WIDTHS = {"bank": "bank_width", "chip": "chip_width", "max-chip": "max_chip_width"}
_IDS = {CommandSet.CFI01: (2, "bytes"), CommandSet.CFI02: (4, "16-bit numbers")}
"""Digits of an identifier, and what it is."""
_REGION = r"(\d{1,9})x(\w+)"
_PARTS = re.compile(r",(?!\s*\d{1,9}x\w+\s*(?:,|\Z))")
"""Between parts; the regions of `sectors` are one part."""
_SPEC_HELP = (
    "write size=64M,block=256K,bank=4,chip=2,max-chip=2,endian=little,ids=89:18:0:0; for a CFI02 flash with sectors of "
    "unlike size sectors=8x8K,126x64K,8x8K; any part may be left out"
)


def apply_geometry(
    device: str, spec: str, base: Geometry | None, command_set: CommandSet = CommandSet.CFI01
) -> Geometry:
    """A geometry from a `--geometry` spec; parts that it leaves out are `base`'s. UsageError if it is none.

    `command_set` is that of a device without `base`.
    """
    parts = {}
    for part in _PARTS.split(spec):
        match = re.fullmatch(_PART, part.strip())
        if match is None:
            raise UsageError(f"--geometry {device}: {part!r} is not understood; {_SPEC_HELP}")
        if match[1] in parts:
            raise UsageError(f"--geometry {device}: {match[1]} is given twice")
        parts[match[1]] = match[2]
    try:
        return _apply(parts, base or _bare(parts, command_set))
    except (GeometryError, UsageError, ValueError) as error:
        raise UsageError(f"--geometry {device}: {error}; {_SPEC_HELP}") from error


def _bare(parts: dict[str, str], command_set: CommandSet) -> Geometry:
    if "sectors" in parts and "bank" in parts:
        return _with_sectors(
            Geometry(SECTOR, SECTOR, int(parts["bank"]), command_set=CommandSet.CFI02), parts["sectors"]
        )
    missing = [name for name in ("size", "block", "bank") if name not in parts]
    if missing:
        raise UsageError(f"no board is known for it, so {' and '.join(missing)} must be given")
    size, block = parse_size(parts["size"]), parse_size(parts["block"])
    return Geometry(size, block, int(parts["bank"]), command_set=command_set)


def _with_sectors(base: Geometry, text: str) -> Geometry:
    """The geometry with the erase regions of `8x8K,126x64K,8x8K`, which tell the size of the flash, too."""
    found = [re.fullmatch(_REGION, part.strip()) for part in text.split(",")]
    if not all(found):
        raise UsageError(f"sectors {text!r} are not like 8x8K,126x64K,8x8K")
    regions = tuple(Region(int(match[1]), parse_size(match[2])) for match in found if match)
    size = sum(region.sectors * region.sector for region in regions)
    block = min(region.sector for region in regions)
    layout = regions if len({region.sector for region in regions}) > 1 else ()
    return replace(base, size=size, block=block, size_known=True, layout=layout, command_set=CommandSet.CFI02)


def _apply(parts: dict[str, str], base: Geometry) -> Geometry:
    changes: dict[str, object] = {}
    if "sectors" in parts:
        if "block" in parts or "size" in parts or base.command_set != CommandSet.CFI02:
            raise UsageError("sectors are for a CFI02 flash, and tell its size: leave size and block out")
        base = _with_sectors(base, parts.pop("sectors"))
    for name, value in parts.items():
        if name in ("size", "block"):
            changes[name] = parse_size(value)
        elif name in _WIDTHS:
            changes[_WIDTHS[name]] = int(value)
        elif name == "endian":
            if value not in ("little", "big"):
                raise UsageError(f"endian {value!r} is neither little nor big")
            changes["endian"] = value
        else:
            digits, what = _IDS[base.command_set]
            if not re.fullmatch(rf"[0-9a-fA-F]{{1,{digits}}}(:[0-9a-fA-F]{{1,{digits}}}){{3}}", value):
                raise UsageError(f"ids {value!r} are not four {what} in hex")
            changes["ids"] = tuple(int(part, 16) for part in value.split(":"))
    if "size" in parts:
        changes["size_known"] = True
    return replace(base, **changes)  # type: ignore[arg-type]
