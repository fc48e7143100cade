"""The catalogue and the canonical frame."""

from __future__ import annotations

import pytest

from tracetool.events import (
    CATALOGUE,
    CFI02_ONLY,
    EVENT_CODES,
    EVENT_NAMES,
    EVENTS_SCHEMA,
    EventType,
    render,
    variants,
)

COLUMNS = (
    "trace boot seq time_ns process thread event device offset size value cmd wcycle counter length region text".split()  # noqa: SIM905
)


def test_the_schema_is_the_canonical_frame() -> None:
    assert list(EVENTS_SCHEMA.names()) == COLUMNS
    assert EVENTS_SCHEMA["event"] == EventType


def test_codes_are_the_places_of_the_names_and_accesses_come_first() -> None:
    assert EVENT_NAMES[:2] == ("io_write", "io_read")
    assert [EVENT_CODES[name] for name in EVENT_NAMES] == list(range(len(EVENT_NAMES)))
    assert EventType.categories.to_list() == list(EVENT_NAMES)


def test_every_column_of_a_variant_exists() -> None:
    for variant in CATALOGUE:
        assert variant.columns <= set(COLUMNS), variant


def test_only_cfi02_events_are_called_so() -> None:
    assert {"sector_erase_start", "unlock1_failed", "erase_timeout"} <= CFI02_ONLY
    assert CFI02_ONLY.isdisjoint({"io_write", "reset", "data_write", "write", "timer_expired"})


def test_nameless_reset_means_back_to_read_array() -> None:
    (old,) = [v for v in CATALOGUE if v.source == "reset" and not v.named]
    assert old.event == "mode_read_array"
    assert [v.named for v in variants("reset")] == [True]


def test_no_two_variants_are_written_alike() -> None:
    """But for a CFI02 device's return to rest, which only what precedes it tells from a reset."""
    texts = [(v.source, v.named, v.text) for v in CATALOGUE if v.event != "idle"]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            {"event": "io_write", "offset": 8, "size": 4, "value": 0x900090, "wcycle": 0},
            "io_write virt.flash1: offset:0x0008 size:4 value:0x900090 wcycle:0",
        ),
        (
            {"event": "data_write_block", "offset": 0x24A88, "size": 4, "value": 0xDCEB68B1, "counter": 0x1D},
            "data_write_block virt.flash1: data offset:0x24a88 size:4 value:0xdceb68b1 counter:0x000000000000001d",
        ),
        (
            {"event": "data_write", "offset": 1, "size": 1, "value": 2, "counter": None},
            "data_write virt.flash1: data offset:0x0001 size:1 value:0x0002",
        ),
        (
            {"event": "data_write", "offset": 1, "size": 1, "value": 2, "counter": 3},
            "data_write virt.flash1: data offset:0x0001 size:1 value:0x0002 counter:0x0000000000000003",
        ),
        (
            {"event": "sector_erase_start", "offset": 0x1000, "length": 0x1000},
            "sector_erase_start virt.flash1: start sector erase at: 0x1000-0x1fff",
        ),
        (
            {"event": "realize", "text": "ro", "length": 0x200000, "region": 0x4000000},
            "realize virt.flash1: ro:1 blk_len:0x200000 total_len:0x4000000",
        ),
        ({"event": "reset"}, "reset virt.flash1: reset"),
        ({"event": "write", "text": "write to buffer"}, "write virt.flash1: write to buffer"),
        (
            {"event": "sector_erase_start", "offset": 0x1000},
            "sector_erase_start virt.flash1: start sector erase at: 0x1000-?",
        ),
        (
            {"event": "unlock0_failed", "offset": 1, "cmd": 2, "text": "0x0555"},
            "unlock0_failed virt.flash1: unlock0 failed 0x1 0x02 0x0555",
        ),
    ],
)
def test_render_writes_what_qemu_writes(row: dict[str, object], text: str) -> None:
    assert render({"device": "virt.flash1", **row}) == text
