"""Interned strings: their numbers, what is refused, both forms of the table."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.forms import plain
from tracetool.ingest import interning
from tracetool.ingest.names import Refusal

FORMS = pytest.mark.parametrize("form", [interning, plain("tracetool.ingest.interning")], ids=["as built", "plain"])

_BYTES = st.sampled_from(b"ab\x00\x1f\x20\x7e\x7f\xff")
_WORDS = st.lists(st.one_of(st.lists(_BYTES, max_size=20).map(bytes), st.binary(max_size=40)), max_size=60)


def _expected(word: bytes, known: dict[bytes, int], capacity: int, pool_bytes: int) -> int:
    if word in known:
        return known[word]
    if any(octet < 0x20 or octet == 0x7F for octet in word):
        return Refusal.UNPRINTABLE
    if len(known) == capacity or sum(map(len, known)) + len(word) > pool_bytes:
        return Refusal.NO_ROOM
    known[word] = len(known) + 1
    return known[word]


@FORMS
@given(_WORDS, st.integers(1, 20), st.integers(0, 200))
def test_the_table_numbers_strings_as_a_dict_does(form: Any, words: list[bytes], capacity: int, most: int) -> None:  # noqa: ANN401
    table, known = form.StringTable(capacity, most), dict[bytes, int]()
    data = bytearray(b"".join(words))
    ends = [0]
    for word in words:
        ends.append(ends[-1] + len(word))
    for _ in range(2):
        for start, end in pairwise(ends):
            number = table.intern(data, start, end - start)
            assert number == _expected(bytes(data[start:end]), known, capacity, most)
            assert table.holds(number, data, start, end - start) is (number > 0)
    assert table.strings() == [word.decode("utf-8", "replace") for word in known]
    assert [table.length_of(number) for number in known.values()] == list(map(len, known))
    table.clear()
    assert (table.count, table.used, table.strings(), table.find(data, 0, 0)) == (0, 0, [], 0)


@FORMS
def test_find_and_add_in_two_steps(form: Any) -> None:  # noqa: ANN401
    table, data = form.StringTable(2, 100), bytearray(b"virt.flash0virt.flash1")
    assert table.find(data, 0, 11) == 0
    assert table.add(data, 0, 11) == 1
    assert (table.find(data, 0, 11), table.find(data, 11, 11)) == (1, 0)
    assert table.add(data, 11, 11) == 2
    assert table.find(data, 0, 22) == 0
    assert table.add(data, 0, 22) == Refusal.NO_ROOM
    assert table.strings() == ["virt.flash0", "virt.flash1"]


@FORMS
def test_no_bytes_outside_of_the_buffer_are_those_of_a_string(form: Any) -> None:  # noqa: ANN401
    table, data = form.StringTable(2, 100), bytearray(b"flash")
    table.intern(data, 0, 5)
    assert table.holds(1, data, 0, 5)
    assert not table.holds(1, data, 1, 5)
    assert not table.holds(1, data, 100, 5)
    assert not table.holds(0, data, 0, 0)
