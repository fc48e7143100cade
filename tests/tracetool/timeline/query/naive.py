"""A second, naive implementation of the language: random queries as text, each with a predicate on a row.

It shares only names and types of the columns with the package: precedence, spellings, nulls and comparisons are
implemented independently, a value at a time. A row is a mapping from the frame's columns to values; a result is True,
False or None for undecided.
"""

from __future__ import annotations

import operator
import random
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl
from hypothesis import strategies as st

from tracetool.events import EVENTS_SCHEMA
from tracetool.timeline.query import EVENTS, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hypothesis.strategies import DrawFn, SearchStrategy

    from tracetool.timeline.query import Column, Vocabulary

Row = dict[str, Any]
Answer = bool | None
Starts = list[int | None]

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NUMBERS = (0, 1, 2, 3, 4, 7, 0x40, 0xFF, 0x400040, 1000, 4096, 65536, 0xC0000, 1 << 32)
WIDE = ((1 << 63) - 1, 1 << 63, (1 << 64) - 1)
SEQS = range(8)
TIMES = (0, 1, 999, 1000, 250_000_000, 1_200_000_000, 1_500_000_000, 60_000_000_000, -5)
STARTS = (0, 1000, -5, 10**15)
NULLS = 0.15
TEXTS = (
    *("virt.flash0", "virt.flash1", "EXT001", "read array mode", "Read Array", "a/b", 'say "x"', "back\\slash", ""),
    *("flash+0x1c", "BdsDxe+0x10 < | < ? < virt.flash0+0x3", "flash+0x1c < x+0x"),
)
PATTERNS = ("flash", "FLASH1", "ext", "array", "/", '"', "\\", ".", "")
REGEXES = (r"flash[01]", r"^read", r"a/b", r"\\", r"(ext|mode)$", r"x{2}", r".", r"0+1")
BOUNDS = {
    pl.UInt8: (0, 255),
    pl.UInt16: (0, (1 << 16) - 1),
    pl.UInt32: (0, (1 << 32) - 1),
    pl.UInt64: (0, (1 << 64) - 1),
    pl.Int64: (-(1 << 63), (1 << 63) - 1),
}
UNITS = {"ns": 1, "us": 1000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}


@dataclass(frozen=True)
class Case:
    """A query and what it means."""

    text: str
    answer: Callable[[Row, Starts], Answer]


def value_of(column: Column, row: Mapping[str, Any], starts: Starts) -> Any:  # noqa: ANN401, PLR0911  a kind a line
    """The column's value in a row: a number, text, or the numbers that are known of a span; None if unknown."""
    values = [row[name] for name in column.reads]
    if column.type is Type.BYTES:
        return _bytes_of(*values)
    if column.type is Type.SPAN:
        first, last, *traces = values
        if None in (first, last):
            return None
        return range(first, last + 1) if not traces or traces[0] == traces[1] else (first, last)
    if None in values:
        return None
    if column.name == "module":
        return [re.sub(r"\+0x[0-9a-f]+$", "", caller) for caller in values[0].split(" < ")]
    if column.name == "t":
        time, trace = values
        start = starts[trace] if trace < len(starts) else None
        return None if start is None else time - start
    return sum(values) if len(values) > 1 else values[0]


def _bytes_of(offset: int | None, *lengths: int | None) -> list[int] | None:
    """Bytes from an offset on, as many as the first known length says, else one."""
    length = next((length for length in lengths if length is not None), 1)
    return None if offset is None else _samples(range(offset, offset + max(length, 1)))


def _samples(numbers: range) -> list[int]:
    """Ends of a range, and the numbers in it about which something changes in a comparison with one of `NUMBERS`."""
    near = {number + step for number in NUMBERS for step in (-1, 0, 1)}
    return [numbers[0], *(number for number in near if number in numbers), numbers[-1]]


def lifted(column: Column, test: Callable[[Any], bool]) -> Callable[[Row, Starts], Answer]:
    """The test of one value as an answer for rows: undecided for nulls, and of several values true if true for one."""

    def answer(row: Row, starts: Starts) -> Answer:
        value = value_of(column, row, starts)
        if value is None:
            return None
        if column.type in (Type.SPAN, Type.BYTES, Type.NAMES):
            return any(map(test, value))
        return test(value)

    return answer


