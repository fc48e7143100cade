"""docs/query.md says all of the language, and nothing that is not so."""

from __future__ import annotations

import re

import pytest

from tests.captures import ROOT
from tracetool.timeline.query import OPERATIONS, VOCABULARIES, QueryError, Vocabulary, parse
from tracetool.timeline.query.lexer import MAX_CHARACTERS, RESERVED
from tracetool.timeline.query.parser import MAX_NESTING, OPERATORS

PAGE = (ROOT / "docs" / "query.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = [re.split(r" {3,}", line)[0] for line in BLOCKS[0].splitlines()]


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def understood(text: str, vocabulary: Vocabulary) -> bool:
    try:
        parse(text, vocabulary)
    except QueryError:
        return False
    return True


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_a_query(text: str) -> None:
    assert any(understood(text, vocabulary) for vocabulary in VOCABULARIES)


@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda vocabulary: vocabulary.name)
def test_every_column_is_listed_with_its_meaning(vocabulary: Vocabulary) -> None:
    rows = [line.split(" | ") for line in section(f"Columns of {vocabulary.name}").splitlines() if "|" in line][2:]
    names = [", ".join(f"`{name}`" for name in (c.name, *c.aliases)) for c in vocabulary.columns]
    assert [row[0].removeprefix("| ") for row in rows] == names
    for row, column in zip(rows, vocabulary.columns, strict=True):
        assert row[2].startswith(column.help)
        if column.values and column.name != "event":
            assert re.findall(r"`([^`]+)`", row[2]) == list(column.values)


def test_every_operator_is_explained() -> None:
    written = " ".join(line.split(" | ")[0] for line in section("Operators").splitlines() if line.startswith("| `"))
    words = set(re.findall(r"[a-z]+|[^\sa-z`|,()]+", written))
    assert {*OPERATORS, "=", "and", "or", "not", "..", "null", "known"} <= words


def test_limits_and_reserved_words_are_as_documented() -> None:
    values = section("Values")
    assert f"at most {MAX_CHARACTERS:,} characters, nested at most {MAX_NESTING} deep" in values
    assert all(f"`{word}`" in values for word in RESERVED)


def test_the_error_is_drawn_as_it_is() -> None:
    with pytest.raises(QueryError) as caught:
        parse("offset >= 768K and op == programm", OPERATIONS)
    assert BLOCKS[-1].rstrip("\n") == caught.value.pretty()
