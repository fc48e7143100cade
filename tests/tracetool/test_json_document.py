"""Documents with a schema, by the one that has most kinds of fields: the description of a run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracetool.runs.support import a_run
from tracetool.json_document import DocumentError, instance, load_document
from tracetool.runs.run import SCHEMA, Flash, Run, SavedImage

_images = st.none() | st.builds(SavedImage, st.none() | st.just("after/a.fd"), st.integers(0, 1 << 40), st.text())
_flashes = st.builds(
    Flash,
    st.integers(0, 9),
    st.none() | st.text(),
    st.booleans(),
    st.text(),
    st.text(),
    _images,
    _images,
    snapshot=st.none() | st.booleans(),
)
_runs = st.builds(
    replace,
    st.just(a_run()),
    command=st.lists(st.text()).map(tuple),
    version=st.none() | st.text(),
    started=st.none() | st.floats(0, 2e9),
    exit_code=st.none() | st.integers(0, 255),
    flashes=st.lists(_flashes).map(tuple),
    notes=st.lists(st.text()).map(tuple),
)


@given(_runs)
@pytest.mark.slow
def test_what_is_written_is_what_is_read(run: Run) -> None:
    assert instance(Run, load_document(json.dumps({"schema": SCHEMA, **asdict(run)}), SCHEMA)) == run


def _document(**changes: Any) -> str:  # noqa: ANN401
    flash = {"unit": 1, "name": "f", "read_only": False, "image": "/f", "format": "raw"}
    document = {"schema": SCHEMA, **asdict(a_run()), "flashes": [flash]} | changes
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "holds no object"),
        ("{}", "schema is None, and this program reads 'tracetool.run/1'"),
        (_document(schema="tracetool.run/2"), "schema is 'tracetool.run/2'"),
        (json.dumps({"schema": SCHEMA}), "state is missing"),
        (_document(command="qemu"), "command is no list"),
        (_document(command=["qemu", 1]), r"command\[1\] is 1, which is no str"),
        (_document(exit_code=True), "exit_code is True, which is no int"),
        (_document(signal=-1), "signal is -1"),
        (_document(flashes=[{"unit": 0}]), r"flashes\[0\].name is missing"),
        (_document(flashes=[3]), r"flashes\[0\] is no object"),
    ],
)
def test_what_is_wrong_with_a_description_is_said_with_its_place(text: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        instance(Run, load_document(text, SCHEMA))


def test_fields_of_later_programs_are_passed_over() -> None:
    assert instance(Run, load_document(_document(weather="fine"), SCHEMA)).machine == "virt"


@dataclass(frozen=True)
class Counts:
    """A document with a list."""

    places: list[int]


def test_lists_and_tuples_are_what_the_field_says() -> None:
    assert instance(Counts, {"places": [1, 2]}) == Counts([1, 2])
    with pytest.raises(DocumentError, match="places is no list"):
        instance(Counts, {"places": 1})