def negated(answer: Callable[[Row, Starts], Answer]) -> Callable[[Row, Starts], Answer]:
    """The opposite; undecided stays so."""

    def opposite(row: Row, starts: Starts) -> Answer:
        found = answer(row, starts)
        return None if found is None else not found

    return opposite


def combined(cases: list[Case], deciding: bool) -> Callable[[Row, Starts], Answer]:
    """`or` where True decides, `and` where False does."""

    def answer(row: Row, starts: Starts) -> Answer:
        answers = [case.answer(row, starts) for case in cases]
        if deciding in answers:
            return deciding
        return None if None in answers else not deciding

    return answer


# Spelling


@st.composite
def spelt_number(draw: DrawFn, column: Column, number: int) -> str:
    kinds = [f"{number}", f"{number:_}", hex(number), f"0X{number:X}", f"0x{number:_X}"]
    if column.type in (Type.OFFSET, Type.BYTES, Type.SIZE):
        units = {"K": 1 << 10, "KiB": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "G": 1 << 30}
        kinds += [f"{number // f}{unit}" for unit, f in units.items() if number % f == 0]
    return draw(st.sampled_from(kinds))


@st.composite
def spelt_time(draw: DrawFn, nanoseconds: int) -> str:
    unit, factor = draw(st.sampled_from(list(UNITS.items())))
    sign, (whole, rest) = "-" if nanoseconds < 0 else "", divmod(abs(nanoseconds), factor)
    if unit == "m" and rest:
        return f"{nanoseconds}ns"
    fraction = f".{rest:0{len(str(factor)) - 1}d}".rstrip("0") if rest else ""
    return f"{sign}{whole}{fraction}{unit}"


@st.composite
def numbers(draw: DrawFn, column: Column) -> tuple[str, int]:
    """A number that suits the column, spelt in one of its ways."""
    if column.type in (Type.TIME, Type.DURATION, Type.ELAPSED):
        number = draw(st.sampled_from(TIMES))
        return draw(spelt_time(number)), number
    pool: Iterable[int] = SEQS if "seq" in column.name else NUMBERS
    if column.type in (Type.COUNT, Type.BITS):
        pool = [*pool, *WIDE]
    number = draw(st.sampled_from(list(pool)))
    return draw(spelt_number(column, number)), number


def quoted(text: str, quote: str = '"') -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


@st.composite
def words(draw: DrawFn, column: Column) -> tuple[str, str]:
    """A text or name that suits the column, bare or in quotes."""
    text = draw(st.sampled_from(column.values if column.type is Type.ENUM else TEXTS))
    forms = [quoted(text), quoted(text, "'")]
    if re.fullmatch(r"[A-Za-z][\w.-]*", text):
        forms.append(text)
    return draw(st.sampled_from(forms)), text


# Comparisons


@st.composite
def leaves(draw: DrawFn, vocabulary: Vocabulary) -> Case:
    """One comparison."""
    column = draw(st.sampled_from(vocabulary.columns))
    name = draw(st.sampled_from([column.name, *column.aliases]))
    if draw(st.integers(0, 7)) == 0:
        return draw(null_tests(column, name))
    if column.type in (Type.ENUM, Type.TEXT, Type.NAMES):
        return draw(word_comparisons(column, name))
    if column.type is Type.BOOL:
        return draw(truths(column, name))
    if "&" in column.operators and draw(st.booleans()):
        mask = draw(st.sampled_from((0, 1, 0xFF, 0xC0000, (1 << 64) - 1)))
        return draw(number_comparisons(column, f"{name} & {mask:#x}", lambda value: value & mask))
    return draw(number_comparisons(column, name, lambda value: value))


@st.composite
def null_tests(draw: DrawFn, column: Column, name: str) -> Case:
    words, known = draw(st.sampled_from([("null", False), ("known", True), ("not null", True), ("not known", False)]))
    return Case(f"{name} is {words}", lambda row, starts: (value_of(column, row, starts) is not None) is known)


@st.composite
def truths(draw: DrawFn, column: Column, name: str) -> Case:
    wanted = draw(st.booleans())
    equal = lifted(column, lambda value: bool(value) is wanted)
    text = str(wanted).lower()
    cases = [Case(f"{name} == {text}", equal), Case(f"{name} != {text}", negated(equal))]
    return draw(st.sampled_from([*cases, Case(f"not {name}", equal) if not wanted else Case(name, equal)]))


