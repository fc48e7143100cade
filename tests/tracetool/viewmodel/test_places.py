from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracetool.errors import UsageError
from tracetool.viewmodel.places import Place, PlaceKind, parse_place


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("0x40000", PlaceKind.OFFSET, 0x40000),
        (" 768K ", PlaceKind.OFFSET, 768 << 10),
        ("1234", PlaceKind.OFFSET, 1234),
        ("+64K", PlaceKind.RELATIVE, 64 << 10),
        ("-0x10", PlaceKind.RELATIVE, -16),
        ("block:3", PlaceKind.BLOCK, 3),
        ("block 12", PlaceKind.BLOCK, 12),
        ("#1234", PlaceKind.EVENT, 1234),
        ("t=1.25s", PlaceKind.TIME, 1_250_000_000),
        ("t = 3", PlaceKind.TIME, 3_000_000_000),
        ("t=2.5ms", PlaceKind.TIME, 2_500_000),
        ("t=7ns", PlaceKind.TIME, 7),
        ("12%", PlaceKind.SHARE, 120_000),
        ("12.5 %", PlaceKind.SHARE, 125_000),
        ("400%", PlaceKind.SHARE, 1_000_000),
    ],
)
def test_a_place_is_read(text: str, kind: PlaceKind, value: int) -> None:
    assert parse_place(text) == Place(kind, value)


@pytest.mark.parametrize("text", ["", "#", "block:", "t=", "twelve", "+", "#-1", "1e5", "%", "t=1h", "#" + "9" * 30])
def test_what_is_no_place_says_what_is_one(text: str) -> None:
    with pytest.raises(UsageError, match="is no place: 0x40000 offset"):
        parse_place(text)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_place_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert isinstance(parse_place(text), Place)
