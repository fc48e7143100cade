from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracetool as tt
from tests.captures import capture_path
from tests.tracetool.cli.program import SAMPLES
from tests.tracetool.logs import log
from tests.tracetool.traces import reader
from tracetool.analysis.blame import Blame
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.tracetool.logs import Log

DEVICE = "virt.flash1"
BLOCK = 0x40000
STORE = 3 * BLOCK
_PLACES = st.integers(0, 3 * BLOCK // 4 - 1).map(lambda word: 4 * word)
_NEAR = st.sampled_from([0, 4, 8, 0x40, BLOCK - 4, BLOCK, 2 * BLOCK - 8])
_STEPS = st.lists(st.tuples(st.sampled_from(["program", "program", "erase", "reset"]), _PLACES | _NEAR), max_size=40)


def last_writers(accesses: pl.DataFrame, end: int, at: int | None = None) -> NDArray[np.int64]:
    """The event that stored each byte last, by a walk through the accesses; -1: none did."""
    found = np.full(end, -1, np.int64)
    stored = accesses.filter(
        pl.col("device").cast(pl.String) == DEVICE, pl.col("effect").is_in(["program", "flush", "erase"])
    )
    for seq, offset, length in stored.select("seq", "effect_offset", "effect_length").iter_rows():
        if at is None or seq <= at:
            found[offset : offset + length] = seq
    return found


def by_byte(blamed: pl.DataFrame, column: str, end: int) -> NDArray[np.int64]:
    """A column of the blame of the bytes up to `end`, for each byte; -1 for null."""
    lengths = blamed["length"].to_numpy()
    assert lengths.sum() == end
    assert (blamed["offset"].to_numpy() == np.cumsum(lengths) - lengths).all()
    return np.repeat(blamed[column].fill_null(-1).to_numpy(), lengths)


def bytes_of(value: str) -> bytes:
    byte, star, count = value.partition("*")
    return bytes.fromhex(byte) * int(count) if star else bytes.fromhex(value)


def made(steps: Sequence[tuple[str, int]]) -> Log:
    trace = log(DEVICE).reset()
    for number, (what, offset) in enumerate(steps):
        if what == "program":
            trace.program(offset, 0x01010101 * (number % 255))
        elif what == "erase":
            trace.erase(offset)
        else:
            trace.reset()
    return trace


@given(steps=_STEPS, at=st.integers(0, 200))
@pytest.mark.slow
def test_the_last_writer_of_every_byte_is_that_of_a_walk_through_the_accesses(
    steps: list[tuple[str, int]], at: int
) -> None:
    options = Options(keep_operations=True, keep_accesses=True, variables=True)
    replayed = replay_readers([reader(made(steps).text)], options)
    device = replayed.devices[DEVICE]
    history = device.history()
    assert history is not None
    blame = Blame(history, device.operation_table(), device.followed_store)
    blamed = blame.frame(0, STORE, history.position(0, at))
    # One row is of one operation, which these programs store with one event.
    assert (by_byte(blamed, "seq", STORE) == last_writers(replayed.accesses(), STORE, at)).all()
    for start in (0, BLOCK - 2, 2 * BLOCK - 6):
        part = blame.frame(start, start + 12, history.position(0, at))
        whole = blamed.filter(pl.col("offset") < start + 12, pl.col("offset") + pl.col("length") > start)
        assert part["seq"].to_list() == whole["seq"].to_list()


@pytest.fixture(scope="module")
def first_boot() -> tt.Trace:
    folder = SAMPLES / "aavmf-first-boot"
    return tt.open(folder / "trace.log.zst", image={DEVICE: folder / "flash1-before.fd.zst"})


@pytest.fixture(scope="module")
def reclaim() -> tt.Trace:
    folder = capture_path("aavmf-reclaim/trace.log.zst").parent
    return tt.open(folder / "trace.log.zst", image={DEVICE: folder / "flash1-before.fd.zst"})


@pytest.mark.slow
def test_every_byte_of_the_store_after_the_first_boot(first_boot: tt.Trace) -> None:
    blamed = first_boot.blame(0, STORE)
    accesses = first_boot.accesses()
    assert (by_byte(blamed, "seq", STORE) == last_writers(accesses, STORE)).all()
    assert b"".join(map(bytes_of, blamed["value"])) == first_boot.storage(DEVICE)[:STORE].tobytes()
    assert set(blamed["kind"]) == {"buffered-program", "erase"}


def contents(trace: tt.Trace, seq: int | None) -> NDArray[np.uint8]:
    """The store just after an event; None: before the first."""
    history = trace.replay(keep_operations=True, variables=True).devices[DEVICE].history()
    assert history is not None
    return history.snapshot(0 if seq is None else history.position(0, seq)).read(0, STORE).data


@pytest.mark.parametrize("name", ["first_boot", pytest.param("reclaim", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_the_first_writer_wrote_these_bytes_and_they_were_others_before(
    name: str, request: pytest.FixtureRequest
) -> None:
    trace = request.getfixturevalue(name)
    blamed = trace.blame(0, STORE)
    assert (blamed["first_seq"].fill_null(-1) <= blamed["seq"].fill_null(-1)).all()
    for row in blamed.iter_rows(named=True):
        here = slice(row["first_offset"], row["first_offset"] + row["length"])
        value = np.frombuffer(bytes_of(row["value"]), np.uint8)
        assert (contents(trace, row["first_seq"])[here] == value).all()
        if "program" in row["first_kind"] and row["first_intent"] not in ("rewrite", "reclaim"):
            before = contents(trace, row["first_seq"] - 1)[here]
            assert ((before != value) | (value == 0xFF)).all()


@pytest.mark.slow
def test_the_bytes_stay_through_every_rewrite_since_the_first_writer(first_boot: tt.Trace) -> None:
    device = first_boot.replay(keep_operations=True, variables=True).devices[DEVICE]
    assert device.followed_store is not None
    erases = device.followed_store.touches.filter(pl.col("erased").is_not_null())["seq"].to_list()
    assert len(erases) == 14
    blamed = first_boot.blame(0, STORE)
    assert (blamed["first_offset"] == blamed["offset"]).all()
    for row in blamed.iter_rows(named=True):
        here = slice(row["offset"], row["offset"] + row["length"])
        value = np.frombuffer(bytes_of(row["value"]), np.uint8)
        survived = [seq for seq in erases if row["first_seq"] < seq <= row["seq"]]
        assert row["copies"] == len(survived)
        assert all((contents(first_boot, seq - 1)[here] == value).all() for seq in survived)


def test_a_mark_in_a_state_is_of_who_made_it_and_the_rest_of_who_created_the_variable(first_boot: tt.Trace) -> None:
    blamed = first_boot.blame(0x1A8, 0x1FA)
    columns = ("offset", "length", "value", "variable", "seq", "copies", "first_seq", "first_intent")
    rows = blamed.select(columns).with_columns(pl.col("value").str.slice(0, 4)).rows()
    assert rows == [
        (0x1A8, 2, "aa55", "BootOrder", 17443, 12, 2907, "create"),
        (0x1AA, 1, "3c", "BootOrder", 17443, 3, 14214, "supersede"),
        (0x1AB, 57, "0007", "BootOrder", 17443, 12, 2907, "create"),
        (0x1E4, 22, "4200", "BootOrder", 17443, 12, 3087, "create"),
    ]


@pytest.mark.slow
def test_variables_that_a_reclaim_moved_are_followed_through_the_spare(reclaim: tt.Trace) -> None:
    image = reclaim.replay(keep_operations=True, variables=True).devices[DEVICE].image
    assert image is not None
    blamed = reclaim.blame(0, BLOCK)
    moved = blamed.filter(pl.col("first_offset") != pl.col("offset"))
    assert moved["length"].sum() > 150_000
    assert set(moved["first_kind"]) == {"image", "buffered-program"}
    for row in moved.filter(pl.col("first_kind") == "image").iter_rows(named=True):
        there = image[row["first_offset"] : row["first_offset"] + row["length"]]
        assert there.tobytes() == bytes_of(row["value"])
        assert (row["first_trace"], row["first_seq"]) == (None, None)


@pytest.mark.slow
def test_a_question_takes_less_than_50_ms_once_the_trace_is_there(reclaim: tt.Trace) -> None:
    reclaim.blame(0)
    took = []
    for place in (0, 0x1C8, 0x10000, 0x2C000, STORE - 1):
        begun = time.process_time()
        assert reclaim.blame(place).height == 1
        took.append(time.process_time() - begun)
    assert sorted(took)[len(took) // 2] < 0.05


def test_boots_in_a_row_are_followed_back_to_the_first() -> None:
    folder = SAMPLES
    trace = tt.open(folder / "aavmf-first-boot" / "trace.log.zst", folder / "aavmf-shell-padding" / "trace.log.zst")
    (row,) = trace.blame(0x1AA).iter_rows(named=True)
    assert (row["trace"], row["first_trace"], row["first_seq"]) == (1, 0, 14214)
    (row,) = trace.blame(0x1AA, at="0:14214").iter_rows(named=True)
    assert (row["trace"], row["seq"], row["copies"]) == (0, 14214, 0)


def test_unknown_bytes_and_those_before_the_trace() -> None:
    trace = tt.open(SAMPLES / "aavmf-shell-padding" / "trace.log.zst")
    blamed = trace.blame(0x100000, 0x100014, at=4370)
    assert blamed.select("length", "value", "seq", "kind").rows() == [
        (4, "40004000", 4370, "program"),
        (16, "??" * 16, None, "image"),
    ]


@pytest.mark.slow
def test_a_restart_that_reloads_the_file_is_told(tmp_path: Path) -> None:
    boot = log(DEVICE).realize(3 * BLOCK).reset().program(4 * BLOCK, 0x10001)
    for name in ("one.log", "two.log"):
        (tmp_path / name).write_text(boot.text if name == "one.log" else log(DEVICE).realize(3 * BLOCK).reset().text)
    trace = tt.open(tmp_path / "one.log", tmp_path / "two.log")
    (row,) = trace.blame(4 * BLOCK).iter_rows(named=True)
    assert (row["kind"], row["trace"], row["seq"]) == ("restart", 1, -1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": 64 << 20}, "virt.flash1 has the bytes 0 to 0x4000000"),
        ({"start": 8, "end": 8}, "the end exclusive"),
        ({"start": -4, "end": 8}, "the end exclusive"),
        ({"start": 0, "at": 99999}, "the last event of virt.flash1 in that trace is"),
        ({"start": 0, "at": "1:4"}, "there is no trace 1"),
        ({"start": 0, "device": "virt.flash9"}, "no device 'virt.flash9'"),
    ],
)
def test_what_is_not_there_is_said(first_boot: tt.Trace, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(tt.UsageError, match=message):
        first_boot.blame(**arguments)  # type: ignore[arg-type]
