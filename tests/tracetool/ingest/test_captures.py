"""The recorded logs, line by line."""

from __future__ import annotations

import json
from random import Random

import pytest
from polars.testing import assert_frame_equal

from tests.captures import capture_path
from tests.tracetool.ingest.support import collect, read_text
from tracetool.compression import zstd
from tracetool.ingest import open_trace

LOGS = [
    "aavmf-first-boot/trace.log.zst",
    "aavmf-rfc-v2/trace.log.zst",
    "aavmf-shell-padding/trace.log.zst",
    "ovmf-first-boot/trace.log.zst",
    *(f"random-accesses/{name}.log.zst" for name in ("f1a", "f2a", "f3a", "pw1o", "pw1p")),
    "aavmf-reclaim/part-of-another-run.ftrace.zst",
    pytest.param("aavmf-reclaim/trace.log.zst", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name", LOGS)
def test_every_line_of_a_capture_is_understood(name: str) -> None:
    folder, file = name.split("/")
    facts = json.loads(capture_path("manifest.json").read_text())[folder][file]
    health = collect(open_trace(str(capture_path(name)))).health
    assert (health.lines, health.events) == (facts["lines"], facts["pflash_events"])
    assert (health.understood, health.truncated) == (health.lines, None)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.first_quick
def test_a_mangled_capture_is_read_on(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    with zstd.open(capture_path("aavmf-shell-padding/trace.log.zst")) as stream:
        data = bytearray(stream.read(40_000))
    for _ in range(random.randint(1, 60)):
        at = random.randrange(len(data))
        match random.randrange(3):
            case 0:
                data[at] ^= 1 << random.randrange(8)
            case 1:
                del data[at : at + random.randrange(200)]
            case _:
                other = random.randrange(len(data))
                data[at:at] = data[other : other + random.randrange(200)]
    whole, cut = read_text(bytes(data)), read_text(bytes(data), chunk_bytes=1000)
    assert_frame_equal(whole.frame, cut.frame, categorical_as_str=True)
    assert whole.health == cut.health
    assert whole.health.understood > 100


def test_the_first_events_of_the_rfc_device() -> None:
    frame = collect(open_trace(str(capture_path("aavmf-rfc-v2/trace.log.zst")))).frame
    realize = frame.filter(event="realize").select("device", "length", "region", "text").rows()
    assert realize == [("virt.flash0", 0x200000, 0x4000000, "ro"), ("virt.flash1", 0xC0000, 0x4000000, "rw")]
    assert frame.filter(event="outer_write").select("offset", "size").row(0) == (0x100000, 4)


def test_the_first_boot_event_by_event() -> None:
    reading = collect(open_trace(str(capture_path("aavmf-first-boot/trace.log.zst"))))
    row = reading.rows[2]
    assert (row["seq"], row["thread"], row["time_ns"]) == (2, 24760, 1795337167656149000)
    assert (row["event"], row["device"], row["boot"]) == ("io_write", "virt.flash0", 0)
    assert (row["offset"], row["size"], row["value"], row["wcycle"]) == (0x1CB20, 4, 0x17384, 0)
    assert reading.frame["seq"].to_list() == list(range(18585))
    assert (reading.meta.clock, reading.meta.nameless) == ("wall", False)


def test_ftrace_counts_from_the_hosts_boot() -> None:
    reading = collect(open_trace(str(capture_path("aavmf-reclaim/part-of-another-run.ftrace.zst"))))
    assert reading.meta.clock == "boot-relative"
    assert reading.rows[0]["time_ns"] == 1806840320000
    assert reading.rows[0]["thread"] == 26756
