"""The policies compared: one trace, four answers."""

from __future__ import annotations

import pytest

from replay.backing import Policy
from tests.captures import capture_path
from tests.tracetool.logs import log
from tests.tracetool.traces import reader
from tracetool.analysis.options import Options
from tracetool.audit.compare import Consequence, compare_policies
from tracetool.errors import UsageError

FLASH1 = "virt.flash1"
EXTENT = Options(extents={FLASH1: 0xC0000})


def compared(trace: object, options: Options = EXTENT) -> dict[Policy, Consequence]:
    audit = compare_policies([reader(trace)], options)  # type: ignore[arg-type]
    return {row.policy: row for row in audit.policies if row.device == FLASH1}


@pytest.mark.slow
def test_a_lone_program_outside_is_lost_by_two_policies_and_refused_by_one() -> None:
    rows = compared(log(FLASH1).reset().program(0x100000, 7).read_array().text)
    assert {policy: row.lost_bytes for policy, row in rows.items()} == {
        Policy.PADDED: 0,
        Policy.DISCARD: 4,
        Policy.VOLATILE: 4,
        Policy.ERROR: 0,
    }
    assert [rows[policy].refused for policy in Policy] == [0, 0, 0, 1]
    assert [rows[policy].memory_bytes for policy in Policy] == [64 << 20, 0xC0000, 0x100000, 0xC0000]


@pytest.mark.slow
def test_a_poll_outside_differs_where_the_chip_is_not_reached() -> None:
    rows = compared(log(FLASH1).reset().write(0x100000, 0x700070).read_status(0x100000).text)
    assert rows[Policy.PADDED].reads_that_differ == 0
    assert rows[Policy.DISCARD].reads_that_differ == 1, "zeros instead of ready"
    assert rows[Policy.VOLATILE].reads_that_differ == 0
    assert rows[Policy.ERROR].reads_that_differ == 1, "all ones"


@pytest.mark.slow
def test_a_sequence_across_the_extent_is_torn_only_where_writes_are_thrown_away() -> None:
    rows = compared(log(FLASH1).reset().write(0x100000, 0x400040).write(0x100, 7, wcycle=1).read_array().text)
    assert rows[Policy.DISCARD].torn_writes == 1
    assert rows[Policy.VOLATILE].torn_writes == 0
    assert rows[Policy.PADDED].torn_writes == 0


def test_without_an_extent_there_is_nothing_to_compare() -> None:
    assert compared(log(FLASH1).reset().program(0x100000, 7).text, Options()) == {}


@pytest.mark.slow
def test_a_trace_of_the_short_device_says_what_it_cannot_say() -> None:
    rows = compared(capture_path("aavmf-rfc-v2/trace.log.zst"), Options())
    assert [row.evaluated for row in rows.values()] == [False] * 4
    assert rows[Policy.DISCARD].lost_bytes is None


def test_a_stream_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="give a file"):
        compare_policies([reader(log(FLASH1).reset().text, stream=True)], EXTENT)
