from __future__ import annotations

import struct
from functools import cache

import numpy as np
import polars as pl
import pytest

from replay.columns import JournalKind
from replay.journal import StorageChange
from tests.captures import capture_path
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.bundled import sample
from tracetool.images import load_image
from tracetool.ingest import open_trace
from tracetool.uefi.ftw import read_queue, read_working_header
from tracetool.uefi.store_timeline import StoreFollower, StoreTimeline, follow_store
from tracetool.uefi.touches import Fault
from tracetool.uefi.variables import VariableList, read_store_header
from tracetool.uefi.varstore import find_variable_store
from tracetool.uefi.volume import HEADER_BYTES

AAVMF, OVMF = 768 << 10, 528 << 10
CAPTURES = {
    "aavmf-first-boot": ("virt.flash1", AAVMF, 1),
    "aavmf-shell-padding": ("virt.flash1", AAVMF, 1),
    "aavmf-rfc-v2": ("virt.flash1", AAVMF, 1),
    "ovmf-first-boot": ("system.flash1", OVMF, 23),
    "aavmf-reclaim": ("virt.flash1", AAVMF, 211),
}
"""Device, bytes of the volume, and at how many changes the full decode is compared."""


@cache
def recorded(name: str) -> tuple[bytes, list[StorageChange]]:
    """The volume before the trace, and the changes of its storage."""
    device, size, _ = CAPTURES[name]
    image = capture_path(f"{name}/flash1-before.fd.zst")
    trace = open_trace(str(capture_path(f"{name}/trace.log.zst")))
    machine = replay_readers([trace], Options(images={device: image}, journal=True)).devices[device].machine
    assert machine is not None
    before = load_image(image, limit=64 << 20)[:size].tobytes()
    return before, list(machine.journal.storage_changes(0, len(machine.journal)))


@cache
def timeline(name: str) -> StoreTimeline:
    before, changes = recorded(name)
    return follow_store(0, before, b"\1" * len(before), ((0, change) for change in changes))


def life(name: str, variable: str) -> list[tuple[int, str, str]]:
    """What was done to a variable: seq, part and intent, rewrites and reclaims left out."""
    rows = timeline(name).touches.filter(
        pl.col("variable") == variable, ~pl.col("intent").is_in(["rewrite", "reclaim"])
    )
    return rows.select("seq", "part", "intent").rows()


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.first_quick
def test_the_decode_that_follows_changes_is_the_full_decode_at_every_moment(name: str) -> None:
    before, changes = recorded(name)
    every = CAPTURES[name][2]
    follower = StoreFollower(0, bytearray(before), bytearray(b"\1" * len(before)))
    for number, change in enumerate(changes):
        follower.change(0, change)
        if number % every:
            continue
        header = read_store_header(follower.read, HEADER_BYTES)
        full = [] if header is None else VariableList(follower.read, header).headers
        assert (follower.variables.headers if follower.variables else []) == full
        assert sorted(follower.live) == [found.offset for found in full]
        assert [copy.header for _, copy in sorted(follower.live.items())] == full
        working = next((region for region in follower.regions if region.name == "FTW working"), None)
        found = working and read_working_header(follower.read, working.start, working.end - working.start)
        assert follower.queue == (read_queue(follower.read, found, working.end) if working and found else None)


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.first_quick
def test_free_space_is_that_of_the_full_decode_when_nothing_is_under_way(name: str) -> None:
    before, changes = recorded(name)
    follower = StoreFollower(0, bytearray(before), bytearray(b"\1" * len(before)))
    compared = 0
    for number, change in enumerate(changes):
        follower.change(0, change)
        headers = follower.variables.headers if follower.variables else []
        if number % CAPTURES[name][2] or follower.phase is not None or not headers or headers[-1].state == 0xFF:
            continue
        store = find_variable_store(np.frombuffer(bytes(follower.data), np.uint8))
        assert store is not None
        assert follower.rooms[-1].list_end == store.list_end
        compared += 1
    assert compared > 3
    assert [room.seq for room in follower.rooms] == sorted(room.seq for room in follower.rooms)


def test_the_first_boot_rewrites_its_live_store_outside_of_fault_tolerant_write() -> None:
    touches = timeline("aavmf-first-boot").touches
    erases = touches.filter(pl.col("part") == "variables", pl.col("intent") == "rewrite")
    assert erases["seq"].n_unique() == 14
    assert touches.filter(pl.col("intent") == "reclaim").is_empty()


def test_the_life_of_boot_order() -> None:
    assert life("aavmf-first-boot", "BootOrder") == [
        (2907, "header", "create"),
        (2997, "state", "create"),
        (3087, "name", "create"),
        (3177, "state", "create"),
        (13764, "state", "mark for deletion"),
        (13854, "header", "update"),
        (13944, "state", "update"),
        (14034, "name", "update"),
        (14124, "state", "update"),
        (14214, "state", "supersede"),
    ]


def test_a_variable_is_created_updated_and_deleted() -> None:
    intents = [intent for _, part, intent in life("aavmf-shell-padding", "Hello") if part == "state"]
    assert intents == ["create", "create", "mark for deletion", "update", "update", "supersede", "delete"]
    outside = timeline("aavmf-shell-padding").touches.filter(pl.col("part") == "outside")
    assert outside["offset"].to_list() == [0x100000]


