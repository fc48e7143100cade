"""The plugin's log: accesses, their chains of callers, and the images in guest memory that the code lies in.

The rows are described in `plugin.c`, which writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["ACCESSES_SCHEMA", "OTHER_STACK", "Image", "WhoLog", "read_who_log"]

OTHER_STACK = 1
"""In a chain: the callers that follow are on another stack."""

ACCESSES_SCHEMA = pl.Schema(
    {
        "line": pl.UInt32(),
        "vcpu": pl.UInt16(),
        "store": pl.Boolean(),
        "size": pl.UInt8(),
        "device": pl.String(),
        "address": pl.Int64(),
        "chain": pl.UInt32(),
    }
)
"""One row an access of a virtual CPU to a flash, in order: line of the log, CPU, store or load, bytes, device,
guest-physical address, and the number of its chain of callers."""

_FIELDS = ("row", "vcpu", "direction", "size", "device", "address", "vaddr", "chain")
_IMAGE_FIELDS = 8
_MOST_CALLERS = 256
_ADDRESS_BITS = 64
_TWO_CHAINS = ()


class Image(NamedTuple):
    """Code in guest memory from `base` on, `size` bytes long; `kind` PE, TE, or - where there is no header.

    `line`: it was there from this line of the log on. `code`: 32 bytes at `pc`, hexadecimal. `path`: from its debug
    directory, or empty.
    """

    line: int
    pc: int
    base: int
    size: int
    kind: str
    machine: int
    entry: int
    code: str
    path: str


@dataclass
class WhoLog:
    """A log as read.

    Attributes:
        accesses: a frame of `ACCESSES_SCHEMA`.
        chains: the program counters of each chain by its number: the access's, then those of the calls.
        target: the guest's architecture, as QEMU calls it.
        complete: QEMU ended properly, and every access was written.
        damaged: lines that could not be read.
        first_damage: the number of the first of them.
        lost: accesses that the plugin could not write.
    """

    accesses: pl.DataFrame
    chains: dict[int, tuple[int, ...]] = field(default_factory=dict)
    target: str = ""
    complete: bool = False
    damaged: int = 0
    first_damage: int = 0
    lost: int = 0
    _images: list[Image] = field(default_factory=list)
    _pages: dict[int, list[int]] = field(default_factory=dict)
    """Indices of images by 64 KiB of address, in order."""
    _by_pc: dict[int, list[Image]] = field(default_factory=dict)

    def image_at(self, pc: int, line: int) -> Image | None:
        """The image that a pc lay in when a line was written; None: not known."""
        return next((image for image in reversed(self._around(pc)) if image.line <= line), None)

    @property
    def headerless(self) -> list[Image]:
        """Places of code without an image's header, in the order in which they were seen."""
        return [image for image in self._images if image.kind == "-"]

    def moments(self, chain: int) -> Sequence[int]:
        """Lines from which on a pc of the chain lies in another image than before, ascending, the first 0."""
        return sorted({0}.union(*([image.line for image in self._around(pc)[1:]] for pc in self.chains[chain])))

    def _around(self, pc: int) -> list[Image]:
        """The images that ever had a pc in them, in order."""
        if pc not in self._by_pc:
            images = [self._images[number] for number in self._pages.get(pc >> _PAGE_BITS, ())]
            self._by_pc[pc] = [image for image in images if image.base <= pc < image.base + image.size]
        return self._by_pc[pc]

    @property
    def gapless(self) -> bool:
        """No row is missing, unless it is all from some moment on."""
        return not self.damaged and not self.lost

    def code_of(self, accesses: pl.DataFrame) -> NDArray[np.int64]:
        """Numbers (int64) of the code of accesses (`ACCESSES_SCHEMA`); rows of the same have the same code."""
        lines = np.array([image.line for image in self._images], np.int64)
        moment = np.searchsorted(lines, accesses["line"].to_numpy(), side="right").astype(np.int64)
        chain: NDArray[np.int64] = accesses["chain"].cast(pl.Int64).to_numpy()
        return chain * (len(lines) + 1) + moment

    def add_image(self, image: Image) -> None:
        """Add an image, which hides those that lay there before.

        Raises:
            ValueError: more lie there than any firmware loads.
        """
        found = [
            self._pages.setdefault(page, [])
            for page in range(image.base >> _PAGE_BITS, (image.base + image.size - 1 >> _PAGE_BITS) + 1)
        ]
        if len(self._pages) > _MOST_PAGES or max(map(len, found)) >= _MOST_IMAGES:
            raise ValueError("too many images")
        self._images.append(image)
        self._by_pc.clear()
        for page in found:
            page.append(len(self._images) - 1)


