"""The wear forecast: from the samples, which are two boots of one AAVMF, and from planted boots."""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tracetool as tt
from tests.tracetool.logs import Log, log, programmed
from tracetool.audit.wear import Spread
from tracetool.images import load_image, write_image
from tracetool.uefi.varstore import find_variable_store

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.audit.wear import WearForecast

FIRST_BOOT = tt.sample("aavmf-first-boot/trace.log.zst")
SECOND_BOOT = tt.sample("aavmf-shell-padding/trace.log.zst")
BEFORE = tt.sample("aavmf-shell-padding/flash1-before.fd.zst")
AFTER = tt.sample("aavmf-shell-padding/flash1-after.fd.zst")
STORE = "virt.flash1"
RECLAIMED_BELOW = 0x2800
NAME = "Clock\0".encode("utf-16-le")
GUID = bytes(range(16))
ROOM, LIVE = 262044, 1852
"""Bytes for variables in AAVMF's store, and of the sample's variables."""
RECORD, HEADER = 72, 60
"""Bytes of a copy of `Clock`, and of its header."""


def record(state: int, length: int = RECORD) -> bytes:
    head = struct.pack("<2sBxI28xII16s", b"\xaa\x55", state, 7, len(NAME), length - HEADER - len(NAME), GUID)
    return (head + NAME).ljust(length, b"\0")


@cache
def stored() -> bytes:
    return load_image(AFTER, limit=64 << 20).tobytes()


def image(path: Path, *, free: int | None = None) -> tuple[Path, int]:
    """The sample's store with `Clock`, behind a deleted variable that leaves so much free; and where `Clock` is."""
    contents = np.frombuffer(stored(), np.uint8).copy()
    store = find_variable_store(contents)
    assert store is not None
    filler = b"" if free is None else record(0x3C, store.free_bytes - free - RECORD)
    added = filler + record(0x3F)
    contents[store.list_end : store.list_end + len(added)] = np.frombuffer(added, np.uint8)
    write_image(path, contents)
    return path, store.list_end + len(filler)


def boots(clock: int, *updates: int) -> Log:
    """A log of boots that each update `Clock`, which is at an offset, so many times."""
    trace, at = log(STORE), clock
    for count in updates:
        trace.reset()
        for _ in range(count):
            trace.program(at, 0x003E55AA)
            old, at, data = at, at + RECORD, record(0xFF)
            for offset in range(0, RECORD, 4):
                if offset == HEADER:
                    trace.program(at, 0x007F55AA)
                trace.program(at + offset, int.from_bytes(data[offset : offset + 4], "little"))
            trace.program(at, 0x003F55AA).program(old, 0x003C55AA)
    return trace


def planted(tmp_path: Path, *updates: int, free: int | None = None) -> WearForecast:
    before, clock = image(tmp_path / "before.fd", free=free)
    (tmp_path / "trace.log").write_text(boots(clock, *updates).text)
    return tt.open(tmp_path / "trace.log", image={STORE: before}).wear()


def test_two_boots_tell_the_third() -> None:
    found = tt.open(FIRST_BOOT, SECOND_BOOT).wear()
    assert found.why_not == ()
    forecast = found.forecast
    assert forecast is not None
    assert forecast.boots == ((1, 0),)
    assert (forecast.next_added_bytes, forecast.next_free_bytes, forecast.next_reclaims) == (224, 259572, False)
    assert forecast.reclaimed_in == (1115, 1115)
    assert forecast.full_in == (None, None)


def test_what_a_boot_wrote_is_told_by_variable() -> None:
    rows = tt.open(FIRST_BOOT, SECOND_BOOT).wear().wear.variables.filter(trace=1)
    told = rows.select("variable", "copies", "bytes", "rewrites", "lasting").rows()
    assert told == [("Hello", 2, 152, 1, False), ("MTC", 1, 72, 1, False)]


def test_the_room_follows_the_boots() -> None:
    rows = tt.open(FIRST_BOOT, SECOND_BOOT).wear().wear.boots
    assert rows.select("added_bytes", "free_bytes", "live_bytes", "erases", "rewrites", "reclaims").rows() == [
        (2024, 260020, 1852, 23, 14, 0),
        (224, 259796, 1852, 2, 2, 0),
    ]


