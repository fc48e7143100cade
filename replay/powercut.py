"""Contents of a flash after its power was cut: between two commits, or inside one.

A commit is a change that reaches the image file at once: an erase, a program, the flush of a write buffer. QEMU's flash
commits whole, a real chip may not: an interrupted commit leaves one of the shapes of `SHAPES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from replay.columns import JournalKind, Target
from replay.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from replay.journal import Journal

__all__ = [
    "AFTER",
    "BEFORE",
    "SHAPES",
    "Commit",
    "CutState",
    "Shape",
    "commits_of",
    "cut_states",
    "digest_of",
    "shapes_of",
    "state_after",
    "tear",
]

BEFORE = "none"
AFTER = "after"

_WORD = 4


class Commit(NamedTuple):
    """One commit, clipped to the range that is looked at; `offset` counts from the start of that range.

    `known` is False where contents became unknown (an incoming migration, for example). A restart of the machine on
    another image has `seq` -1; it is no commit of the guest, and cannot be torn.
    """

    trace: int
    seq: int
    kind: JournalKind
    offset: int
    before: bytes
    after: bytes
    known: bool


class CutState(NamedTuple):
    """Contents that a cut leaves: in commit number `number`, in the given shape.

    Equal contents have equal keys (sums of 128 bits of BLAKE2b). `contents` shares with the state before it the pages
    that did not change.
    """

    number: int
    commit: Commit
    shape: str
    key: int
    contents: Pages


@dataclass(frozen=True)
class Shape:
    """A way in which an interrupted commit leaves its span, written `name` or `name:PARAMETER...`.

    `of` names the commits that it can happen to. `contents(before, after, *parameters)` gives the span, as long as
    both. `parameters(length)` gives those that a sweep tries on a span of so many bytes: none where it is only for
    naming a single case.
    """

    name: str
    of: frozenset[JournalKind]
    words: str
    source: str
    contents: Callable[..., bytes]
    parameters: Callable[[int], Sequence[tuple[int, ...]]]


def _first(before: bytes, after: bytes, length: int) -> bytes:
    return after[:length] + before[length:]


def _last(before: bytes, after: bytes, length: int) -> bytes:
    return before[: max(len(before) - length, 0)] + after[max(len(before) - length, 0) :]


def _first_half(before: bytes, after: bytes) -> bytes:
    return _first(before, after, len(before) // 2)


def _last_half(before: bytes, after: bytes) -> bytes:
    return _last(before, after, len(before) // 2)


def _zero_all(before: bytes, _after: bytes) -> bytes:
    return bytes(len(before))


def _zero_first(before: bytes, _after: bytes, length: int) -> bytes:
    return _first(before, bytes(len(before)), length)


def _zero_last(before: bytes, _after: bytes, length: int) -> bytes:
    return _last(before, bytes(len(before)), length)


def _bits(before: bytes, after: bytes, seed: int) -> bytes:
    """Every bit that changes has changed or not, by a generator of this seed."""
    old, new = int.from_bytes(before, "big"), int.from_bytes(after, "big")
    return (old ^ (old ^ new) & _random_bits(seed, 8 * len(before))).to_bytes(len(before), "big")


@lru_cache(maxsize=4)
def _random_bits(seed: int, count: int) -> int:
    return Random(seed).getrandbits(count)  # noqa: S311  reproducible, not secret


def _words(before: bytes, after: bytes, words: int) -> bytes:
    return _first(before, after, words * _WORD)


def _word_bits(before: bytes, after: bytes, words: int, seed: int) -> bytes:
    """The first words are in, the next in part."""
    part = slice(words * _WORD, (words + 1) * _WORD)
    return after[: part.start] + _bits(before[part], after[part], seed) + before[part.stop :]


def _word_mask(before: bytes, after: bytes, words: int, mask: int) -> bytes:
    """The first words are in; of the next, the bits of `mask` are still as they were."""
    part = slice(words * _WORD, (words + 1) * _WORD)
    old, new = int.from_bytes(before[part], "little"), int.from_bytes(after[part], "little")
    word = (old & mask | new & ~mask) & (1 << 8 * len(before[part])) - 1
    return after[: part.start] + word.to_bytes(len(before[part]), "little") + before[part.stop :]


def _none(_length: int) -> Sequence[tuple[int, ...]]:
    return ()


def _once(_length: int) -> Sequence[tuple[int, ...]]:
    return ((),)


def _seed(_length: int) -> Sequence[tuple[int, ...]]:
    return ((1,),)


def _quarters(length: int) -> Sequence[tuple[int, ...]]:
    return tuple((length * part // 4,) for part in (1, 2, 3))


def _some_words(length: int) -> Sequence[tuple[int, ...]]:
    """One word, half of them, all but one."""
    words = -(-length // _WORD)
    return tuple((count,) for count in sorted({1, words // 2, words - 1} - {0, words}))


def _middle(length: int) -> Sequence[tuple[int, ...]]:
    """The word in the middle, in part."""
    return ((-(-length // _WORD) // 2, 1),)


_ERASE = frozenset({JournalKind.ERASE})
_PROGRAM = frozenset({JournalKind.PROGRAM, JournalKind.FLUSH, JournalKind.WRITE_BACK})
_ANY = _ERASE | _PROGRAM

_ZERO_FIRST = "NOR chips program a block to 0 before they erase it, from its end downwards on the chips measured"
_INVALID = (
    "data sheets of CFI01 chips call the contents invalid after an aborted erase or program, and promise no order"
)
_IN_ORDER = "a chip programs its write buffer word after word"

SHAPES = {
    shape.name: shape
    for shape in (
        Shape("zero-last", _ERASE, "the end of the block is 0 already", _ZERO_FIRST, _zero_last, _quarters),
        Shape("zero-all", _ERASE, "the block is 0, and not yet erased", _ZERO_FIRST, _zero_all, _once),
        Shape("zero-first", _ERASE, "the front of the block is 0 already", _INVALID, _zero_first, _none),
        Shape("first-half", _ERASE, "the front half of the block is erased", _INVALID, _first_half, _once),
        Shape("last-half", _ERASE, "the end half of the block is erased", _INVALID, _last_half, _once),
        Shape("first", _ERASE, "the front of the block is erased", _INVALID, _first, _none),
        Shape("last", _ERASE, "the end of the block is erased", _INVALID, _last, _none),
        Shape("words", _PROGRAM, "the first words are programmed", _IN_ORDER, _words, _some_words),
        Shape("wordbits", _PROGRAM, "the first words are programmed, the next in part", _IN_ORDER, _word_bits, _middle),
        Shape("wordmask", _PROGRAM, "the first words are programmed, the next in part", _IN_ORDER, _word_mask, _none),
        Shape("bits", _ANY, "some bits have changed, others not", _INVALID, _bits, _seed),
    )
}
"""The shapes of an interrupted commit, by name. QEMU's own flash has none: it is `BEFORE` or `AFTER`."""


