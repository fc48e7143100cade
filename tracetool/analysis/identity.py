"""Identity of a device: board, geometry, read-only or writable, and how each is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from replay.boards import Board, boards, boards_with
from replay.cfi import SECTOR_BYTES
from replay.cfi_answers import differing
from replay.command_set import CommandSet
from replay.geometry import MAX_REGION
from tracetool.analysis.cfi02_geometry import cfi02_board, cfi02_contradictions, require_whole_file, shown_geometry
from tracetool.analysis.options import apply_geometry
from tracetool.errors import InputError, UsageError
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replay.geometry import Geometry
    from tracetool.analysis.evidence import Evidence, Realize
    from tracetool.analysis.options import Options
    from tracetool.uefi.store import Store

__all__ = ["NAMELESS", "Basis", "Contents", "Identity", "identify", "require_file"]

NAMELESS = "pflash"
"""The device of events that name none (QEMU before 6.0)."""

_BY_EVIDENCE = {"two_chips": "virt-arm", "byte_wide": "pc"}


class Basis(IntEnum):
    """Source of read-only or writable."""

    TOLD = 0
    """By an option, the run directory, or the device itself."""
    SHOWN = 1
    """By its events."""
    ASSUMED = 2
    """By the board's use of it, without evidence to the contrary."""


@dataclass(frozen=True)
class Identity:
    """One device; `*_source` is the source in words. `geometry` None: not known, not replayed.

    `others` are boards that fit name and evidence as well: the board is then a guess.
    """

    name: str
    geometry: Geometry | None
    geometry_source: str
    read_only: bool
    read_only_source: str
    access_basis: Basis
    board: str | None
    others: tuple[str, ...] = ()

    @property
    def base(self) -> int | None:
        """The device's guest-physical address on its board; None where that is not known."""
        return None if self.board is None else boards()[self.board].bases.get(self.name)

    @property
    def mirrors(self) -> int:
        """How often the flash is mapped on its board; accesses through all of them look alike in a trace."""
        board = None if self.board is None else boards()[self.board]
        return 1 if board is None or self.geometry is None else board.mirrors(self.geometry.size)

    @property
    def file_sized(self) -> bool:
        """True when the image file must be as long as the flash, so that no shorter one can back it."""
        if self.geometry is not None and self.geometry.command_set == CommandSet.CFI02:
            return True
        return self.board is not None and boards()[self.board].sizes.get(self.name) == 0


class Contents(NamedTuple):
    """A device's image: its length in bytes, and the variable store in it."""

    bytes: int
    store: Store | None = None


class _Choice(NamedTuple):
    """A board, its source, and the boards that fit as well."""

    board: Board | None
    source: str
    others: tuple[str, ...] = ()


def _choose(name: str, options: Options, evidence: Evidence, contents: Contents | None) -> _Choice:
    if options.board is not None:
        board = boards()[options.board]
        if evidence.cfi02 and board.command_set != CommandSet.CFI02:
            raise UsageError(
                f"--board {board.name}: its flash is {board.command_set.label}, and {name} in the trace is a CFI02 "
                "device; leave the option out, or give the right board"
            )
        return _Choice(board, "--board")
    recorded = options.recorded.get(name)
    if recorded is not None and recorded.board in boards():
        return _Choice(boards()[recorded.board], "the machine that was run")
    named = [] if evidence.nameless else boards_with(name)
    if evidence.cfi02:
        named = [board for board in named if board.command_set == CommandSet.CFI02]
    if named:
        return _of_name(name, named, evidence, contents)
    if evidence.cfi02:
        found = cfi02_board(evidence)
        return _Choice(found, "its identifiers" if found else "unknown")
    for sign, board_name in _BY_EVIDENCE.items():
        if getattr(evidence, sign):
            return _Choice(boards()[board_name], "how its commands are addressed")
    return _Choice(None, "unknown")


