from __future__ import annotations

from io import BytesIO

import pytest

from tracetool.events import EVENTS_SCHEMA
from tracetool.report.tables import findings_frame, write_table
from tracetool.timeline.blocks import BLOCKS_SCHEMA
from tracetool.timeline.operations import OPERATIONS_SCHEMA
from tracetool.timeline.query import BLOCKS, EVENTS, FINDINGS, OPERATIONS, VOCABULARIES, Vocabulary
from tracetool.timeline.query.lexer import RESERVED, Kind, tokens
from tracetool.timeline.touched import FOUND, OF_OPERATIONS


def test_every_column_of_the_events_can_be_asked_for() -> None:
    assert {name for column in EVENTS.columns for name in column.reads} == {*EVENTS_SCHEMA, *OF_OPERATIONS, *FOUND}
    assert set(EVENTS_SCHEMA) <= {column.name for column in EVENTS.columns}


@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda vocabulary: vocabulary.name)
def test_names_are_words_of_their_own(vocabulary: Vocabulary) -> None:
    names = [name for column in vocabulary.columns for name in (column.name, *column.aliases)]
    assert len(names) == len(set(names))
    for word in [*names, *(value for column in vocabulary.columns for value in column.values)]:
        assert tokens(word)[0][:2] == (Kind.WORD, word)
        assert word not in RESERVED


@pytest.mark.parametrize("vocabulary", [OPERATIONS, BLOCKS, FINDINGS], ids=lambda vocabulary: vocabulary.name)
def test_titles_of_the_table_are_names(vocabulary: Vocabulary) -> None:
    """What people see over a column they write into a query."""
    operations = OPERATIONS_SCHEMA.to_frame().with_columns(t_ns="time_ns")
    frames = {OPERATIONS: operations, BLOCKS: BLOCKS_SCHEMA.to_frame(), FINDINGS: findings_frame([])}
    file = BytesIO()
    write_table(frames[vocabulary], vocabulary.name, "table", file)
    for title in file.getvalue().decode().split():
        assert vocabulary.column(title) is not None, title


@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda vocabulary: vocabulary.name)
def test_what_is_meant_instead_exists(vocabulary: Vocabulary) -> None:
    for wrong, right in vocabulary.instead:
        assert vocabulary.column(wrong) is None
        assert vocabulary.column(right) is not None
