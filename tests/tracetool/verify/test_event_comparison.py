"""Two traces side by side: equal as far as both say something, and the first event that is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.behaviour import Behaviour
from tests.tracetool.logs import log
from tests.tracetool.traces import reader, replayed
from tracetool.analysis.options import Options
from tracetool.qemu.about import About
from tracetool.verify.event_comparison import Compared, compare_traces
from tracetool.verify.plan import plan_for

FLASH = "virt.flash1"
ARM = About("/bin/qemu-system-arm", "7.2.22", "arm", frozenset({"virt"}), Behaviour.DIRECT)


def trace() -> str:
    whole = log(FLASH).reset().program(0x40, 7).read_status(0).buffered(0x80, 1, 2, 3).erase(0x40000).read_array()
    return whole.reset().program(4, 9).read_status(4).text


def compared(recorded: str, live: str, *, chunk: int = 4 << 20, cut: bool = False) -> Compared:
    found = replayed([recorded], Options())
    kinds = {line.split()[0].removeprefix("pflash_") for line in recorded.splitlines()}
    parts = plan_for(found, ARM).parts
    one, other = reader(recorded, chunk_bytes=chunk), reader(live, chunk_bytes=chunk)
    return compare_traces([one], [other], parts, {(0, FLASH): kinds}, cut=cut)[FLASH]


@given(st.integers(64, 5000))
@pytest.mark.slow
def test_a_trace_is_equal_to_itself_however_it_is_cut(chunk: int) -> None:
    found = compared(trace(), trace(), chunk=chunk)
    assert not found.differs
    assert found.events == sum("reset" not in line for line in trace().splitlines())
    assert found.values == 2


@given(st.data())
@pytest.mark.slow
def test_a_changed_value_is_the_first_difference(data: st.DataObject) -> None:
    lines = trace().splitlines(keepends=True)
    at = data.draw(st.sampled_from([seq for seq, line in enumerate(lines) if "0x" in line]))
    changed = list(lines)
    changed[at] = lines[at].replace("0x", "0x1", 1)
    found = compared("".join(lines), "".join(changed), chunk=data.draw(st.sampled_from([200, 1 << 20])))
    assert (found.trace, found.seq) == (0, at)
    assert found.recorded == lines[at].strip()
    assert found.events == sum("reset" not in line for line in lines[:at])


@given(st.integers(1, 30))
@pytest.mark.slow
def test_what_one_side_lacks_at_the_end_is_a_difference(count: int) -> None:
    lines = trace().splitlines(keepends=True)
    short = "".join(lines[:-count])
    lacking = [seq for seq, line in enumerate(lines) if seq >= len(lines) - count and "reset" not in line]
    found = compared(trace(), short)
    assert (found.seq, found.live) == (lacking[0], "nothing")
    assert not compared(trace(), short, cut=True).differs
    more = compared(short, trace())
    assert more.differs or not set(_kinds(lines[-count:])) & set(_kinds(lines[:-count]))


def _kinds(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines if "reset" not in line]


def test_kinds_that_the_trace_does_not_have_are_not_expected_of_it() -> None:
    bare = "".join(line for line in trace().splitlines(keepends=True) if "io_" in line or "reset" in line)
    found = compared(bare, trace())
    assert not found.differs
    assert found.events == bare.count("io_")


def test_what_only_one_event_set_has_is_not_compared() -> None:
    data = "data offset:0x0040 size:4 value:0x0007"
    old = trace().replace(data, f"{data} counter:0x1")
    assert old != trace()
    assert not compared(old, trace()).differs


@pytest.mark.parametrize("event", ["outer_write", "realize"])
def test_what_no_other_device_has_is_passed_over(event: str) -> None:
    text = {"outer_write": "addr:0x100000 len:4", "realize": "ro:0 blk_len:0xc0000 total_len:0x4000000"}[event]
    lines = trace().splitlines(keepends=True)
    more = "".join([lines[0], f"pflash_{event} {FLASH}: {text}\n", *lines[1:]])
    assert not compared(more, trace()).differs