def test_boots_of_one_trace_are_told_apart_and_show_the_spread(tmp_path: Path) -> None:
    forecast = planted(tmp_path, 1, 3, 2).forecast
    assert forecast is not None
    assert forecast.boots == ((0, 0), (0, 1), (0, 2))
    assert forecast.added_bytes == Spread(RECORD, 2 * RECORD, 3 * RECORD)
    assert forecast.next_added_bytes == 2 * RECORD


@pytest.mark.slow
def test_a_variable_that_exists_is_not_created_again() -> None:
    """Of a boot that creates variables, what it updates is repeated."""
    found = tt.open(SECOND_BOOT, SECOND_BOOT, image={STORE: BEFORE}).wear().wear.variables
    created = tt.open(FIRST_BOOT, SECOND_BOOT).wear().wear.variables.filter(trace=0)
    assert created["lasting"].all()
    assert not found.filter(variable="MTC", trace=0)["lasting"].any()


@pytest.mark.parametrize(("free_after", "reclaims"), [(RECLAIMED_BELOW + RECORD, False), (RECLAIMED_BELOW, True)])
def test_the_store_is_reclaimed_in_the_boot_that_leaves_too_little(
    tmp_path: Path, free_after: int, *, reclaims: bool
) -> None:
    forecast = planted(tmp_path, 1, 1, free=free_after + 2 * RECORD).forecast
    assert forecast is not None
    assert forecast.next_reclaims is reclaims
    assert forecast.reclaimed_in == ((1, 1) if reclaims else (2, 2))
    assert forecast.next_free_bytes == (ROOM - LIVE - RECORD if reclaims else free_after - RECORD)


def test_blocks_last_until_the_endurance_that_is_asked_for() -> None:
    trace = tt.open(FIRST_BOOT, SECOND_BOOT)
    chip, asked = trace.wear(), trace.wear(endurance=1017)
    assert (chip.endurance, chip.endurance_source) == (100_000, "Intel StrataFlash P30 data sheet")
    assert asked.blocks.select("erases", "boots_left").row(0) == (17, 499)
    assert asked.blocks["part"].to_list() == ["variables", "FTW working", "FTW spare"]


@pytest.mark.slow
def test_what_a_reclaim_costs_is_worked_out_where_none_was_traced() -> None:
    cost = tt.open(FIRST_BOOT, SECOND_BOOT).wear().cost
    assert cost is not None
    assert (cost.erases, cost.programs, cost.measured) == (6, 32, False)


def reclaim(clock: int, *, whole: bool = True) -> Log:
    """A boot that updates `Clock` and reclaims the store of `image` as AAVMF does, up to its end or in the middle."""
    contents = np.frombuffer(stored(), np.uint8)
    store = find_variable_store(contents)
    assert store is not None
    kept = [contents[each.header.offset : each.header.end].tobytes() for each in store.current.values()]
    again = b"".join([stored()[:0x64], *kept, record(0x3F)])
    trace = programmed(boots(clock, 1), 0x40020, struct.pack("<B3x16x4xQQ", 0xFE, 1, 0))
    programmed(trace.program(0x40020, 0xFC), 0x40048, struct.pack("<B7xQQQq", 0xFF, 0, 0x48, 0x3FFB8, -0x80000))
    programmed(trace.erase(0x80000).erase(0x80000), 0x80000, again).program(0x40048, 0xFD)
    programmed(trace.erase(0).erase(0), 0, again)
    if whole:
        trace.program(0x40048, 0xF9).program(0x40020, 0xF8).erase(0x80000).erase(0x80000)
    return trace


