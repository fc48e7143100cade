from __future__ import annotations

from tests.tracetool.report.cases import CASES, DEVICE
from tracetool.audit.flash import FlashUse, Span, Use, flash_use

BLOCK, EXTENT = 256 << 10, 768 << 10


def test_blocks_and_findings_are_the_spans_of_a_flash() -> None:
    """The padding sample's guest erases and programs the first block, and programs a word beyond the extent."""
    audit = CASES["padding"]()
    device = next(found for found in audit.devices if found.name == DEVICE)
    flash = flash_use(device, audit)
    assert flash is not None
    assert (flash.region_bytes, flash.extent_bytes, flash.block_bytes) == (64 << 20, EXTENT, BLOCK)
    assert {(span.start, span.use) for span in flash.spans} == {
        (0, Use.PROGRAMMED),
        (0, Use.ERASED),
        (0x100000, Use.PROGRAMMED),
        (0x100000, Use.OUTSIDE),
    }
    assert {span.rule for span in flash.spans if span.use == Use.OUTSIDE} == {"EXT001", "EXT003"}
    assert flash.reach == 0x100004


def test_a_block_that_the_extent_cuts_stands_only_for_its_inside() -> None:
    outside = Span(0x60000, 0x60004, Use.OUTSIDE)
    flash = FlashUse(1 << 20, 0x50000, (Span(0x40000, 0x80000, Use.ERASED), outside), BLOCK)
    assert list(flash.exact_spans) == [Span(0x40000, 0x50000, Use.ERASED), outside]