def shapes_of(commit: Commit) -> list[str]:
    """The shapes that a sweep tries on a commit, besides `BEFORE` and `AFTER`."""
    return [name for name, _, _ in _tried(commit.kind, len(commit.after))]


@cache
def _tried(kind: JournalKind, length: int) -> list[tuple[str, Callable[..., bytes], tuple[int, ...]]]:
    """Name, contents and parameters of the shapes that a sweep tries on a commit."""
    return [
        (":".join([shape.name, *map(str, parameters)]), shape.contents, parameters)
        for shape in SHAPES.values()
        if kind in shape.of
        for parameters in shape.parameters(length)
    ]


def tear(commit: Commit, shape: str) -> bytes:
    """The span of a commit that was cut in this shape.

    Raises:
        ValueError: there is no such shape of such a commit.
    """
    if shape in (BEFORE, AFTER):
        return commit.before if shape == BEFORE else commit.after
    name, *parameters = shape.split(":")
    found = SHAPES.get(name)
    if found is None or commit.kind not in found.of:
        names = [BEFORE, AFTER, *(other.name for other in SHAPES.values() if commit.kind in other.of)]
        raise ValueError(f"no shape {name!r} of {commit.kind.name.lower()}: choose from {', '.join(names)}")
    try:
        return found.contents(commit.before, commit.after, *(_number(text) for text in parameters))
    except TypeError:
        raise ValueError(f"shape {shape!r}: wrong number of parameters") from None


