"""Parser of a user's QEMU command line: machine, flash images, and options incompatible with a recording."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tracetool.errors import UsageError
from tracetool.qemu.option_syntax import parse, split
from tracetool.recording.blocks import BlockImage, image_of_drive, image_of_node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["CommandLine", "FlashDrive", "NoFlashError", "read_command_line"]

Options = dict[str, str]

_OF_IMAGES = ("drive", "blockdev", "pflash", "global", "bios")
_OF_LOGS = ("D", "d", "trace", "msg")
_TAKEN = (*_OF_IMAGES, *_OF_LOGS, "machine", "M", "readconfig", "accel")
"""Options that are parsed, all with a value."""

_PFLASH_PROPERTY = re.compile(r"pflash(\d+)")
_DRIVE_OF_FLASH = re.compile(r"cfi\.pflash0[12]\.drive")
_HOW = "give it as -drive if=pflash,unit=0,format=raw,readonly=on,file=FILE"
_BIOS_IN_FLASH = ("virt", "sbsa-ref", "vexpress-a9", "vexpress-a15", "malta")
_IN_FLASH = "an Arm or MIPS machine loads it into the first flash, which is traced"
_BIOS_OVER_FLASH = ("canon-a1100",)
_OVER_FLASH = "the board copies it over its flash at each reset"
_HOW_GLOBAL = (
    "give its image as -drive if=none,id=flash,format=raw,file=FILE "
    "-global driver=cfi.pflash02,property=drive,value=flash"
)
_BY_HAND = "trace by hand with -trace 'pflash*' -D FILE"
_NO_FLASH = "no flash image in QEMU's arguments; " + _HOW


class NoFlashError(UsageError):
    """No flash image in the arguments."""


@dataclass(frozen=True)
class FlashDrive:
    """Flash image and its drive unit."""

    unit: int
    image: BlockImage


@dataclass(frozen=True)
class CommandLine:
    """Parsed command line.

    `machine` None: QEMU's default. `notes`: effects of the user's options on a recording. `accelerator`: the first one
    that QEMU tries, None: its default.
    """

    machine: str | None
    flashes: tuple[FlashDrive, ...]
    timestamps: bool
    notes: tuple[str, ...] = ()
    accelerator: str | None = None


@dataclass
class _Given:
    """Parsed options with their values, in order, and the names of all others."""

    options: list[tuple[str, str]] = field(default_factory=list)
    others: set[str] = field(default_factory=set)

    def values(self, *names: str) -> list[str]:
        """Return the values of options of these names, in order."""
        return [value for name, value in self.options if name in names]


def read_command_line(arguments: Sequence[str]) -> CommandLine:
    """Parse the arguments of a QEMU, without the program.

    Raises:
        UsageError: a flash image is in an unknown form or missing, or an option is incompatible with a recording;
            names the option and the reason.
    """
    given = _sorted_out(arguments)
    _refuse(given)
    machine = _machine(given)
    flashes = sorted(_with_snapshot(given, _flashes(given, machine)), key=lambda flash: flash.unit)
    _check_units(flashes)
    if not flashes:
        raise NoFlashError(_why_no_flash(given, machine))
    timestamps = any("timestamp" in parse(text) for text in given.values("msg"))
    notes = tuple(_notes(given, flashes, machine))
    return CommandLine(machine.get("type"), tuple(flashes), timestamps, notes, _accelerator(given, machine))


def _sorted_out(arguments: Sequence[str]) -> _Given:
    given = _Given()
    rest = iter(arguments)
    for argument in rest:
        name = re.sub(r"^--?", "", argument)
        if argument.startswith("-") and name in _TAKEN:
            value = next(rest, None)
            if value is None:
                raise UsageError(f"{argument} has no value")
            given.options.append((name, value))
        elif argument.startswith("-"):
            given.others.add(name)
    return given


def _machine(given: _Given) -> Options:
    """Return the machine's properties, merged over several options."""
    found: Options = {}
    for text in given.values("machine", "M"):
        found |= parse(text, "type")
    return found


def _accelerator(given: _Given, machine: Options) -> str | None:
    """The first accelerator that QEMU tries."""
    for text in given.values("accel"):
        return parse(text, "accel").get("accel")
    named = machine.get("accel", "").partition(":")[0]
    return named or ("kvm" if "enable-kvm" in given.others else None)


# --- incompatible options ----------------------------------------------------------------------------------------


def _refuse(given: _Given) -> None:
    if given.values("D"):
        raise UsageError(f"-D {given.values('D')[-1]}: the log holds the trace, in the run directory; leave -D out")
    for text in given.values("trace"):
        if any(part.startswith("file=") for part in split(text)):
            raise UsageError(f"-trace {text}: the trace's file is in the run directory; leave file= out")
    if given.values("readconfig"):
        raise UsageError("-readconfig: flash images are not looked for in a configuration file; give them as arguments")
    if "daemonize" in given.others:
        raise UsageError("-daemonize: the recorder waits for QEMU's end; leave it out, and use & instead")


def _why_no_flash(given: _Given, machine: Options) -> str:
    bios = _bios(given, machine)
    if bios is None:
        return _NO_FLASH
    if machine.get("type") in _BIOS_OVER_FLASH:
        return f"-bios {bios}: {_OVER_FLASH}, which has no image file; {_HOW_GLOBAL}, or {_BY_HAND}"
    if _loads_into_flash(machine):
        return f"-bios {bios}: {_IN_FLASH}, but there is no image file to copy; {_HOW}, or {_BY_HAND}"
    return f"-bios {bios}: it loads firmware into plain memory, not flash, so nothing is traced; {_HOW}"


