from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.columns import JournalKind
from replay.journal import StorageChange
from tracetool.uboot import SAVES_SCHEMA, environment_frame, environment_saves, find_environments

ENTRIES = {"arch": "arm", "bootcmd": "run distro_bootcmd", "hello": ""}
MIB = 1 << 20


def environment(size: int, entries: dict[str, str] = ENTRIES, flags: int | None = None) -> bytes:
    data = b"".join(f"{name}={value}\0".encode() for name, value in entries.items()) + b"\0"
    head = b"" if flags is None else bytes([flags])
    data = data.ljust(size - 4 - len(head), b"\0")
    return zlib.crc32(data).to_bytes(4, "little") + head + data


def flash(*copies: tuple[int, bytes]) -> np.ndarray:
    image = np.full(4 * MIB, 0xFF, np.uint8)
    for offset, copy in copies:
        image[offset : offset + len(copy)] = np.frombuffer(copy, np.uint8)
    return image


@pytest.mark.parametrize("size", [0x1000, 0x2000, 0x40000])
@pytest.mark.parametrize("offset", [0, 0x40000, 0x3C0000])
def test_an_environment_is_found_by_its_content(offset: int, size: int) -> None:
    (found,) = find_environments(flash((offset, environment(size))))
    assert (found.offset, found.size, found.flags) == (offset, size, None)
    assert {name: value for _, name, value in found.entries} == ENTRIES
    assert found.entries[0][0] == offset + 4


def test_of_redundant_copies_the_active_one_counts() -> None:
    old, new = environment(0x10000, {"a": "1"}, flags=0), environment(0x10000, {"a": "2"}, flags=1)
    table = environment_frame(find_environments(flash((0, new), (0x40000, old))))
    assert table.rows() == [("a", "2", "current", 5), ("a", "1", "superseded", 0x40005)]


def test_a_copy_whose_checksum_fails_is_shown_as_damaged() -> None:
    image = flash((0, environment(0x10000)))
    image[9] ^= 1
    table = environment_frame(find_environments(image))
    assert table["status"].unique().to_list() == ["damaged"]
    assert len(table) == len(ENTRIES)


def test_blank_flash_and_code_hold_none() -> None:
    assert find_environments(np.zeros(4 * MIB, np.uint8)) == []
    assert find_environments(np.full(4 * MIB, 0xFF, np.uint8)) == []
    assert find_environments(np.random.default_rng(1).integers(0, 256, MIB, np.uint8)) == []


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=64), st.integers(0, 0x1100), st.integers(0, 0x2000))
def test_any_bytes_give_a_list(noise: bytes, at: int, cut: int) -> None:
    image = flash((0, environment(0x1000)))[:0x2000]
    part = image[at : at + len(noise)]
    part[:] = np.frombuffer(noise, np.uint8)[: len(part)]
    table = environment_frame(find_environments(image[:cut]))
    assert all(0 <= offset < cut for offset in table["offset"])


# --- saves -------------------------------------------------------------------------------------------------------


def saved(at: int, copy: bytes, *, seq: int, step: int = 256) -> list[tuple[int, StorageChange]]:
    """An erase of the block at an offset, then a copy programmed part by part."""
    changes = [StorageChange(seq, JournalKind.ERASE, at, b"\xff" * 0x40000, None)]
    parts = range(0, len(copy), step)
    changes += [
        StorageChange(seq + 1 + number, JournalKind.PROGRAM, at + part, copy[part : part + step], None)
        for number, part in enumerate(parts)
    ]
    return [(0, change) for change in changes]


SIZE = 0x2000
NEWER = ENTRIES | {"hello": "world", "bootdelay": "2"}


def rows(*changes: tuple[int, StorageChange], before: np.ndarray, after: np.ndarray) -> list[tuple[object, ...]]:
    table = environment_saves(before, after, changes)
    assert table.schema == SAVES_SCHEMA
    return table.select("save", "first_seq", "outcome", "variable", "change", "value", "value_after").rows()


def test_each_save_tells_the_entries_that_it_changed() -> None:
    before, after = flash((0, environment(SIZE))), flash((0, environment(SIZE)))
    saves = [*saved(0, environment(SIZE, NEWER), seq=10), *saved(0, environment(SIZE), seq=500)]
    assert rows(*saves, before=before, after=after) == [
        (0, 10, "saved", "bootdelay", "added", None, "2"),
        (0, 10, "saved", "hello", "changed", "", "world"),
        (1, 500, "saved", "bootdelay", "removed", "2", None),
        (1, 500, "saved", "hello", "changed", "world", ""),
    ]


def test_a_save_that_changes_nothing_is_a_save() -> None:
    before = flash((0, environment(SIZE)))
    assert rows(*saved(0, environment(SIZE), seq=0), before=before, after=before) == [(0, 0, "saved", *[None] * 4)]


@pytest.mark.parametrize("written", [1, 7, 31])
def test_a_save_that_was_cut_is_torn_and_the_next_one_is_compared_with_the_last_sound_copy(written: int) -> None:
    before, after = flash((0, environment(SIZE))), flash((0, environment(SIZE, NEWER)))
    cut = saved(0, environment(SIZE, {"hello": "lost"}), seq=0)[: 1 + written]
    again = saved(0, environment(SIZE, NEWER), seq=100)
    found = rows(*cut, *again, before=before, after=after)
    assert found[0] == (0, 0, "torn", *[None] * 4)
    assert [row[2:4] for row in found[1:]] == [("saved", "bootdelay"), ("saved", "hello")]


def test_an_erase_alone_leaves_an_erased_copy() -> None:
    before = flash((0, environment(SIZE)))
    assert rows(saved(0, b"", seq=3)[0], before=before, after=flash()) == [(0, 3, "erased", *[None] * 4)]


def test_the_older_of_redundant_copies_is_retired() -> None:
    first, second = environment(SIZE, flags=1), environment(SIZE, NEWER, flags=1)
    retired = StorageChange(900, JournalKind.PROGRAM, 4, b"\0", None)
    before = flash((0, first))
    after = flash((0, environment(SIZE, flags=0)), (0x40000, second))
    found = rows(*saved(0x40000, second, seq=10), (0, retired), before=before, after=after)
    assert {row[1:3] for row in found} == {(10, "saved"), (900, "retired")}


def test_a_trace_begins_a_new_save() -> None:
    before = flash((0, environment(SIZE)))
    whole = saved(0, environment(SIZE, NEWER), seq=0)
    parts = [*whole[:5], *((1, change) for _, change in whole[5:])]
    torn, *_ = rows(*parts, before=before, after=flash((0, environment(SIZE, NEWER))))
    assert torn[2] == "torn"