def _of_name(name: str, named: list[Board], evidence: Evidence, contents: Contents | None) -> _Choice:
    """The first board with such a device that the trace does not contradict; by default the first."""
    if len(named) == 1:
        return _Choice(named[0], "the device's name")
    image_bytes = None if contents is None else contents.bytes
    geometries = {board.name: board.geometry(name, image_bytes) for board in named}
    fitting = [b for b in named if (found := geometries[b.name]) is not None and not contradictions(found, evidence)]
    told = evidence.realize.region if evidence.realize else None
    written = evidence.flash_bytes or (contents.store.volume.flash_bytes if contents and contents.store else None)
    region = told or written or image_bytes
    for board in fitting:
        if region is not None and region in (board.sizes[name], board.max_size):
            return _Choice(board, "the device's name and its size")
    if not fitting:
        return _Choice(named[0], "the device's name", tuple(board.name for board in named[1:]))
    others = tuple(board.name for board in fitting[1:])
    return _Choice(fitting[0], "the device's name" + ("" if others else " and what the trace shows of it"), others)


def _geometry(
    name: str, options: Options, evidence: Evidence, contents: Contents | None
) -> tuple[Geometry | None, str, _Choice]:
    choice = _choose(name, options, evidence, contents)
    board, source = choice.board, choice.source
    image_bytes = None if contents is None else contents.bytes
    store = None if board is None else _sized_by_store(name, board, evidence, contents)
    geometry = board.geometry(name, store or image_bytes) if board else None
    if geometry is not None and board is not None:
        source = f"{board.name}, by {source}"
    if evidence.cfi02 and name not in options.geometries:
        geometry, source = shown_geometry(geometry, source, evidence, image_bytes)
    if store is not None and image_bytes is not None:
        source += (
            f"; its image of {format_size(image_bytes)} is longer than its store, which code follows up to 4 GiB: "
            "the flash is taken to be as long as the store"
        )
    region = (evidence.realize.region if evidence.realize else None) or 0
    if region > MAX_REGION and name not in options.geometries:
        said = f"{name}: its pflash_realize event says a region of {format_size(region)}, more than any flash has"
        raise InputError(f"{said}; give --geometry {name}=size=SIZE")
    if geometry is not None and 0 < region <= MAX_REGION and region != geometry.size and not region % geometry.block:
        geometry, source = geometry.resized(region), f"{source}; size by its pflash_realize event"
    if name in options.geometries:
        command_set = CommandSet.CFI02 if evidence.cfi02 else CommandSet.CFI01
        geometry = apply_geometry(name, options.geometries[name], geometry, command_set)
        source, choice = "--geometry", choice._replace(others=())
    if geometry is not None:
        require_file(name, options, evidence.realize)
        _contradict(name, geometry, evidence)
        _fit(name, geometry, options, image_bytes if store is None else geometry.size)
    return geometry, source if geometry else "unknown", choice


def _sized_by_store(name: str, board: Board, evidence: Evidence, contents: Contents | None) -> int | None:
    """The length of the store at the start of a longer image, where only that can be the flash; None: it is not so.

    The flashes of `pc` end at 4 GiB together, the code's last. A store with something behind it would not be where
    the code looks for it: QEMU was given a part of the image (`size=`). Code in the same flash is the code's device.
    """
    if contents is None or contents.store is None or contents.store.start or board.bases.get(name, 0) is not None:
        return None
    length = contents.store.end
    beyond = evidence.highest_end > length or contents.bytes <= length or length % (board.block or 1)
    return None if beyond or board.sizes.get(name) or name == board.code else length


def contradictions(geometry: Geometry, evidence: Evidence) -> list[str]:
    """Contradictions between trace and geometry, in words."""
    found = [] if geometry.command_set == CommandSet.CFI01 else cfi02_contradictions(geometry, evidence)
    if len(evidence.erase_lengths) == 1 and evidence.erase_lengths[0] != geometry.block:
        found.append(f"the trace erases blocks of {format_size(evidence.erase_lengths[0])}")
    if evidence.highest_end > geometry.size:
        found.append(f"the trace goes up to {format_offset(evidence.highest_end)}")
    sizes = list(_sizes(geometry)) if evidence.answers else []
    wrong = min((differing(one, evidence.answers) for one in sizes), key=len, default=[])
    if wrong:
        found.append(f"the flash answers {wrong[0].value:#x} at {format_offset(wrong[0].offset)}")
    return found


