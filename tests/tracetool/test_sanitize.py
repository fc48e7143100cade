from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracetool.sanitize import sanitize


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("virt.flash1", "virt.flash1"),
        ("[bold]name[/bold]", "[bold]name[/bold]"),
        ("Gerät 断電", "Gerät 断電"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("\u202ereversed", "\\u202ereversed"),
        ("שלום", "\\u05e9\\u05dc\\u05d5\\u05dd"),
        ("one\ntwo\tthree", "one two three"),
        ("\udcff", "\\udcff"),
    ],
)
def test_text_is_shown_so_that_it_does_no_harm(text: str, shown: str) -> None:
    assert sanitize(text) == shown


def test_long_text_is_cut() -> None:
    assert sanitize("x" * 5000, 10) == "x" * 9 + "…"


@given(st.text(st.characters()), st.integers(1, 40))
def test_whatever_is_shown_is_printable_and_short(text: str, most: int) -> None:
    shown = sanitize(text, most)
    assert shown.isprintable()
    assert len(shown) <= most
    assert not any(unicodedata.combining(c) or unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in shown)
