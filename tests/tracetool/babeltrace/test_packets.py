from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tracetool.ctf_traces import EventType, Packet, stream_of
from tracetool.babeltrace.packets import copy_whole, find_cuts

if TYPE_CHECKING:
    from pathlib import Path

TYPES = [EventType("event", {"number": "u32"})]
PACKETS = [Packet([(0, time, (time,)) for time in range(20 * number, 20 * number + 20)], number) for number in range(3)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_whole_stream_has_no_cut(order: str, tmp_path: Path) -> None:
    stream = tmp_path / "ch_0"
    stream.write_bytes(stream_of(PACKETS, TYPES, {}, order))
    assert find_cuts(stream) == []


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_cut_is_found_by_the_packets_alone(order: str, tmp_path: Path) -> None:
    stream = tmp_path / "ch_0"
    data = stream_of(PACKETS, TYPES, {}, order)
    stream.write_bytes(data[:-1])
    cut = find_cuts(stream)[0]
    assert (cut.order, cut.packet, cut.size, cut.ends) == (order, len(data) // 3 * 2, len(data) - 1, len(data))


def test_a_file_that_is_no_stream_has_no_cut(tmp_path: Path) -> None:
    stream = tmp_path / "ch_0"
    for data in (b"", b"\xc1", b"some text", b"\xc1\x1f\xfc\xc1", b"\xc1\x1f\xfc\xc1" + bytes(500)):
        stream.write_bytes(data)
        assert find_cuts(stream) == []


def test_a_copy_is_whole(tmp_path: Path) -> None:
    stream, copy = tmp_path / "ch_0", tmp_path / "copy"
    data = stream_of(PACKETS, TYPES, {}, "<")
    stream.write_bytes(data[:-30])
    cut = find_cuts(stream)[0]
    copy_whole(stream, copy, cut, tail=True)
    assert copy.stat().st_size == len(data) - 30
    assert find_cuts(copy) == []
    copy_whole(stream, copy, cut, tail=False)
    assert copy.read_bytes() == data[: cut.packet]
