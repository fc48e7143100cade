"""Laws: the compiled query answers as the naive one, its canonical text is an equal query, and nothing else raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracetool.timeline.query.naive import STARTS, Case, frames, leaves, queries
from tracetool.timeline.query import VOCABULARIES, QueryError, complete, parse

if TYPE_CHECKING:
    import polars as pl
    from hypothesis.strategies import DataObject

    from tracetool.timeline.query import Vocabulary

PIECES = (
    *("offset", "op", "event", "seq", "t", "rule", "severity", "device", "text", "and", "or", "not", "in", "is"),
    *("null", "known", "==", "=", "!=", "<", ">=", "~", "!~", "&", "&&", "!", "(", ")", ",", "..", "..=", "/", "/a/"),
    *('"', "'", '"x y"', "0x40", "768K", "1.2s", "-1", "io_write", "program", "error", "\0", "\ud800", "é", " ", "\n"),
)

tables = pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda vocabulary: vocabulary.name)
starts = st.lists(st.sampled_from([*STARTS, (1 << 63) - 1, None]), max_size=3)
garbage = st.text(max_size=40) | st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join)


def error_of(text: str, vocabulary: Vocabulary) -> QueryError | None:
    try:
        parse(text, vocabulary)
    except QueryError as error:
        return error
    return None


def check(case: Case, frame: pl.DataFrame, starts: list[int | None], vocabulary: Vocabulary) -> None:
    query = parse(case.text, vocabulary)
    answers = frame.select(*query.columns).select(query.expression(starts).alias("answer"))["answer"].to_list()
    assert answers == [case.answer(row, starts) is True for row in frame.iter_rows(named=True)]


@tables
@settings(max_examples=100)
@given(st.data())
@pytest.mark.slow
def test_a_comparison_answers_as_the_naive_evaluation(vocabulary: Vocabulary, data: DataObject) -> None:
    check(data.draw(leaves(vocabulary)), data.draw(frames(vocabulary)), data.draw(starts), vocabulary)


@tables
@given(st.data())
@pytest.mark.slow
def test_a_query_answers_as_the_naive_evaluation(vocabulary: Vocabulary, data: DataObject) -> None:
    check(data.draw(queries(vocabulary)), data.draw(frames(vocabulary)), data.draw(starts), vocabulary)


@tables
@given(st.data())
@pytest.mark.first_quick
def test_canonical_text_is_an_equal_query(vocabulary: Vocabulary, data: DataObject) -> None:
    query = parse(data.draw(queries(vocabulary)).text, vocabulary)
    again = parse(str(query), vocabulary)
    assert again == query
    assert hash(again) == hash(query)
    assert str(again) == str(query)
    assert "\n" not in str(query)


@tables
@given(garbage)
def test_garbage_is_a_query_or_an_error_with_a_place(vocabulary: Vocabulary, text: str) -> None:
    error = error_of(text, vocabulary)
    if error is not None:
        assert 0 <= error.start <= error.end <= len(text)
        assert "\n" not in str(error)
        assert all(part.isprintable() for part in error.pretty().splitlines())


@tables
@settings(max_examples=30)
@given(st.data())
@pytest.mark.slow
def test_a_query_cut_anywhere_can_be_completed_or_is_wrong_before(vocabulary: Vocabulary, data: DataObject) -> None:
    text = data.draw(queries(vocabulary)).text
    position = data.draw(st.integers(0, len(text)))
    for completion in complete(text, position, vocabulary):
        assert completion.start <= position <= completion.end
        assert completion.text.startswith(text[completion.start : position])


@tables
@given(garbage, st.integers(0, 40))
def test_completion_never_raises(vocabulary: Vocabulary, text: str, position: int) -> None:
    assert isinstance(complete(text, min(position, len(text)), vocabulary), list)
