"""Integers of columns as arrays: every type that a frame has, nulls, slices and chunks, in both forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.forms import plain
from tracetool.events import EVENT_CODES, EventType
from tracetool.ingest import integers

FORMS = pytest.mark.parametrize("form", [integers, plain("tracetool.ingest.integers")], ids=["as built", "plain"])

_ABSENT = st.sampled_from([-1, -(1 << 63), 5])
_BITS = {pl.UInt8: 8, pl.UInt16: 16, pl.UInt32: 32, pl.UInt64: 64, pl.Int64: 63}


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


@FORMS
@given(
    st.sampled_from(list(_BITS)),
    st.data(),
    st.integers(0, 20),
    st.integers(0, 20),
    st.sampled_from([-1, -(1 << 63), 5]),
)
def test_each_value_keeps_its_bits_and_null_is_a_number(
    form: Any,  # noqa: ANN401
    dtype: type[pl.UInt8 | pl.UInt16 | pl.UInt32 | pl.UInt64 | pl.Int64],
    data: st.DataObject,
    start: int,
    cut: int,
    absent: int,
) -> None:
    values = data.draw(st.lists(st.none() | st.integers(0, (1 << _BITS[dtype]) - 1), max_size=40))
    whole = pl.concat([pl.Series(values[:cut], dtype=dtype), pl.Series(values[cut:], dtype=dtype)], rechunk=False)
    room = np.full(len(values[start:]), 7, np.int64)
    form.fill(whole[start:], room, absent)
    assert room.tolist() == [absent if value is None else _signed(value) for value in values[start:]]


@FORMS
def test_codes_are_those_of_the_catalogue(form: Any) -> None:  # noqa: ANN401
    names = ["io_write", "reset", "io_write", "write_block_erase"] * 5
    events = pl.DataFrame({"event": pl.Series(names, dtype=EventType)})
    codes = form.codes_of(events[3:])
    assert codes.dtype == np.uint8
    assert codes.tolist() == [EVENT_CODES[name] for name in names[3:]]


@FORMS
def test_an_array_of_another_length_or_a_column_of_texts_is_an_error(form: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=r"length|shape|broadcast"):
        form.fill(pl.Series([1, 2, 3]), np.zeros(2, np.int64), 0)
    with pytest.raises((ValueError, TypeError)):
        form.fill(pl.Series(["a", "b"]), np.zeros(2, np.int64), 0)
