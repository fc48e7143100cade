"""What a device is: its geometry, whether it is writable, and how each is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from replay.boards import Board, boards, boards_with
from replay.cfi import SECTOR_BYTES
from tracetool.errors import UsageError
from tracetool.session.options import apply_geometry
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from replay.geometry import Geometry
    from tracetool.session.evidence import Evidence, Realize
    from tracetool.session.options import Options, RecordedFlash

__all__ = ["NAMELESS", "Basis", "Identity", "identify", "require_file"]

NAMELESS = "pflash"
"""The device of events that name none (QEMU before 6.0)."""

_BY_EVIDENCE = {"two_chips": "virt-arm", "byte_wide": "pc"}


class Basis(IntEnum):
    """How it is known whether a device is read-only."""

    TOLD = 0
    """By an option, the run directory, or the device itself."""
    SHOWN = 1
    """By what its events show."""
    ASSUMED = 2
    """By what the board uses it for: nothing says otherwise."""


@dataclass(frozen=True)
class Identity:
    """One device; `*_source` says in words how the value is known. `geometry` None: not known, not replayed."""

    name: str
    geometry: Geometry | None
    geometry_source: str
    read_only: bool
    read_only_source: str
    access_basis: Basis
    board: str | None


def _board(name: str, options: Options, evidence: Evidence, image_bytes: int | None) -> tuple[Board | None, str]:
    if options.board is not None:
        return boards()[options.board], "--board"
    recorded = options.recorded.get(name)
    if recorded is not None and recorded.board in boards():
        return boards()[recorded.board], "the machine that was run"
    candidates = boards_with(name)
    region = evidence.realize.region if evidence.realize and evidence.realize.region else image_bytes
    for board in candidates:
        if region is not None and region in (board.sizes[name], board.max_size):
            return board, "the device's name and its size"
    if candidates:
        return candidates[0], "the device's name"
    for sign, board_name in _BY_EVIDENCE.items():
        if getattr(evidence, sign):
            return boards()[board_name], "how its commands are addressed"
    return None, "unknown"


def _geometry(
    name: str, options: Options, evidence: Evidence, image_bytes: int | None
) -> tuple[Geometry | None, str, Board | None]:
    board, source = _board(name, options, evidence, image_bytes)
    geometry = board.geometry(name, image_bytes) if board else None
    if geometry is not None and board is not None:
        source = f"{board.name}, by {source}"
    region = evidence.realize.region if evidence.realize else None
    if geometry is not None and region and region % geometry.block == 0 and region != geometry.size:
        geometry, source = geometry.resized(region), f"{source}; size by its pflash_realize event"
    if name in options.geometries:
        geometry = apply_geometry(name, options.geometries[name], geometry)
        source = "--geometry"
    if geometry is not None:
        require_file(name, options, evidence.realize)
        _contradict(name, geometry, evidence)
        _fit(name, geometry, options, image_bytes)
    return geometry, source if geometry else "unknown", board


def _contradict(name: str, geometry: Geometry, evidence: Evidence) -> None:
    """The trace's own erases must be of this geometry's blocks."""
    if len(evidence.erase_lengths) == 1 and evidence.erase_lengths[0] != geometry.block:
        found = format_size(evidence.erase_lengths[0])
        raise UsageError(
            f"{name}: the trace erases blocks of {found}, but the geometry in use has {format_size(geometry.block)}; "
            f"give the right --board, or --geometry {name}=block={evidence.erase_lengths[0]:#x}"
        )


def require_file(name: str, options: Options, realize: Realize | None) -> None:
    """Refuse an `--extent` beyond the file that the device says it has."""
    told, extent = options.extents.get(name, 0), None if realize is None else realize.extent
    if extent is not None and told > extent:
        raise UsageError(
            f"--extent {name}={format_size(told)}: the file of that device ends at {format_size(extent)}, says its "
            "pflash_realize event; leave the option out, or give no more"
        )


def _fit(name: str, geometry: Geometry, options: Options, image_bytes: int | None) -> None:
    """Neither image nor extent can reach beyond the region."""
    region = f"the region of {format_size(geometry.size)}; give another, or the right --board or --geometry"
    if image_bytes is not None and image_bytes > geometry.size:
        raise UsageError(f"--image {name}={options.images[name]}: {format_size(image_bytes)} are more than {region}")
    if image_bytes is not None and image_bytes % SECTOR_BYTES:
        raise UsageError(
            f"--image {name}={options.images[name]}: {image_bytes:,} B are no whole number of {SECTOR_BYTES}-byte "
            "sectors: is it this flash's image?"
        )
    extent = options.extents.get(name, 0)
    if geometry.size_known and extent > geometry.size:
        raise UsageError(f"--extent {name}={format_size(extent)} is more than {region}")


def _read_only(name: str, options: Options, evidence: Evidence, board: Board | None) -> tuple[bool, str, Basis]:
    told = _told_access(name, options)
    if told is not None:
        return *told, Basis.TOLD
    if evidence.realize is not None:
        return evidence.realize.read_only, "its pflash_realize event", Basis.TOLD
    shown = evidence.access.read_only
    if shown is not None and not shown[0]:
        return *shown, Basis.SHOWN
    if name in options.recorded:
        return *_as_recorded(options.recorded[name]), Basis.TOLD
    if shown is not None:
        return *shown, Basis.SHOWN
    return *_by_custom(name, board), Basis.ASSUMED


def _told_access(name: str, options: Options) -> tuple[bool, str] | None:
    if name in options.read_only and name in options.writable:
        raise UsageError(f"{name}: --read-only and --writable are both given; leave one out")
    if name in options.read_only:
        return True, "--read-only"
    return (False, "--writable") if name in options.writable else None


def _as_recorded(flash: RecordedFlash) -> tuple[bool, str]:
    return flash.read_only, "its drive was read-only" if flash.read_only else "its drive was writable"


def _by_custom(name: str, board: Board | None) -> tuple[bool, str]:
    if board is not None and board.code == name:
        return True, "it holds the firmware's code, read-only by custom"
    return False, "nothing says otherwise"


def identify(name: str, options: Options, evidence: Evidence, image_bytes: int | None) -> Identity:
    """Decide what the device `name` is, from the options first and the evidence in the trace second.

    `image_bytes` is the length of its image, None if none is given. UsageError if options and trace contradict.
    """
    geometry, source, board = _geometry(name, options, evidence, image_bytes)
    read_only, read_only_source, basis = _read_only(name, options, evidence, board)
    return Identity(
        name, geometry, source, read_only, read_only_source, basis, board.name if board is not None else None
    )