def _number(text: str) -> int:
    """A parameter: not negative, also in hex."""
    number = int(text, 0)
    if number < 0:
        raise ValueError(f"{text}: a parameter is not negative")
    return number


# --- commits -----------------------------------------------------------------------------------------------------


def commits_of(journal: Journal, traces: Iterable[tuple[int, int]], low: int, high: int) -> Iterator[Commit]:
    """Iterate over the commits to the image file that touch [low, high), oldest first.

    `traces` gives for each trace its number and the index of its first change in the journal.
    """
    starts = list(traces)
    ends = [first for _, first in starts[1:]] + [len(journal)]
    for (trace, first), end in zip(starts, ends, strict=True):
        for change in journal.changes(first, end):
            touched = max(change.offset, low) < min(change.offset + change.length, high)
            if change.target & Target.BACKING and touched:
                part = slice(max(low - change.offset, 0), max(min(high - change.offset, change.length), 0))
                yield Commit(
                    trace,
                    change.seq,
                    change.kind,
                    change.offset + part.start - low,
                    change.before[part].tobytes(),
                    change.after[part].tobytes(),
                    bool(change.after_known[part].all()),
                )


def digest_of(commits: Iterable[Commit]) -> str:
    """A name for a series of commits: 12 hex digits, the same for the same guest's writes in any form of trace."""
    digest = blake2b(digest_size=6)
    for commit in commits:
        digest.update(b"%d %d %d " % (commit.trace, commit.seq, commit.offset))
        digest.update(commit.after)
    return digest.hexdigest()


# --- states ------------------------------------------------------------------------------------------------------


class _Keyed:
    """Contents with a key that follows them: a sum over pages, so that a change costs the pages it touches."""

    def __init__(self, contents: bytes) -> None:
        self._contents = Pages(contents)
        self._keys = [_key_of(*page) for page in enumerate(self._contents.pages)]
        self.key = sum(self._keys)

    def put(self, offset: int, data: bytes) -> None:
        """Replace the contents from `offset` on."""
        for number in self._contents.write(offset, data):
            key = _key_of(number, self._contents.pages[number])
            self.key += key - self._keys[number]
            self._keys[number] = key

    def state(self, number: int, commit: Commit, shape: str) -> CutState:
        """The state that the contents are now."""
        return CutState(number, commit, shape, self.key, self._contents.copy())


def _key_of(number: int, page: bytes) -> int:
    return int.from_bytes(blake2b(page, digest_size=16, salt=number.to_bytes(8, "big")).digest(), "big")


def cut_states(before: bytes, commits: Iterable[Commit], *, torn: bool = True) -> Iterator[CutState]:
    """Iterate over the contents that a cut leaves: before the first commit, after each, and with `torn` inside each.

    `before` is the range before the first commit. A torn state that equals the one before or after it is left out.
    """
    flash = _Keyed(before)
    for number, commit in enumerate(commits):
        if number == 0:
            yield flash.state(number, commit, BEFORE)
        if torn and commit.seq >= 0 and commit.known:
            for shape, contents, parameters in _tried(commit.kind, len(commit.after)):
                data = contents(commit.before, commit.after, *parameters)
                if data not in (commit.before, commit.after):
                    flash.put(commit.offset, data)
                    yield flash.state(number, commit, shape)
        flash.put(commit.offset, commit.after)
        yield flash.state(number, commit, AFTER)


def state_after(before: bytes, commits: Iterable[Commit], trace: int, seq: int, shape: str) -> bytes:
    """The contents after a cut in the commit of event `seq` of a trace.

    Raises:
        ValueError: the event commits nothing in this range; there is no such shape of such a commit.
    """
    contents = bytearray(before)
    last = None
    for commit in commits:
        if last is not None and (commit.trace, commit.seq) != (trace, seq):
            break
        if (commit.trace, commit.seq) == (trace, seq):
            last = tear(commit, shape)
            contents[commit.offset : commit.offset + len(last)] = last
        else:
            contents[commit.offset : commit.offset + len(commit.after)] = commit.after
    if last is None:
        raise ValueError(f"event {seq} commits nothing to the store")
    return bytes(contents)
