"""WEAR: more erases and programs than needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.findings.phrases import count_of, place
from tracetool.findings.registry import rule
from tracetool.sizes import format_offset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.findings.registry import Case, Finding

AMPLIFICATION = 10
"""Bytes erased and programmed for each byte changed by a program, from which it is worth a note."""


@rule("WEAR001")
def erased_often(case: Case) -> Iterator[Finding]:
    """Blocks that were erased more often than the limit."""
    device = case.device
    if device is None or device.blocks is None:
        return
    block, erases = device.blocks.most_erased()
    if erases <= case.wear_limit:
        return
    others = device.blocks.erased_more_than(case.wear_limit) - 1
    offset = block * device.blocks.block_bytes
    message = f"block {block} at {format_offset(offset)} was erased {erases:,} times"
    if others:
        message += f", and {count_of(others, 'other block')} more than {case.wear_limit:,} times"
    yield case.about("WEAR001", (offset, device.blocks.block_bytes), erases, message)


@rule("WEAR002")
def without_effect(case: Case) -> Iterator[Finding]:
    """Programs and erases after which every byte was what it was before."""
    found = case.operations("WEAR002")
    if found is not None:
        noun = count_of(found.count, "program or erase", "programs and erases")
        yield from case.finding("WEAR002", found, f"{noun} {place(found)} changed nothing")


@rule("WEAR003")
def amplified(case: Case) -> Iterator[Finding]:
    """Far more written than changed."""
    device = case.device
    if device is None or device.watch is None or device.watch.contents_unknown:
        return
    written, changed = device.watch.written_bytes, device.watch.changed_bytes
    if changed and written > AMPLIFICATION * changed:
        message = (
            f"{written:,} B were erased and programmed for {changed:,} B that programs changed: "
            f"{written / changed:,.0f} for one"
        )
        yield case.about("WEAR003", None, 1, message)
