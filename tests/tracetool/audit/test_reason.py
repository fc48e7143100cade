from __future__ import annotations

import tomllib
from importlib.resources import files

from tracetool.audit.reason import Code, reason


def test_every_code_has_its_sentence_and_every_sentence_its_code() -> None:
    sentences = tomllib.loads(files("tracetool.audit").joinpath("reasons.toml").read_text())
    assert {name.partition(".")[0] for name in sentences} == set(Code)
    assert set(Code) <= set(sentences)


def test_a_sentence_has_its_values_in_the_words_of_the_field() -> None:
    found = reason(Code.PROGRAMMED_OUTSIDE, extent_bytes=768 << 10, offset=0x100000, end=0x100004, count=1)
    assert found.text == "the guest programmed beyond the extent of 768 KiB: 0x100000 to 0x100004, 1 time"
    assert found.document == {
        "code": "programmed-outside",
        "text": found.text,
        "extent_bytes": 768 << 10,
        "offset": 0x100000,
        "end": 0x100004,
        "count": 1,
    }