@st.composite
def number_comparisons(draw: DrawFn, column: Column, name: str, part: Callable[[int], int]) -> Case:
    text, number = draw(numbers(column))
    form = draw(st.sampled_from(["==", "=", "!=", "order", "list", "not in", "range"]))
    equal = lifted(column, lambda value: part(value) == number)
    if form in ("==", "="):
        bare = column.type is Type.BYTES and draw(st.booleans())
        return Case(f"{name} {text}" if bare else f"{name}{form}{text}", equal)
    if form == "!=":
        return Case(f"{name} != {text}", negated(equal))
    if form == "order":
        symbol, holds = draw(st.sampled_from(list(ORDERS.items())))
        return Case(f"{name} {symbol}{text}", lifted(column, lambda value: holds(part(value), number)))
    other_text, other = draw(numbers(column))
    if form == "range":
        return ranged(column, name, part, [(text, number), (other_text, other)], draw(st.integers(0, 4)))
    among = lifted(column, lambda value: part(value) in (number, other))
    if form == "list":
        return Case(f"{name} in ({text}, {other_text})", among)
    return Case(f"{name} not in ({text},{other_text})", negated(among))


def ranged(column: Column, name: str, part: Callable[[int], int], ends: list[tuple[str, int]], form: int) -> Case:
    (low_text, low), (high_text, high) = sorted(ends, key=lambda end: end[1])
    if form == 0:
        test = lambda value: low <= part(value) <= high  # noqa: E731
        text = f"{low_text}..={high_text}"
    elif form == 1 and low < high:
        test = lambda value: low <= part(value) < high  # noqa: E731
        text = f"{low_text} .. {high_text}"
    elif form == 2:
        test = lambda value: part(value) < high  # noqa: E731
        text = f"..{high_text}"
    elif form == 3:
        test = lambda value: part(value) <= high  # noqa: E731
        text = f"..={high_text}"
    else:
        test = lambda value: part(value) >= low  # noqa: E731
        text = f"{low_text}.."
    word = "" if column.type is Type.BYTES and form % 2 else "in "
    return Case(f"{name} {word}{text}", lifted(column, test))


@st.composite
def word_comparisons(draw: DrawFn, column: Column, name: str) -> Case:
    form = draw(st.sampled_from(["==", "!=", "in", "~", "!~", *(ORDERS if column.ordered else ())]))
    if form in ("~", "!~"):
        return draw(matches(column, name, form))
    text, word = draw(words(column))
    if form in ORDERS:
        rank = column.values.index
        return Case(f"{name}{form}{text}", lifted(column, lambda value: ORDERS[form](rank(value), rank(word))))
    if form == "in":
        other_text, other = draw(words(column))
        return Case(f"{name} in({text},{other_text})", lifted(column, lambda value: value in (word, other)))
    equal = lifted(column, lambda value: value == word)
    return Case(f"{name} {form} {text}", equal if form == "==" else negated(equal))


@st.composite
def matches(draw: DrawFn, column: Column, name: str, form: str) -> Case:
    if column.type is Type.ENUM:
        pattern = draw(st.sampled_from([value[:3].upper() for value in column.values]))
        found = lifted(column, lambda value: pattern.lower() in value)
        text = (
            draw(st.sampled_from([pattern, f"/{pattern}/", quoted(pattern)])) if pattern.isalpha() else quoted(pattern)
        )
    elif draw(st.booleans()):
        pattern = draw(st.sampled_from(PATTERNS))
        found = lifted(column, lambda value: pattern.lower() in value.lower())
        text = quoted(pattern)
    else:
        pattern = draw(st.sampled_from(REGEXES))
        found = lifted(column, lambda value: re.search(pattern, value, re.IGNORECASE) is not None)
        text = "/" + pattern.replace("/", "\\/") + "/"
    return Case(f"{name} {form} {text}", found if form == "~" else negated(found))


# Queries


