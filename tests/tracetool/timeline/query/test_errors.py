"""Wrong queries and what is said of them, drawn as a user sees it, in errors.txt beside this file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracetool.errors import UsageError
from tracetool.timeline.query import EVENTS, OPERATIONS, VOCABULARIES, Choice, QueryError, parse

TABLE = [block for block in Path(__file__).with_name("errors.txt").read_text(encoding="utf-8").split("\n\n") if block]
TABLES = {vocabulary.name: vocabulary for vocabulary in VOCABULARIES}


def error_of(text: str, table: str = "events") -> QueryError:
    with pytest.raises(QueryError) as caught:
        parse(text, TABLES[table])
    return caught.value


@pytest.mark.parametrize("block", TABLE)
def test_a_wrong_query_is_drawn_with_its_reason_and_what_is_valid(block: str) -> None:
    table, _, drawn = block.removeprefix("[").partition("] ")
    lines = drawn.rstrip("\n").splitlines()
    text = "" if lines[1] == "    ^" else lines[1].removeprefix("    ")
    assert error_of(text, table).pretty().splitlines() == lines


def test_the_table_is_not_small() -> None:
    assert len(TABLE) >= 70


def test_an_error_is_one_line_of_wrong_usage() -> None:
    error = error_of("outcome == don", "operations")
    assert isinstance(error, UsageError)
    assert str(error) == (
        "query, character 12: 'don' is no outcome: did you mean 'done'?; "
        "valid here: done, refused, discarded, aborted, lost"
    )
    assert str(error_of("offset ==")) == (
        "query, at its end: the query ends where a size is expected; valid here: a size: 786432, 0xc0000, 768K, 64MiB"
    )


def test_an_error_carries_its_place_and_all_that_is_valid() -> None:
    error = error_of("boot == 1 and event == io_wirte")
    assert (error.text[error.start : error.end], error.start) == ("io_wirte", 23)
    assert error.message == "'io_wirte' is no event: did you mean 'io_write'?"
    column = EVENTS.column("event")
    assert column is not None
    assert error.expected[0] == Choice("io_write")
    assert {choice.text for choice in error.expected} == set(column.values)


def test_columns_are_offered_with_their_help() -> None:
    error = error_of("and", "operations")
    assert [choice[:2] for choice in error.expected[:-2]] == [(c.name, c.help) for c in OPERATIONS.columns]


def test_of_a_long_query_the_surroundings_are_drawn() -> None:
    text = " or ".join(["boot == 1"] * 50 + ["bot == 1"] + ["boot == 1"] * 50)
    assert error_of(text).pretty().splitlines()[:3] == [
        "events have no column 'bot': did you mean 'boot'?",
        "    …t == 1 or boot == 1 or boot == 1 or bot == 1 or boot == 1 or boot == 1 or b…",
        "                                         ~~~^",
    ]


def test_a_long_word_is_cut() -> None:
    drawn = error_of("boot == 1 and " + "x" * 200).pretty().splitlines()
    assert drawn[0] == f"events have no column '{'x' * 40}…'"
    assert drawn[1] == "    boot == 1 and " + "x" * 72 + "…"
    assert drawn[2] == "    " + " " * 14 + "~" * 36 + "^"


def test_a_query_of_several_lines_is_drawn_on_one() -> None:
    drawn = error_of("boot == 1\n\tbot == 1").pretty().splitlines()
    assert drawn[1:3] == ["    boot == 1  bot == 1", "               ~~~^"]


def test_what_cannot_be_printed_is_not_drawn() -> None:
    error = error_of("boot == \x1b[31m")
    assert error.pretty().splitlines() == [
        r"'\x1b' is not a printable character",
        "    boot == ?[31m",
        "            ~^",
    ]
