from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracetool.uboot import environment_frame, find_environments

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