_PAGE_BITS = 16
_MOST_BYTES = 1 << 28
"""Largest image that is believed."""
_MOST_PAGES = 1 << 16
"""Pages with images: 4 GiB of code."""
_MOST_IMAGES = 1 << 10
"""Images that lay in one page after each other, or beside."""


def read_who_log(data: bytes) -> WhoLog:
    """Read a log. A line that is damaged is counted, and left out; a last line without its end is cut, and dropped."""
    lines = data.decode("utf-8", "replace").split("\n")
    cut = lines.pop()
    table = pl.DataFrame({"text": lines}, schema={"text": pl.String}).with_row_index("line", offset=1)
    chosen = table.filter(pl.col("text").str.starts_with("A "))
    parts = pl.col("text").str.splitn(" ", len(_FIELDS) + 1).struct.rename_fields([*_FIELDS, "rest"])
    split = chosen.select("line", parts.alias("part")).unnest("part")
    accesses = split.select(
        pl.col("line").cast(pl.UInt32),
        pl.col("vcpu").cast(pl.UInt16, strict=False),
        pl.when(pl.col("direction").is_in(["r", "w"])).then(pl.col("direction") == "w").alias("store"),
        pl.col("size").cast(pl.UInt8, strict=False),
        pl.when(pl.col("device") != "").then("device").alias("device"),
        pl.col("address").str.to_integer(base=16, strict=False),
        pl.when(pl.col("rest").is_null()).then(pl.col("chain").cast(pl.UInt32, strict=False)).alias("chain"),
    )
    whole = accesses.filter(
        ~pl.any_horizontal(pl.all().is_null()), pl.col("size").is_in([1, 2, 4, 8, 16]), pl.col("address") >= 0
    )
    log = WhoLog(whole.cast(ACCESSES_SCHEMA))
    bad = accesses.join(whole.select("line"), on="line", how="anti")["line"].to_list()
    is_other = pl.col("text").str.contains("^[CIVS] ")
    bad += table.filter(~is_other & ~pl.col("text").str.starts_with("A "))["line"].to_list()
    for line, text in table.filter(is_other).iter_rows():
        try:
            _take(log, line, text)
        except (ValueError, LookupError):
            bad.append(line)
    log.chains = {number: chain for number, chain in log.chains.items() if chain != _TWO_CHAINS}
    known = log.accesses["chain"].is_in(list(log.chains))
    bad += log.accesses.filter(~known)["line"].to_list()
    log.accesses = log.accesses.filter(known)
    log.damaged, log.first_damage = len(bad), min(bad, default=0)
    log.complete &= not bad and not cut and not log.lost
    return log


def _take(log: WhoLog, line: int, text: str) -> None:
    """Take a row of kind C, I, V or S.

    Raises:
        ValueError, LookupError: it is damaged.
    """
    kind, _, rest = text.partition(" ")
    if kind == "C":
        number, pcs = rest.split(" ")
        chain = tuple(int(pc, 16) for pc in pcs.split(","))
        if len(chain) > _MOST_CALLERS or min(chain) < 0 or max(chain) >> _ADDRESS_BITS:
            raise ValueError("no chain of addresses")
        if log.chains.setdefault(int(number), chain) != chain:
            log.chains[int(number)] = _TWO_CHAINS
            raise ValueError("a number of two chains, as where logs of two runs were joined")
    elif kind == "I":
        pc, base, size, form, machine, entry, code, path = rest.split(" ", _IMAGE_FIELDS - 1)
        image = Image(
            line,
            int(pc, 16),
            int(base, 16),
            int(size, 16),
            form,
            int(machine, 16),
            int(entry, 16),
            code,
            "" if path == "-" else path,
        )
        if form not in ("PE", "TE", "-") or min(image.pc, image.base) < 0 or not 0 < image.size <= _MOST_BYTES:
            raise ValueError("no image")
        log.add_image(image)
    elif kind == "V":
        log.target = dict(part.partition("=")[::2] for part in rest.split(" ")[1:])["target"]
    else:
        totals = {name: int(value) for name, _, value in (part.partition("=") for part in rest.split(" "))}
        log.lost = totals["lost"]
        log.complete = totals["accesses"] - totals["lost"] == log.accesses.height
