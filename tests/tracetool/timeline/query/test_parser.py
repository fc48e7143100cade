from __future__ import annotations

import polars as pl
import pytest

from tracetool.timeline.query import EVENTS, FINDINGS, OPERATIONS, QueryError, Vocabulary, parse
from tracetool.timeline.query.lexer import MAX_CHARACTERS
from tracetool.timeline.query.parser import MAX_NESTING


@pytest.mark.parametrize(
    ("vocabulary", "text", "canonical"),
    [
        (OPERATIONS, "offset >= 768K and op == program", "offset >= 0xc0000 and kind == program"),
        (OPERATIONS, "op = buffered-program", "kind == buffered-program"),
        (OPERATIONS, "changed > 0 or duration >= 1.5ms", "bytes_changed > 0 or duration_ns >= 1500us"),
        (OPERATIONS, "outcome not in (done, lost)", "not outcome in (done, lost)"),
        (OPERATIONS, "seq in 100..=200", "seq in 100..=200"),
        (OPERATIONS, "end in ..0x80000", "end in ..0x80000"),
        (EVENTS, "t in 1.2s .. 1.5s", "t in 1200ms..1500ms"),
        (EVENTS, "t < 2m and t >= -5us", "t < 120s and t >= -5us"),
        (EVENTS, "time_ns > 1795335978754485000", "time_ns > 1795335978754485us"),
        (EVENTS, "value & 0xff == 64", "value & 0xff == 0x40"),
        (EVENTS, "size=4 and length=64MiB", "size == 4 and length == 64M"),
        (EVENTS, "seq == 1_000", "seq == 1000"),
        (EVENTS, "offset is not null", "offset is known"),
        (EVENTS, "offset is not known", "offset is null"),
        (EVENTS, "text ~ 'read array'", 'text ~ "read array"'),
        (EVENTS, r'text == "a \"b\" \\ \d"', r'text == "a \"b\" \\ \\d"'),
        (EVENTS, r"text ~ /a\/b\.c/", r"text ~ /a\/b\.c/"),
        (EVENTS, "text == 'and'", 'text == "and"'),
        (EVENTS, "device ~ 28F128", 'device ~ "28F128"'),
        (EVENTS, "event ~ WRITE", "event ~ WRITE"),
        (FINDINGS, "severity>=warning", "severity >= warning"),
        (FINDINGS, "not(count==1)", "not count == 1"),
        (FINDINGS, "not not count == 1", "not not count == 1"),
        (FINDINGS, "count==1 and (count==2 and (count==3))", "count == 1 and count == 2 and count == 3"),
        (FINDINGS, "count==1 and count==2 or count==3", "count == 1 and count == 2 or count == 3"),
        (FINDINGS, "count==1 and (count==2 or count==3)", "count == 1 and (count == 2 or count == 3)"),
        (FINDINGS, "not (count==2 or count==3) and rule ~ EXT", "not (count == 2 or count == 3) and rule ~ EXT"),
        (FINDINGS, "count==1\n  or\tcount==2\r\n", "count == 1 or count == 2"),
    ],
)
def test_a_query_has_a_canonical_text(vocabulary: Vocabulary, text: str, canonical: str) -> None:
    query = parse(text, vocabulary)
    assert str(query) == canonical
    assert query.text == text
    assert parse(canonical, vocabulary) == query


@pytest.mark.parametrize(
    ("vocabulary", "text", "columns"),
    [
        (EVENTS, "t > 1s and event == reset or t < 2s", {"time_ns", "trace", "event"}),
        (OPERATIONS, "seq == 1", {"first_seq", "last_seq"}),
        (OPERATIONS, "not end > 4K", {"offset", "length"}),
        (FINDINGS, "rule in (EXT001, EXT002)", {"rule"}),
    ],
)
def test_a_query_names_the_columns_it_reads(vocabulary: Vocabulary, text: str, columns: set[str]) -> None:
    assert parse(text, vocabulary).columns == columns


HOSTILE = {
    "parentheses": "(" * 1_000_000,
    "nested": "(" * (MAX_NESTING + 1) + "seq == 1" + ")" * (MAX_NESTING + 1),
    "closing": ")" * 9_000,
    "nots": "not " * 10_000 + "seq == 1",
    "some nots": "not " * 1_000 + "seq == 1",
    "mixed": "not (" * 1_000,
    "nul": "seq == 1\0",
    "nul in quotes": 'text == "\0"',
    "escape sequence": "\x1b[2J",
    "surrogate": "text == '\udc80'",
    "right to left": "text == '\u202e'",
    "long number": "seq == " + "9" * 5_000,
    "long hexadecimal": "offset == 0x" + "f" * 5_000,
    "long fraction": "t > 0." + "0" * 5_000 + "1s",
    "wide digits": "seq == ١٢",
    "large pattern": "text ~ /a{1000}{1000}/",
    "nested pattern": "text ~ /" + "(" * 4_000 + ")" * 4_000 + "/",
    "look-around": "text ~ /(?=a)/",
    "long word": "x" * 9_999,
    "long name": "event == " + "io_" * 3_000,
    "unclosed": 'text == "' + "\\" * 9_000,
    "range": "seq in " + "." * 9_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_refused_in_two_short_ways(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text, EVENTS)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()
    assert len(caught.value.pretty()) < 600


HEAVY = {
    "longest or": " or ".join(["seq==12"] * (MAX_CHARACTERS // 13)),
    "longest list": "seq in (" + ", ".join(["1"] * 3_300) + ")",
    "deepest": "(" * (MAX_NESTING - 1) + "not seq == 1" + ")" * (MAX_NESTING - 1),
    "alternating": "(seq == 1 or (seq == 2 and " * 25 + "seq == 3" + "))" * 25,
    "backtracking": "text ~ /(a*)*(a|aa)+$/",
    "long literal": "text ~ " + "x" * 9_000,
}


@pytest.mark.parametrize("text", HEAVY.values(), ids=HEAVY.keys())
def test_what_is_heavy_but_right_is_answered(text: str) -> None:
    frame = pl.DataFrame(
        {"seq": [1, 12, None], "text": ["a" * 5_000, "x", None]}, schema={"seq": pl.Int64, "text": pl.String}
    )
    query = parse(text, EVENTS)
    assert len(frame.filter(query.expression(()))) <= len(frame)
    assert parse(str(query), EVENTS) == query
