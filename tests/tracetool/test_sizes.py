from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracetool.errors import UsageError
from tracetool.sizes import MAX_SIZE, about, format_offset, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("786432", 786432),
        ("768K", 786432),
        ("768k", 786432),
        ("768KB", 786432),
        ("768 KiB", 786432),
        (" 512 k ", 524288),
        ("4b", 4),
        ("64MiB", 67108864),
        ("1.5M", 1572864),
        ("0.5K", 512),
        ("1.0", 1),
        ("1G", 1 << 30),
        ("1024GiB", MAX_SIZE),
        ("0xc0000", 786432),
        ("0XC0000", 786432),
        ("0x4b", 75),
    ],
)
def test_sizes_are_read_in_binary_units(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "K", "-1", "+1", "1,5M", "1_000", "0x", "0x1K", "0xg", "1e6", "12 parsecs", "1.5", "0.3K", "1.M"),
        *(".5M", "1025G", "1099511627777", "9" * 39, "9" * 5000, "٣", "768K\n1", "nan", "1KiBi", "1i"),
    ],
)
def test_what_is_not_a_size_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(UsageError, match=r"768K, 512 KiB, 1\.5M, 64MiB, 1G") as caught:
        parse_size(text)
    assert len(str(caught.value)) < 250
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (4, "4 B"),
        (1023, "1023 B"),
        (786432, "768 KiB"),
        (786433, "786433 B"),
        (67108864, "64 MiB"),
        (1572864, "1.5 MiB"),
        (1 << 30, "1 GiB"),
        (MAX_SIZE, "1 TiB"),
        (-262144, "-256 KiB"),
    ],
)
def test_sizes_are_written_exactly(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.integers(0, MAX_SIZE - 1))
def test_a_written_size_reads_as_itself(size: int) -> None:
    assert parse_size(format_size(size)) == size
    assert parse_size(format_offset(size)) == size


def test_offsets_look_as_in_the_trace() -> None:
    assert format_offset(8) == "0x0008"
    assert format_offset(0x100000) == "0x100000"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (6, "6 B"),
        (1536, "1.5 KiB"),
        (66_322_432, "63.25 MiB"),
        (64_448 << 10, "~62.94 MiB"),
        ((1 << 20) - 1, "~1024 KiB"),
        (768 << 10, "768 KiB"),
    ],
)
def test_sizes_for_the_eye_are_rounded_and_say_so(size: int, text: str) -> None:
    assert about(size) == text


@given(st.integers(0, MAX_SIZE))
def test_a_rounded_size_is_near_and_without_mark_exact(size: int) -> None:
    number, unit = about(size).lstrip("~").split()
    factor = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[unit]
    off = round(float(number) * 100) * factor - 100 * size
    assert 2 * abs(off) <= factor
    assert about(size).startswith("~") == (off != 0)