@pytest.mark.slow
def test_a_reclaim_is_told_step_by_step() -> None:
    touches = timeline("aavmf-reclaim").touches
    steps = touches.filter(pl.col("intent").cast(pl.String).str.starts_with("FTW") | (pl.col("intent") == "reclaim"))
    first = steps.group_by("intent", maintain_order=True).agg(pl.col("seq").first(), pl.col("part").first())
    assert first.rows() == [
        ("FTW header", 1261435, "FTW header"),
        ("FTW record", 1261618, "FTW record"),
        ("FTW spare", 1261640, "FTW spare"),
        ("FTW spare complete", 1371031, "FTW record"),
        ("reclaim", 1371050, "variables"),
        ("FTW destination complete", 1480441, "FTW record"),
        ("FTW complete", 1480534, "FTW header"),
    ]


@pytest.mark.slow
def test_a_reclaim_keeps_live_copies_and_drops_the_others() -> None:
    copies = timeline("aavmf-reclaim").copies
    kept = [copy for copy in copies if copy.kept_from is not None]
    reclaimed = (0, 1480441)
    dropped = [copy for copy in copies if copy.ended == reclaimed and copy not in {new.kept_from for new in kept}]
    assert len(kept) + len([copy for copy in copies if copy.replaces in dropped]) == 66
    assert {new.name for new in kept} >= {"BootOrder", "Big0"}
    assert all(new.kept_from is not None and new.kept_from.ended == reclaimed for new in kept)


def test_each_program_of_the_spare_belongs_to_the_variable_that_it_copies() -> None:
    programs = timeline("aavmf-reclaim").touches.filter(pl.col("intent") == "FTW spare", pl.col("length") <= 128)
    unnamed = programs.filter(pl.col("variable").is_null())
    assert unnamed.select("offset", "length").rows() == [(0x80000, 0x64)]
    variables = [copy.name for copy in timeline("aavmf-reclaim").copies if copy.kept_from or copy.replaces]
    assert set(programs["variable"].drop_nulls()) <= set(variables)
    assert programs.filter(pl.col("variable") == "Big0")["seq"].n_unique() > 20


def test_an_erase_of_the_store_names_the_variables_that_it_takes() -> None:
    erases = timeline("aavmf-reclaim").touches.filter(pl.col("intent") == "reclaim", pl.col("length") > 128)
    assert erases["seq"].to_list() == [1371050, 1371067]
    assert all("BootOrder" in names for names in erases["erased"])


def test_a_variable_programmed_byte_by_byte_begins_with_its_first_byte() -> None:
    first = timeline("ovmf-first-boot").touches.filter(pl.col("variable") == "CustomMode").row(0, named=True)
    assert (first["seq"], first["offset"], first["length"]) == (14, 0x64, 1)
    assert timeline("ovmf-first-boot").touches.filter(pl.col("part") == "free space").is_empty()


def test_a_trace_that_ends_in_a_rewrite_names_what_is_missing() -> None:
    before, changes = recorded("aavmf-first-boot")
    cut = [(0, change) for change in changes if change.seq <= 14570]
    (fault,) = follow_store(0, before, b"\1" * len(before), cut).faults
    assert fault.fault == "lost"
    assert "Timeout" in fault.words


def test_a_reclaim_programmed_byte_by_byte_keeps_every_variable() -> None:
    """As OVMF does it: the last variable has its state before its name, and none follows that completes it."""
    image = load_image(sample("aavmf-shell-padding/flash1-after.fd.zst"), limit=64 << 20)[:AAVMF]
    store = find_variable_store(image)
    assert store is not None
    live = b"".join(image[each.header.offset : each.header.end].tobytes() for each in store.current.values())
    again = image[:0x64].tobytes() + live
    writes = [
        (0x40020, struct.pack("<B3x20xQQ", 0xFC, 1, 0)),
        (0x40048, struct.pack("<B7xQQQq", 0xFF, 0, 0x48, 0x3FFB8, -0x80000)),
        (0x40048, b"\xfd"),
        *((at, bytes([byte])) for at, byte in enumerate(again)),
        (0x40048, b"\xf9"),
    ]
    changes = [StorageChange(seq, JournalKind.PROGRAM, at, data, None) for seq, (at, data) in enumerate(writes)]
    changes.insert(3, StorageChange(2, JournalKind.ERASE, 0, b"\xff" * 0x40000, None))
    found = follow_store(0, image.tobytes(), b"\1" * AAVMF, ((0, change) for change in changes))
    assert found.faults == ()
    kept = {copy.name for copy in found.copies if copy.kept_from is not None}
    assert kept == {name for name, _ in store.current}


@pytest.mark.slow
def test_a_reclaim_is_one_where_the_working_block_was_not_known() -> None:
    """As in a trace without the image before it: what was copied to the spare is no rewrite without a copy."""
    before, changes = recorded("aavmf-reclaim")
    unknown = b"\0" * len(before)
    found = follow_store(0, unknown, unknown, ((0, change) for change in changes))
    erases = found.touches.filter(pl.col("part") == "variables", pl.col("erased").is_not_null())
    intents = dict(erases.group_by("intent").agg(pl.col("seq").n_unique()).iter_rows())
    assert intents == {"rewrite": 10, "reclaim": 2}, "its target is erased twice"
    assert not [fault for fault in found.faults if fault.fault is Fault.QUEUE_ORDER]


def test_a_write_that_waits_in_the_image_is_finished_in_order() -> None:
    """A boot after a power cut begins with the target's erase: no step was left out."""
    before, changes = recorded("aavmf-reclaim")
    begins = next(at for at, change in enumerate(changes) if change.seq == 1371050)
    volume = bytearray(before)
    for change in changes[:begins]:
        volume[change.offset : change.offset + len(change.after)] = change.after
    found = follow_store(0, bytes(volume), b"\1" * len(volume), ((0, change) for change in changes[begins:]))
    assert found.touches.filter(pl.col("intent") == "reclaim").height > 1000
    assert found.faults == ()
