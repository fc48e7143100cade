"""Ready chips of the filter, and those of the values of the selected operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tracetool.sizes import format_offset
from tracetool.timeline.operations import WRITING
from tracetool.timeline.query.lexer import spell_text
from tracetool.viewmodel.filters import Chip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.viewmodel.selection import Selection
    from tracetool.viewmodel.tables import Tables

__all__ = ["BYTES", "MODULE", "TIME", "Offer", "bytes_query", "chip_offers", "range_chip"]

BYTES, TIME, MODULE = "bytes", "time", "module"
"""Slots of chips of which there is one: a range of bytes, of time, and the code that asked for operations."""


class Offer(NamedTuple):
    """A chip to choose: its key, the chip, what it keeps in words; its opposite has the key in upper case."""

    key: str
    chip: Chip
    words: str

    @property
    def opposite(self) -> Chip:
        """The chip that keeps the others."""
        text = f"not ({self.chip.text})"
        return Chip(text, text)


def bytes_query(device: str | None, start: int, end: int) -> str:
    """The query for operations on a range of bytes, of a device if there are several."""
    mine = "" if device is None else f"device == {spell_text(device)} and "
    return f"{mine}touches {format_offset(start)}..{format_offset(end)}"


def range_chip(text: str) -> Chip | None:
    """The chip of a typed range, `1.2s..1.5s` of time or `0x100000..0x100080` of bytes; None if it is none."""
    if ".." not in text:
        return None
    chips = (Chip(f"t in {text.strip()}", TIME), Chip(f"touches {text.strip()}", BYTES))
    return next((chip for chip in chips if chip.understood), None)


def chip_offers(tables: Tables, selection: Selection) -> Iterator[Offer]:
    """Ready chips, then the values of the selected operation, and the selected bytes."""
    yield _offer("c", f"op in ({', '.join(WRITING)})", "what wrote to the flash")
    yield _offer("e", "op == erase", "erases")
    yield _offer("p", "op in (program, buffered-program)", "programs")
    outside = " or ".join(_beyond(tables))
    if outside:
        yield _offer("o", outside, "what reaches beyond the extent")
    yield _offer("f", "finding", "what a finding speaks of")
    several = len(tables.session.audit.devices) > 1
    if selection.bytes is not None:
        device = selection.device if several else None
        yield Offer("a", Chip(bytes_query(device, *selection.bytes), BYTES), "the selected bytes")
    if selection.event is not None:
        yield from _values(tables, *selection.event, several=several)


def _offer(key: str, text: str, words: str) -> Offer:
    return Offer(key, Chip(text, text), words)


def _beyond(tables: Tables) -> Iterator[str]:
    several = len(tables.session.audit.devices) > 1
    for device, extent in tables.session.extents.items():
        mine = f"device == {spell_text(device)} and " if several else ""
        yield f"{mine}end > {format_offset(extent)}"


def _values(tables: Tables, trace: int, seq: int, *, several: bool) -> Iterator[Offer]:
    device = str(tables.event(tables.number(trace, seq))["device"])
    operation = tables.operation_at(trace, seq, device)
    if operation is None:
        return
    row = tables.audited.row(operation, named=True)
    mine = f"device == {spell_text(device)} and " if several else ""
    yield _offer("k", f"op == {row['kind']}", "its kind")
    if several:
        yield _offer("d", f"device == {spell_text(device)}", "its device")
    if row["block"] is not None:
        yield _offer("b", f"{mine}block == {row['block']}", "its erase block")
    if row["outcome"] is not None:
        yield _offer("u", f"outcome == {row['outcome']}", "its outcome")
    if row["variable"]:
        yield _offer("v", f"var == {spell_text(row['variable'][0])}", "its variable")
    if row["rule"]:
        yield _offer("r", f"rule == {row['rule'][0]}", "its finding")
    if row["by"]:
        yield Offer("m", Chip(f"by == {spell_text(row['by'])}", MODULE), "its module")