def test_a_reclaim_is_measured_and_counts_for_no_variable(tmp_path: Path) -> None:
    before, clock = image(tmp_path / "before.fd", free=RECLAIMED_BELOW)
    (tmp_path / "trace.log").write_text(boots(clock, 1).of(reclaim(clock + RECORD)).timed(1, 1000).text)
    found = tt.open(tmp_path / "trace.log", image={STORE: before}).wear()
    assert found.why_not == ()
    assert found.cost is not None
    words = (0x64 + LIVE + RECORD) // 4
    assert (found.cost.erases, found.cost.programs, found.cost.measured) == (6, 2 * words + 10 + 10 + 4, True)
    assert found.cost.seconds is not None
    rows = found.wear.boots.select("added_bytes", "free_bytes", "erases", "reclaims").rows()
    assert rows == [(RECORD, RECLAIMED_BELOW - RECORD, 0, 0), (RECORD, ROOM - LIVE - RECORD, 6, 1)]
    assert found.blocks["erases"].to_list() == [2, 0, 4]
    assert found.forecast is not None
    assert found.forecast.erases == Spread(0, 0, 0)


def test_a_trace_that_ends_in_a_reclaim_allows_no_forecast(tmp_path: Path) -> None:
    before, clock = image(tmp_path / "before.fd", free=RECLAIMED_BELOW)
    (tmp_path / "trace.log").write_text(boots(clock, 1).of(reclaim(clock + RECORD, whole=False)).text)
    found = tt.open(tmp_path / "trace.log", image={STORE: before}).wear()
    assert "the trace ends while the store is reclaimed" in found.why_not


@pytest.mark.parametrize(
    ("traces", "why"),
    [
        ([FIRST_BOOT], "one boot"),
        ([FIRST_BOOT, FIRST_BOOT], "the store was formatted though it held 17 variables"),
        ([FIRST_BOOT, SECOND_BOOT, SECOND_BOOT], "do not follow one another"),
    ],
    ids=["one boot", "the same boot twice", "another boot's image"],
)
@pytest.mark.first_quick
def test_what_cannot_be_forecast_says_why(traces: list[Path], why: str) -> None:
    found = tt.open(*traces).wear()
    assert found.forecast is None
    assert why in " ".join(found.why_not)


def test_boots_whose_changes_were_lost_meanwhile_do_not_follow(tmp_path: Path) -> None:
    """The second boot appends behind a copy that is in its image and not in the first boot's."""
    before, clock = image(tmp_path / "before.fd")
    for number, start in enumerate((clock, clock + 2 * RECORD)):
        (tmp_path / f"{number}.log").write_text(boots(start, 1).text)
    found = tt.open(tmp_path / "0.log", tmp_path / "1.log", image={STORE: before}).wear()
    assert found.forecast is None
    assert "of trace 1 is" in found.why_not[0]


def test_a_boot_that_leaves_the_flash_alone_is_no_boot_to_count_on(tmp_path: Path) -> None:
    before, clock = image(tmp_path / "before.fd")
    for number, trace in enumerate((boots(clock, 1), log(STORE).reset(), boots(clock + RECORD, 1))):
        (tmp_path / f"{number}.log").write_text(trace.text)
    found = tt.open(*(tmp_path / f"{number}.log" for number in range(3)), image={STORE: before}).wear()
    assert "the guest did nothing to the flash in trace 1" in found.why_not


def test_a_store_that_is_too_full_already_is_reclaimed_at_every_boot(tmp_path: Path) -> None:
    found = planted(tmp_path, 1, 1, free=RECLAIMED_BELOW)
    assert found.forecast is not None
    assert found.forecast.reclaimed_in == (1, 1)


def test_lost_events_allow_no_forecast(tmp_path: Path) -> None:
    before, clock = image(tmp_path / "before.fd")
    trace = boots(clock, 1, 1).line("systemd-journald[1]: Suppressed 30 messages from guest.scope")
    (tmp_path / "trace.log").write_text(trace.text)
    found = tt.open(tmp_path / "trace.log", image={STORE: before}).wear()
    assert found.forecast is None
    assert "lost" in found.why_not[0]


def test_without_the_image_before_the_first_boot_the_store_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "trace.log").write_text(boots(0x1000, 1, 1).text)
    with pytest.raises(tt.InputError, match="--image"):
        tt.open(tmp_path / "trace.log").wear()
