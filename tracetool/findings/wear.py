"""WEAR, NOR011: more erases and programs than needed, or than a chip endures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.analysis.cluster import Cluster
from tracetool.findings.phrases import count_of
from tracetool.findings.registry import Hit, rule
from tracetool.sizes import format_offset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.findings.registry import Case

AMPLIFICATION = 10
"""Bytes erased and programmed for each byte changed by a program, from which it is worth a note."""


@rule("WEAR001")
def erased_often(case: Case) -> Iterator[Hit]:
    """Blocks that were erased more often than the limit."""
    blocks = case.device.blocks
    block, erases = blocks.most_erased()
    if erases > case.options.wear_limit:
        others = blocks.erased_more_than(case.options.wear_limit) - 1
        offset, end = blocks.sectors.place(block)
        message = f"block {block} at {format_offset(offset)} was erased {erases:,} times"
        if others:
            message += f", and {count_of(others, 'other block')} more than {case.options.wear_limit:,} times"
        yield Hit(Cluster(erases, offset=offset, end=end), message)


@rule("NOR011")
def worn_out(case: Case) -> Iterator[Hit]:
    """Blocks that were erased more often than a real chip is specified for."""
    blocks = case.device.blocks
    block, erases = blocks.most_erased()
    if erases > case.chip.erase_cycles:
        offset, end = blocks.sectors.place(block)
        message = f"block {block} was erased {erases:,} times; a real chip is good for {case.chip.erase_cycles:,}"
        yield Hit(Cluster(erases, offset=offset, end=end), message)


@rule("WEAR003")
def amplified(case: Case) -> Iterator[Hit]:
    """Far more bytes written than changed."""
    watch = case.device.watch
    if watch is None or watch.contents_unknown:
        return
    written, changed = watch.written_bytes, watch.changed_bytes
    if changed and written > AMPLIFICATION * changed:
        message = (
            f"{written:,} B were erased and programmed for {changed:,} B that programs changed: "
            f"{written / changed:,.0f} for one"
        )
        yield Hit(Cluster(1), message)