def _sizes(geometry: Geometry) -> Iterator[Geometry]:
    """The geometry; in each size that chips have where only an image decides it."""
    if geometry.size_known:
        yield geometry
        return
    size = geometry.block
    while size <= geometry.size:
        yield geometry.resized(size)
        size *= 2


def _contradict(name: str, geometry: Geometry, evidence: Evidence) -> None:
    """Refuse a geometry with another block size than that of the trace's erases."""
    if geometry.command_set == CommandSet.CFI02 and (wrong := cfi02_contradictions(geometry, evidence)):
        raise UsageError(
            f"{name}: {wrong[0]}, unlike the geometry in use; give the right --board, or for sectors of unlike size "
            f"--geometry {name}=sectors=8x8K,126x64K,8x8K"
        )
    if len(evidence.erase_lengths) == 1 and evidence.erase_lengths[0] != geometry.block:
        found = format_size(evidence.erase_lengths[0])
        raise UsageError(
            f"{name}: the trace erases blocks of {found}, but the geometry in use has {format_size(geometry.block)}; "
            f"give the right --board, or --geometry {name}=block={evidence.erase_lengths[0]:#x}"
        )


def require_file(name: str, options: Options, realize: Realize | None) -> None:
    """Refuse an `--extent` beyond the file in the device's `pflash_realize` event."""
    told, extent = options.extents.get(name, 0), None if realize is None else realize.extent
    if extent is not None and told > extent:
        raise UsageError(
            f"--extent {name}={format_size(told)}: the file of that device ends at {format_size(extent)}, says its "
            "pflash_realize event; leave the option out, or give no more"
        )


def _fit(name: str, geometry: Geometry, options: Options, image_bytes: int | None) -> None:
    """Refuse an image or extent beyond the region."""
    region = f"the region of {format_size(geometry.size)}; give another, or the right --board or --geometry"
    if image_bytes is not None and image_bytes > geometry.size:
        raise UsageError(f"--image {name}={options.images[name]}: {format_size(image_bytes)} are more than {region}")
    if image_bytes is not None and image_bytes % SECTOR_BYTES:
        raise UsageError(
            f"--image {name}={options.images[name]}: {image_bytes:,} B are no whole number of {SECTOR_BYTES}-byte "
            "sectors: is it this flash's image?"
        )
    if geometry.command_set == CommandSet.CFI02:
        require_whole_file(name, geometry, options, image_bytes)
    extent = options.extents.get(name, 0)
    if geometry.size_known and extent > geometry.size:
        raise UsageError(f"--extent {name}={format_size(extent)} is more than {region}")


def _access(name: str, options: Options, evidence: Evidence, board: Board | None) -> Iterator[tuple[bool, str, Basis]]:
    """Read-only or not by each source that knows, the most reliable first."""
    if name in options.read_only:
        yield True, "--read-only", Basis.TOLD
    if name in options.writable:
        yield False, "--writable", Basis.TOLD
    if evidence.realize is not None:
        yield evidence.realize.read_only, "its pflash_realize event", Basis.TOLD
    shown = None if evidence.cfi02 else evidence.access.read_only  # no event of a CFI02 device shows it
    if shown is not None and not shown[0]:
        yield *shown, Basis.SHOWN
    if name in options.recorded:
        read_only = options.recorded[name].read_only
        yield read_only, f"its drive was {'read-only' if read_only else 'writable'}", Basis.TOLD
    if shown is not None:
        yield *shown, Basis.SHOWN
    if board is not None and board.code == name:
        yield True, "it holds the firmware's code, read-only by custom", Basis.ASSUMED
    yield False, "nothing says otherwise", Basis.ASSUMED


def identify(name: str, options: Options, evidence: Evidence, contents: Contents | None = None) -> Identity:
    """Identify the device `name` by the options first and the evidence in the trace second.

    `contents` describes its image. UsageError if options and trace contradict each other.
    """
    geometry, source, choice = _geometry(name, options, evidence, contents)
    if name in options.read_only and name in options.writable:
        raise UsageError(f"{name}: --read-only and --writable are both given; leave one out")
    access = next(_access(name, options, evidence, choice.board))
    board = None if choice.board is None else choice.board.name
    return Identity(name, geometry, source, *access, board, choice.others)