def _bios(given: _Given, machine: Options) -> str | None:
    """Return the firmware given without a drive."""
    return next((name for name in (*given.values("bios"), machine.get("firmware")) if name), None)


def _loads_into_flash(machine: Options) -> bool:
    """True if the machine loads `-bios` into its first flash.

    Ref: QEMU's hw/arm/virt.c, sbsa-ref.c and vexpress.c, hw/mips/malta.c.
    """
    return re.sub(r"-[0-9].*", "", machine.get("type", "")) in _BIOS_IN_FLASH


def _notes(given: _Given, flashes: Sequence[FlashDrive], machine: Options) -> Iterator[str]:
    """List the effects of the user's options on the recording."""
    bios = _bios(given, machine)
    if bios is not None and _loads_into_flash(machine):
        yield f"-bios {bios}: {_IN_FLASH}; its contents are not copied: give them with --image DEV=FILE"
    if bios is not None and machine.get("type") in _BIOS_OVER_FLASH:
        yield f"-bios {bios}: {_OVER_FLASH}, and not into its image: what the guest reads is not in the image"
    if given.values("d"):
        yield f"-d {','.join(given.values('d'))}: its log goes into the trace's file"
    if given.values("trace"):
        yield "-trace: your own events go into the trace's file"
    option = "-snapshot" if "snapshot" in given.others else "snapshot=on"
    for flash in flashes:
        if flash.image.snapshot and not flash.image.read_only:
            yield f"{option}: QEMU discards the guest's writes to {flash.image.path}, which stays unchanged"


# --- flash images ------------------------------------------------------------------------------------------------


def _flashes(given: _Given, machine: Options) -> Iterator[FlashDrive]:
    """Iterate over the images of `-drive` and `-pflash`, each in the next free unit, then over those of properties."""
    named: dict[str, tuple[str, Options]] = {}
    taken: set[int] = set()
    for name, text in given.options:
        if name not in ("drive", "pflash"):
            continue
        with _of(f"-drive {text}"):
            drive = parse(text) if name == "drive" else {"if": "pflash", "file": text}
        if "id" in drive:
            named[drive["id"]] = (text, drive)
        if drive.get("if") == "pflash":
            unit = _unit(text, drive, taken)
            taken.add(unit)
            with _of(f"-{name} {text}"):
                image = image_of_drive(drive)
            yield FlashDrive(unit, image)
    yield from _of_machine(given, machine, named)
    yield from _of_global(given, named)


def _with_snapshot(given: _Given, flashes: Iterable[FlashDrive]) -> Iterator[FlashDrive]:
    """Resolve drives without `snapshot=` by `-snapshot`."""
    for flash in flashes:
        snapshot = "snapshot" in given.others if flash.image.snapshot is None else flash.image.snapshot
        yield replace(flash, image=replace(flash.image, snapshot=snapshot))


def _of_machine(given: _Given, machine: Options, named: dict[str, tuple[str, Options]]) -> Iterator[FlashDrive]:
    """Iterate over the images of the machine's properties; as in QEMU, drives take precedence over nodes."""
    nodes = _nodes(given)
    for key, name in machine.items():
        match = _PFLASH_PROPERTY.fullmatch(key)
        if match is None or not name:
            continue
        text, drive = named.get(name, ("", None))
        with _of(f"-machine {key}={name}" if drive is None else f"-drive {text}"):
            image = image_of_node(name, nodes) if drive is None else image_of_drive(drive)
        yield FlashDrive(int(match[1]), image)


def _of_global(given: _Given, named: dict[str, tuple[str, Options]]) -> Iterator[FlashDrive]:
    """Find the image that the property `drive` of all flash devices names: of the only flash of a board."""
    for text in given.values("global"):
        with _of(f"-global {text}"):
            told = parse(text)
            if "driver" in told:
                told = {f"{told['driver']}.{told.get('property')}": told.get("value", "")}
            for name in (value for key, value in told.items() if _DRIVE_OF_FLASH.fullmatch(key)):
                _, drive = named.get(name, ("", None))
                yield FlashDrive(0, image_of_node(name, _nodes(given)) if drive is None else image_of_drive(drive))


def _nodes(given: _Given) -> dict[str, Options]:
    """Return the `-blockdev` nodes by name, including inline child nodes."""
    found: dict[str, Options] = {}
    for text in given.values("blockdev"):
        with _of(f"-blockdev {text}"):
            options = parse(text)
        for key in [key for key in options if key == "node-name" or key.endswith(".node-name")]:
            prefix = key.removesuffix("node-name")
            found[options[key]] = {
                name.removeprefix(prefix): value for name, value in options.items() if name.startswith(prefix)
            }
    return found


@contextmanager
def _of(option: str) -> Iterator[None]:
    """Prefix the errors of the block with the option."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from error


# --- units -------------------------------------------------------------------------------------------------------


def _unit(text: str, drive: Options, taken: set[int]) -> int:
    if drive.get("bus", "0") != "0":
        raise UsageError(f"-drive {text}: bus={drive['bus']}: flash has only one bus; leave it out")
    given = drive.get("unit", drive.get("index"))
    if given is None:
        return next(unit for unit in range(len(taken) + 1) if unit not in taken)
    if not given.isdecimal():
        raise UsageError(f"-drive {text}: unit {given!r} is not a number")
    return int(given)


def _check_units(flashes: Sequence[FlashDrive]) -> None:
    for earlier, later in pairwise(flashes):
        if earlier.unit == later.unit:
            raise UsageError(
                f"two flash images for unit {later.unit}: {earlier.image.path} and {later.image.path}; leave one out"
            )
