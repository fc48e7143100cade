"""Flash devices of QEMU's boards, from `boards.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from replay.command_set import CommandSet
from replay.geometry import MAX_REGION, Geometry

if TYPE_CHECKING:
    from replay.geometry import Endian

__all__ = ["Board", "boards", "boards_with"]

DEFAULT_LIMIT = 64 << 20
"""Region in bytes where the image decides the size and there is none: more than any board's default."""


@dataclass(frozen=True)
class Board:
    """Flash of one board.

    `sizes` has each device's region in bytes, 0 where its image decides, None where variants differ. `code` is the
    device that holds the firmware's code, read-only by custom. `cpu_endian`: the guest CPU decides the byte order, and
    `endian` is only a default.
    """

    name: str
    sizes: dict[str, int | None]
    block: int | None
    bank_width: int
    chip_width: int
    ids: tuple[int, int, int, int]
    endian: Endian
    cpu_endian: bool
    code: str | None
    max_size: int
    bases: dict[str, int | None] = field(default_factory=dict)
    """Guest address of each device; None where it follows from sizes or the variant."""
    command_set: CommandSet = CommandSet.CFI01
    mapped_bytes: int | None = None
    """Length of the range in which mirrors of the flash repeat; None: it is mapped once."""

    def geometry(self, device: str, image_bytes: int | None = None) -> Geometry | None:
        """Return the geometry of a device, by default the board's first; None if it is undetermined.

        Where the image decides the size and none is given, the size is an upper bound and `size_known` is False.
        """
        size = self.sizes.get(device, next(iter(self.sizes.values())))
        if size is None or self.block is None:
            return None
        known = True
        if size == 0:
            known = image_bytes is not None
            size = min(image_bytes if image_bytes is not None else DEFAULT_LIMIT, self.max_size)
            size = -(-size // self.block) * self.block
        return Geometry(
            size,
            self.block,
            self.bank_width,
            self.chip_width,
            endian=self.endian,
            ids=self.ids,
            size_known=known,
            command_set=self.command_set,
        )

    def mirrors(self, size: int) -> int:
        """How often a flash of this size is mapped. A trace has offsets in the chip, not which mirror was used."""
        return 1 if self.mapped_bytes is None else max(self.mapped_bytes // size, 1)


def _size(value: int | str | None) -> int | None:
    return 0 if isinstance(value, str) else value


def _base(text: str | None) -> int | None:
    return int(text, 16) if text is not None and text.startswith("0x") else None


@cache
def boards() -> dict[str, Board]:
    """Load every board by name, in the file's order."""
    table = json.loads(Path(__file__).with_name("boards.json").read_text(encoding="utf-8"))["boards"]
    return {
        name: Board(
            name=name,
            sizes={device: _size(entry["size"]) for device, entry in row["devices"].items()},
            block=row["block"],
            bank_width=row["bank_width"],
            chip_width=row["chip_width"],
            ids=tuple(row["ids"]),
            endian="little" if row["endian"] == "cpu" else row["endian"],
            cpu_endian=row["endian"] == "cpu",
            code=row.get("code"),
            max_size=row.get("max_size", MAX_REGION),
            bases={device: _base(entry["base"]) for device, entry in row["devices"].items()},
            command_set=CommandSet[row.get("command_set", CommandSet.CFI01.name)],
            mapped_bytes=row.get("mapped"),
        )
        for name, row in table.items()
    }


def boards_with(device: str) -> list[Board]:
    """Return the boards that have a device of this name, the most common first."""
    return [board for board in boards().values() if device in board.sizes]