@st.composite
def joined(draw: DrawFn, inner: SearchStrategy[Case]) -> Case:
    """Terms joined by `and`, those by `or`, some of them after `not` or in parentheses."""
    alternatives = []
    for _ in range(draw(st.integers(1, 2))):
        terms = []
        for _ in range(draw(st.integers(1, 2))):
            case = draw(inner)
            wrapped = Case(f"({case.text})", case.answer)
            terms.append(draw(st.sampled_from([wrapped, Case(f"not {wrapped.text}", negated(case.answer))])))
        alternatives.append(Case(" and ".join(term.text for term in terms), combined(terms, deciding=False)))
    return Case(" or ".join(each.text for each in alternatives), combined(alternatives, deciding=True))


@st.composite
def flat(draw: DrawFn, vocabulary: Vocabulary) -> Case:
    """Comparisons without parentheses: what binds how is left to the language."""
    alternatives = []
    for _ in range(draw(st.sampled_from((1, 1, 2, 3)))):
        terms = []
        for _ in range(draw(st.sampled_from((1, 1, 2, 3)))):
            leaf = draw(leaves(vocabulary))
            nots = draw(st.integers(0, 2))
            answer = negated(leaf.answer) if nots % 2 else leaf.answer
            terms.append(Case("not " * nots + leaf.text, answer))
        alternatives.append(Case(" and ".join(term.text for term in terms), combined(terms, deciding=False)))
    return Case(" or ".join(each.text for each in alternatives), combined(alternatives, deciding=True))


def queries(vocabulary: Vocabulary) -> SearchStrategy[Case]:
    """Queries of every shape."""
    return st.recursive(flat(vocabulary), joined, max_leaves=4)


# Frames


def dtypes(vocabulary: Vocabulary) -> SearchStrategy[dict[str, Any]]:
    """What the columns of the table's frame may be stored as."""
    found: dict[str, SearchStrategy[Any]] = {}
    for column in vocabulary.columns:
        for name in column.reads:
            if column.name == "module":
                continue  # of the texts of the column chain
            if column.type is Type.ENUM:
                found[name] = st.sampled_from([pl.Enum(column.values), pl.Categorical(), pl.String()])
            elif column.type is Type.TEXT:
                found[name] = st.sampled_from([pl.Categorical(), pl.String()])
            elif column.type is Type.NAMES:
                found[name] = st.just(pl.List(pl.String()))
            elif column.type is Type.BOOL:
                found[name] = st.just(pl.Boolean())
            else:
                found.setdefault(name, st.sampled_from([pl.Int64(), pl.UInt64()]))
    if vocabulary is EVENTS:
        found |= {name: st.just(dtype) | found[name] for name, dtype in EVENTS_SCHEMA.items()}
    return st.fixed_dictionaries(found)


def pool(vocabulary: Vocabulary, name: str, dtype: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """What the cells of a column of the frame hold, nulls apart."""
    column = next(c for c in vocabulary.columns if name in c.reads and c.name != "module")
    if column.type is Type.ENUM:
        return column.values
    if column.type is Type.TEXT:
        return TEXTS
    if column.type is Type.NAMES:
        return tuple([*pair] for pair in pairwise(TEXTS)) + tuple([text] for text in TEXTS)
    if column.type is Type.BOOL:
        return (False, True)
    numbers: Iterable[int] = SEQS if "seq" in name else NUMBERS
    if name == "time_ns":
        numbers = [start + time for start in STARTS for time in TIMES]
    elif name in ("duration_ns", "counter", "value"):
        numbers = (*NUMBERS, *TIMES, *WIDE)
    low, high = BOUNDS[type(dtype)]
    return tuple(number for number in numbers if low <= number <= high)


@st.composite
def frames(draw: DrawFn, vocabulary: Vocabulary) -> pl.DataFrame:
    """Rows of the table, with nulls anywhere; many, so that of those that differ by one some are there."""
    schema = draw(dtypes(vocabulary))
    chance = random.Random(draw(st.integers(0, 1 << 32)))  # noqa: S311 - drawing each cell would take minutes
    pools = {name: pool(vocabulary, name, dtype) for name, dtype in schema.items()}
    rows = []
    for _ in range(draw(st.sampled_from([0, 1, 40]))):
        row: Row = {name: chance.choice(values) if chance.random() > NULLS else None for name, values in pools.items()}
        if "first_seq" in row and None not in (row["first_seq"], row["last_seq"]):
            row["first_seq"], row["last_seq"] = sorted((row["first_seq"], row["last_seq"]))
        rows.append(row)
    return pl.DataFrame(rows, schema=schema)
