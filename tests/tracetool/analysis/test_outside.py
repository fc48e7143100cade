"""What was done beyond the extent, and when that is known."""

from __future__ import annotations

import pytest

from tests.tracetool.logs import log
from tests.tracetool.traces import audited
from tests.tracetool.uefi.stores import header
from tracetool.audit import Verdict

FLASH1 = "virt.flash1"


@pytest.mark.parametrize("fv_length", [0x21000, 0x21004])
@pytest.mark.first_quick
def test_a_stream_knows_an_extent_that_ends_inside_a_block_too_late(fv_length: int) -> None:
    """What was done in that block before the store's header is not called within the extent."""
    program = log(FLASH1).reset().program(0x100, 1).program(0x30000, 1).read_array()
    command = log(FLASH1).reset().program(0x100, 1).write(0x30000, 0xFF00FF)
    store = header(fv_length=fv_length)
    for early, rule in ((program, "EXT001"), (command, "EXT003")):
        for offset in range(0, len(store), 4):
            early.program(offset, int.from_bytes(store[offset : offset + 4], "little"))
        for stream in (False, True):
            found = audited(early.text, stream=stream)
            assert found[FLASH1].verdict == Verdict.OUTSIDE_EXTENT
            assert [f.offset for f in found.findings(rule)] == [0x30000]
