from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracetool.errors import UsageError
from tracetool.qemu.option_syntax import doubled, is_on, parse, parse_json, split

_KEYS = st.text("abcdefg-.", min_size=1)
_CHARACTERS = st.characters(exclude_characters="\0")  # which no argument of a program contains
_VALUES = st.text(_CHARACTERS)


# Nothing begins with a comma here: QEMU itself reads `0,,,` as `0,` and then nothing.
@given(
    st.lists(
        st.text(_CHARACTERS, min_size=1).filter(lambda part: not part.startswith(",")),
        min_size=1,
    )
)
def test_parts_with_their_commas_doubled_are_taken_apart_as_they_were(parts: list[str]) -> None:
    assert split(",".join(map(doubled, parts))) == parts


@given(st.dictionaries(_KEYS, _VALUES, min_size=1))
def test_options_are_read_as_they_were_written(options: dict[str, str]) -> None:
    text = ",".join(f"{key}={doubled(value)}" for key, value in options.items())
    assert parse(text) == options


@given(st.dictionaries(st.text("abcdefg-", min_size=1), _VALUES))
def test_an_object_says_the_same_as_its_flat_keys(options: dict[str, str]) -> None:
    nested = {"driver": "raw", "file": options, "read-only": True}
    expected = {"driver": "raw", "read-only": "on"} | {f"file.{key}": value for key, value in options.items()}
    assert parse(json.dumps(nested)) == expected


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("virt,pflash0=a", {"type": "virt", "pflash0": "a"}),
        ("type=virt", {"type": "virt"}),
        ("virt,secure", {"type": "virt", "secure": "on"}),
        ("a=1,a=2", {"a": "2"}),
        ("a=x=y", {"a": "x=y"}),
        ("", {"type": ""}),
        ("q,,35,", {"type": "q,35"}),
    ],
)
def test_a_first_part_without_a_key_has_the_implied_one(text: str, options: dict[str, str]) -> None:
    assert parse(text, "type") == options


def test_lists_and_numbers_of_an_object_are_flat_too() -> None:
    assert parse_json('{"a": [{"b": 3}, false]}') == {"a.0.b": "3", "a.1": "off"}


@pytest.mark.parametrize(("text", "words"), [("{", "is not JSON"), ("[1]", "is no JSON object"), ("[" * 10**5, "JSON")])
def test_what_is_no_object_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_json(text)


def test_a_switch_is_on_or_off() -> None:
    assert is_on({"readonly": "yes"}, "readonly")
    assert not is_on({"readonly": "off"}, "readonly")
    assert not is_on({}, "readonly")
    with pytest.raises(UsageError, match="readonly=maybe is neither on nor off"):
        is_on({"readonly": "maybe"}, "readonly")
