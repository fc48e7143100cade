"""Pages are bytes, which copies share until one of them is written to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from replay.pages import PAGE_BYTES, Pages

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject

LENGTHS = st.integers(0, 3) | st.integers(PAGE_BYTES - 2, PAGE_BYTES + 2) | st.just(3 * PAGE_BYTES)
SPANS = st.tuples(st.integers(0, 4 * PAGE_BYTES), LENGTHS)


def filled(length: int, value: int) -> bytes:
    return bytes([value]) * length


@given(st.integers(0, 4 * PAGE_BYTES), st.lists(st.tuples(SPANS, st.sampled_from([0, 1, 0xFF]), st.booleans())))
def test_what_is_written_reads_back_and_copies_stay_as_they_were(
    length: int, writes: list[tuple[tuple[int, int], int, bool]]
) -> None:
    plain, pages = bytearray(filled(length, 0xFF)), Pages.erased(length)
    for (offset, size), value, shared in writes:
        data = filled(min(size, max(length - offset, 0)), value)
        past, copied = bytes(plain), pages.copy()
        plain[offset : offset + len(data)] = data
        touched = pages.write(offset, Pages(data) if shared else data)
        same = [mine == before for mine, before in zip(pages.pages, copied.pages, strict=True)]
        assert all(number in touched for number, unchanged in enumerate(same) if not unchanged)
        assert bytes(copied) == past
        assert bytes(pages) == plain
        assert len(pages) == length
        assert (pages == copied) == (past == plain)


@given(st.data())
def test_a_part_is_that_of_the_bytes(data: DataObject) -> None:
    plain = data.draw(st.lists(st.tuples(LENGTHS, st.sampled_from([0, 7, 0xFF])), max_size=3).map(joined))
    pages, (offset, length) = Pages(plain), data.draw(SPANS)
    part = plain[offset : offset + length]
    assert pages.read(offset, length) == part
    assert pages.is_erased(offset, len(plain)) == (not plain[offset:].strip(b"\xff"))
    assert pages.is_erased(offset, min(offset + length, len(plain))) == (not part.strip(b"\xff"))
    assert bytes(pages.resized(length)) == plain[:length].ljust(length, b"\0")
    if len(part) == length:
        assert pages.region(offset, length) == Pages(part)


def joined(runs: list[tuple[int, int]]) -> bytes:
    return b"".join(filled(*run) for run in runs)


def test_nothing_stands_behind_an_offset_of_any_size() -> None:
    assert Pages(b"\0").is_erased(1 << 64, 1)


@given(st.binary(max_size=40), st.integers(0, 39), st.integers(1, 255), st.integers(0, 2))
@example(b"", 0, 1, 0)
@example(bytes(16), 8, 1, 0)
@example(bytes(19), 18, 1, 2)
def test_the_common_beginning_ends_at_the_first_difference(data: bytes, place: int, bits: int, before: int) -> None:
    data, place = bytes(before * PAGE_BYTES) + data, before * PAGE_BYTES + place
    changed = bytearray(data)
    if place < len(data):
        changed[place] ^= bits
    assert Pages(data).common_length(Pages(bytes(changed))) == min(len(data), place)
