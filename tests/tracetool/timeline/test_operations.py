"""Operations: every access in exactly one, whatever the chunks; what they changed adds up to the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.captures import capture_path
from tests.tracetool.logs import Log, log
from tests.tracetool.traces import reader, replayed
from tracetool.analysis import replay
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.compression import zstd
from tracetool.timeline.operations import KINDS, OPERATIONS_SCHEMA, OUTCOMES
from tracetool.timeline.query import OPERATIONS
from tracetool.timeline.touched import FOUND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tracetool.traces import Trace

FLASH1 = "virt.flash1"
KEPT = Options(keep_operations=True)


def operations(trace: Trace, options: Options = KEPT, *, chunk_bytes: int = 4 << 20) -> pl.DataFrame:
    """The operations of a trace, in order."""
    found = replay_readers([reader(trace, chunk_bytes=chunk_bytes)], options)
    frames = [frame for device in found.devices.values() for frame in device.operations]
    return pl.concat([OPERATIONS_SCHEMA.to_frame(), *frames]).sort("first_seq")


def test_the_first_boot_adds_up() -> None:
    table = operations(capture_path("aavmf-first-boot/trace.log.zst")).filter(pl.col("device") == FLASH1)
    counts = dict(table["kind"].cast(pl.String).value_counts().iter_rows())
    assert counts["erase"] == 23
    assert counts["buffered-program"] == 217
    assert counts["identify"] == 95
    assert table["accesses"].sum() == 8_971, "8,419 writes and 552 reads, each in one operation"
    assert set(table["outcome"].cast(pl.String)) == {"done"}


def test_without_bus_writes_the_words_of_a_buffered_program_are_still_one_operation() -> None:
    with zstd.open(capture_path("aavmf-first-boot/trace.log.zst")) as stream:
        lines = [line for line in stream.read().splitlines(keepends=True) if b"pflash_io_write" not in line]
    table = operations(b"".join(lines))
    whole = operations(capture_path("aavmf-first-boot/trace.log.zst"))
    kept = [kind for kind in whole["kind"].cast(pl.String) if kind in ("erase", "buffered-program")]
    found = [kind for kind in table["kind"].cast(pl.String) if kind in ("erase", "buffered-program")]
    assert found == kept


@pytest.mark.parametrize("name", ["f1a", "f2a", "f3a"])
def test_every_access_is_in_exactly_one_operation(name: str) -> None:
    trace = capture_path(f"random-accesses/{name}.log.zst")
    found = replayed([trace], KEPT)
    for device in found.devices.values():
        table = pl.concat(device.operations).sort("first_seq")
        assert table["accesses"].sum() == device.tally.totals.accesses
        assert (table["first_seq"].to_numpy()[1:] > table["last_seq"].to_numpy()[:-1]).all(), "they do not overlap"


@pytest.mark.parametrize("chunk_bytes", [97, 4_096, 65_537])
def test_chunks_do_not_show(chunk_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = capture_path("aavmf-shell-padding/trace.log.zst") if chunk_bytes > 97 else _everything().text
    whole = operations(trace)
    monkeypatch.setattr(replay, "BATCH", chunk_bytes // 100)
    assert_frame_equal(operations(trace, chunk_bytes=chunk_bytes), whole)


@pytest.mark.parametrize("name", ["f1a", "f2a", "f3a"])
@pytest.mark.slow
def test_bytes_changed_are_those_of_a_naive_comparison(name: str, unpacked: Callable[[str], Path]) -> None:
    """Replaying up to each operation's end and comparing whole flashes gives the same count."""
    before = unpacked(f"random-accesses/{name}.before.fd.zst")
    trace = capture_path(f"random-accesses/{name}.log.zst")
    options = Options(images={FLASH1: before}, keep_operations=True, journal=True)
    device = replayed([trace], options).devices[FLASH1]
    assert device.machine is not None
    table = pl.concat(device.operations).sort("first_seq")
    flash = np.fromfile(before, np.uint8)
    changes = iter(device.machine.journal)
    change = next(changes, None)
    for last_seq, expected in table.select("last_seq", "bytes_changed").iter_rows():
        changed = 0
        while change is not None and change.seq <= last_seq:
            if change.target & 1:
                span = slice(change.offset, change.offset + change.length)
                changed += int((flash[span] != change.after).sum())
                flash[span] = change.after
            change = next(changes, None)
        assert changed == expected
    assert (flash == device.machine.storage()).all()


def _everything() -> Log:
    return (
        log(FLASH1)
        .reset()
        .erase(0)
        .buffered(0x80, 1, 2, 3)
        .program(0x40, 0x12345678)
        .unlock(0x40000)
        .write(0, 0x700070)
        .read_status(0)
        .write(0, 0x500050)
        .read_array()
        .write(0x10, 0x123456)
    )


def test_each_kind_of_sequence_is_one_operation() -> None:
    table = operations(_everything().text)
    assert table["kind"].to_list() == [
        *("erase", "buffered-program", "program", "unlock", "status", "clear-status", "read-array", "stray"),
    ]
    assert table["offset"].to_list() == [0, 0x80, 0x40, 0x40000, 0, 0, 0, 0x10]
    assert table["length"].to_list() == [0x40000, 12, 4, 4, 4, 4, 4, 4]
    assert table["accesses"].to_list() == [2, 6, 2, 2, 2, 1, 1, 1]


def test_what_was_not_known_is_not_counted() -> None:
    table = operations(log(FLASH1).reset().program(0, 1).program(0, 3).text)
    assert table["bytes_changed"].to_list() == [None, 1]
    assert table["bits_set_without_erase"].to_list() == [None, 1]


def test_an_operation_without_an_end_is_lost_and_one_given_up_is_aborted() -> None:
    begun = log(FLASH1).reset().write(0, 0xE800E8).write(0, 0x10001, wcycle=1)
    assert operations(begun.text)["outcome"].to_list() == ["lost"]
    given_up = begun.write(0, 1, wcycle=2).write(4, 2, wcycle=2).write(0, 0xFF00FF, wcycle=3)
    assert operations(given_up.text)["outcome"].to_list() == ["aborted"]


def test_a_refused_word_far_away_does_not_widen_the_operation() -> None:
    trace = log(FLASH1).reset().write(0x80, 0xE800E8).write(0x80, 0x10001, wcycle=1).write(0x80, 1, wcycle=2)
    trace.event("io_write", "offset:0x20000 size:4 value:0x0001 wcycle:2")
    trace.event("write", "block write finished")
    trace.event("io_write", "offset:0x0080 size:4 value:0xd000d0 wcycle:3")
    trace.event("write_block_abort", "block write abort").event("mode_read_array", "read array mode")
    table = operations(trace.text)
    assert table.select("offset", "length", "outcome").row(0) == (0x80, 4, "refused")


def test_the_query_language_knows_the_kinds_and_outcomes() -> None:
    kind, outcome = OPERATIONS.column("kind"), OPERATIONS.column("outcome")
    assert kind is not None
    assert outcome is not None
    assert set(kind.values) == set(KINDS)
    assert set(outcome.values) == set(OUTCOMES)
    assert {name for column in OPERATIONS.columns for name in column.reads} <= {*OPERATIONS_SCHEMA, *FOUND}
