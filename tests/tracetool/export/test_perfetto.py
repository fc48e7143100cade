from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent  # type: ignore[import-untyped]

from tests.captures import ROOT
from tests.tracetool.export.support import exported
from tests.tracetool.logs import log
from tests.tracetool.traces import reader
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.ingest import open_trace

FIRST_BOOT = str(ROOT / "samples" / "aavmf-first-boot" / "trace.log.zst")


class Shown:
    """A Perfetto trace, read back."""

    def __init__(self, data: bytes) -> None:
        self.tracks: dict[int, Any] = {}
        self.slices: list[tuple[str, int, int, str, dict[str, Any]]] = []
        self.counters: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        started: dict[int, Any] = {}
        for packet in Trace.FromString(data).packet:
            if packet.HasField("track_descriptor"):
                self.tracks[packet.track_descriptor.uuid] = packet.track_descriptor
                continue
            event = packet.track_event
            name = self.tracks[event.track_uuid].name
            if event.type == TrackEvent.TYPE_SLICE_BEGIN:
                assert event.track_uuid not in started, "slices of a device overlap"
                started[event.track_uuid] = packet
            elif event.type == TrackEvent.TYPE_SLICE_END:
                begin = started.pop(event.track_uuid)
                values = {note.name: _value(note) for note in begin.track_event.debug_annotations}
                self.slices.append((name, begin.timestamp, packet.timestamp, begin.track_event.name, values))
            else:
                assert event.type == TrackEvent.TYPE_COUNTER
                self.counters[name].append((packet.timestamp, event.counter_value))
        assert not started


def _value(annotation: Any) -> Any:  # noqa: ANN401  the package has no types
    return getattr(annotation, annotation.WhichOneof("value"))


@pytest.fixture(scope="module")
def operations() -> pl.DataFrame:
    return replay_readers([open_trace(FIRST_BOOT)], Options(keep_operations=True)).operations()


@pytest.fixture(scope="module")
def shown() -> Shown:
    return Shown(exported(open_trace(FIRST_BOOT), "perfetto").data)


@pytest.mark.slow
def test_every_operation_is_a_slice_on_its_device_s_track(shown: Shown, operations: pl.DataFrame) -> None:
    expected = [
        (
            row["device"],
            row["time_ns"],
            row["time_ns"] + row["duration_ns"],
            row["kind"],
            row["first_seq"],
            row["offset"],
        )
        for row in operations.sort("last_seq").iter_rows(named=True)
    ]
    found = [(*row[:4], row[4]["first_seq"], row[4].get("offset")) for row in shown.slices]
    assert found == expected
    assert len(found) > 200


def test_a_slice_says_what_the_timeline_says(shown: Shown, operations: pl.DataFrame) -> None:
    columns = operations.drop("trace", "device", "time_ns", "duration_ns").sort("last_seq")
    for (*_, values), row in zip(shown.slices, columns.iter_rows(named=True), strict=True):
        assert values == {name: value for name, value in row.items() if value is not None}


def test_counters_end_with_the_sums_of_the_timeline(shown: Shown, operations: pl.DataFrame) -> None:
    erases = operations.filter((pl.col("kind") == "erase") & (pl.col("outcome") == "done"))
    counts = Counter(erases["device"].to_list())
    for device, count in counts.items():
        assert [value for _, value in shown.counters[f"{device} erases"]] == list(range(1, count + 1))
    changed = operations.group_by("device").agg(pl.col("bytes_changed").sum()).rows()
    for device, total in changed:
        values = shown.counters[f"{device} bytes changed"]
        assert (values[-1][1] if values else 0) == total


def test_counters_lie_below_their_device(shown: Shown) -> None:
    by_name = {track.name: track for track in shown.tracks.values()}
    assert set(by_name) == {
        f"{device}{what}" for device in ("virt.flash0", "virt.flash1") for what in ("", " erases", " bytes changed")
    }
    for name, track in by_name.items():
        assert track.parent_uuid == (by_name[name.split()[0]].uuid if " " in name else 0)


def test_a_trace_without_times_counts_events() -> None:
    text = log("virt.flash1").reset().erase(0).program(0, 1).read_array().text
    data, remarks = exported(reader(text), "perfetto")
    assert remarks == ["the trace has no times: each event is a nanosecond after the one before"]
    slices = Shown(data).slices
    assert [kind for *_, kind, _ in slices] == ["erase", "program", "read-array"]
    assert [(start, end) for _, start, end, _, _ in slices] == [
        (values["first_seq"], values["last_seq"]) for *_, values in slices
    ]


def test_slices_of_a_clock_that_was_set_back_do_not_overlap() -> None:
    lines = log("virt.flash1").reset().erase(0).program(0, 1).program(4, 1).text.splitlines()
    times = [100, 101, 102, 103, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60]
    text = "".join(f"1@{time}.000000:{line}\n" for time, line in zip(times, lines, strict=False))
    data, remarks = exported(reader(text), "perfetto")
    assert remarks == ["the trace's clock was set back 1 times; here it goes on from where it was"]
    slices = Shown(data).slices
    assert [kind for *_, kind, _ in slices] == ["erase", "program", "program"]
    assert all(before[2] <= after[1] for before, after in pairwise(slices))


def test_a_device_that_cannot_be_replayed_is_named() -> None:
    text = "pflash_io_write nobody.knows: offset:0x0000 size:4 value:0xff wcycle:0\n"
    data, remarks = exported(reader(text), "perfetto")
    assert Shown(data).slices == []
    assert remarks[-1] == "nobody.knows was not replayed, so it has no operations; give --board or --geometry"
