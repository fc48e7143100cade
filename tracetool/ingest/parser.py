"""One event from one line: the definition of the text format.

Lines are bytes seen as Latin-1, so that no line is undecodable; device names and texts are read as UTF-8 later.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tracetool.errors import InputError
from tracetool.events import CATALOGUE, PREFIX
from tracetool.ingest.foreign import foreign_line
from tracetool.ingest.json_lines import JsonLogDecoder
from tracetool.ingest.line_notes import Notes
from tracetool.ingest.loss_patterns import may_report_loss
from tracetool.ingest.patterns import BY_SOURCE, HOLE, diagnose, usual_arguments
from tracetool.ingest.prefix import Writers, read_prefix, read_prefixes
from tracetool.ingest.text_columns import LINE, Part, part_columns
from tracetool.sanitize import excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tracetool.ingest.trace_reader import Health, TraceMeta

__all__ = ["REPEATS", "TextParser"]

REPEATS = 10_000
"""Events that a folded syslog line stands for at most; more are counted as lost."""

LONGEST_FOREIGN, MOST_FOREIGN = 80, 4096
"""Length and number of lines of other programs that are remembered: a log may repeat one millions of times."""

CANDIDATES = 4
"""Occurrences of `pflash_` that are tried, from the end of a line."""

_REPEATED = re.compile(r"(last )?message repeated (\d{1,18}) times(?:: \[ ?(.*)\])?[ \t\r]*\Z", re.ASCII)
_TAG = re.compile(r"\[(\d{1,9})\]: ?\Z", re.ASCII)
_REST = re.compile(r" wcycle:\d{1,3}[ \t\r]*\Z", re.ASCII)
_HALF_TIME = re.compile(r"(\d{1,9}@[\d.]*:?|\d{4}-\d\d-\d\d[T ][\d:.,]*Z?) ?\Z", re.ASCII)

_NAMELESS = frozenset(kind for kind, variant in enumerate(CATALOGUE) if not variant.named)
KNOWN = 64
"""Pairs of event and device kept for the fast path."""

_IN_HOLE = "zero bytes, as in a hole of the file"

_Event = tuple[int, str, tuple[str, ...]]


class _Known(NamedTuple):
    """An event of a device: its part, a full match of what follows the first colon, and the part's values."""

    place: int
    fullmatch: Callable[[str], re.Match[str] | None]
    values: list[str]


_UNKNOWN = _Known(0, re.compile(r"(?!)").fullmatch, [])


def _match(line: str) -> _Event | None:
    """The event that reaches to the end of a line: its variant's place, what stands before it, its groups.

    A device may be called `pflash_0`, so not only what the last `pflash_` begins can be the event.
    """
    at = len(line)
    for _ in range(CANDIDATES):
        at = line.rfind(PREFIX, 0, at)
        if at < 0:
            break
        name, _, rest = line[at + len(PREFIX) :].partition(" ")
        for fullmatch, kind in BY_SOURCE[name]:
            match = fullmatch(rest)
            if match is not None:
                return kind, line[:at], match.groups()
    return None


def _why_damaged(line: str) -> str | None:
    """The reason for which a line without an event is damage; None for a line of another program."""
    reason = (foreign_line(line) or diagnose(line)) if PREFIX in line else None
    if reason is None and _REST.search(line):
        return "event without its beginning"
    return _IN_HOLE if reason is None and HOLE in line else reason


def _is_cut(line: str, before: str) -> bool:
    """True if a last line without newline ends where an event would begin, or before that.

    `before` is the prefix of the last event: if that is a time, the beginning of a time begins an event too.
    """
    shape = read_prefix(before).shape
    if shape != "bare" and (_HALF_TIME.match(line) or before.startswith(line) or read_prefix(line).shape == shape):
        return True
    for length in range(1, len(PREFIX)):
        head = line[:-length]
        if PREFIX.startswith(line[-length:]) and (not head or read_prefix(head).shape != "bare"):
            return True
    return False


class TextParser:
    """Parser of lines: counts into `health` and `meta`, and returns the events since the last `take`.

    Args:
        health: counts are added to it.
        meta: shapes and clocks are added to it.
        strict: raise on the first damaged line.
    """

    def __init__(self, health: Health, meta: TraceMeta, *, strict: bool = False) -> None:
        self.notes = Notes()
        self._health = health
        self._meta = meta
        self._strict = strict
        self._folded: tuple[int, _Event] | None = None
        self._last = 0, ""
        self._json_lines = JsonLogDecoder()
        self._foreign: set[str] = set()
        self._writers = Writers()
        self._known: dict[str, _Known] = {}
        self._parts: list[Part] = []
        self._places: dict[tuple[int, str | None], int] = {}
        self._clear()

    def _clear(self) -> None:
        self._order: list[int] = []
        self._heads: list[str] = []
        self._where: list[int] = []
        for part in self._parts:
            part.values.clear()

    def parse(self, text: str, first: int) -> None:
        """Parse whole lines, each with its newline; the first has the number `first` (1-based).

        Raises:
            InputError: in strict mode, on the first damaged line.
        """
        lines = text.split("\n")
        del lines[-1]
        if self._foreign.issuperset(lines):
            self._health.other += len(lines)
        else:
            self._parse(enumerate(lines, first), plain="]:" not in text and HOLE not in text)

    def _parse(self, lines: Iterable[tuple[int, str]], *, plain: bool) -> None:
        """Parse lines, given with their numbers; in those of a `plain` text nothing odd stands before an event."""
        order, heads, where, known = self._order, self._heads, self._where, self._known
        for number, line in lines:
            head, _, tail = line.partition(PREFIX)
            key, _, arguments = tail.partition(":")
            place, fullmatch, values = known.get(key, _UNKNOWN)
            match = fullmatch(arguments)
            if match is None or not (plain or ("]:" not in head and HOLE not in head)):
                self._parse_line(number, line)
            else:
                order.append(place)
                heads.append(head)
                where.append(number)
                values += match.groups()

    def _parse_line(self, number: int, line: str) -> None:
        """Parse a line of any form."""
        if line in self._foreign:
            self._health.other += 1
            return
        head, found, tail = line.rpartition(PREFIX)
        name, _, rest = tail.partition(" ")
        for fullmatch, kind in BY_SOURCE[name] if found else ():  # noqa: B007
            match = fullmatch(rest)
            if match is not None:
                break
        else:
            self._leave(number, line)
            return
        event = kind, head, match.groups()
        if head and (PREFIX in head or "]:" in head or HOLE in head):
            self._look_closer(number, line, event)
        else:
            self._add(number, event)
            self._learn(kind, tail, match)

    def _learn(self, kind: int, tail: str, match: re.Match[str]) -> None:
        """Remember event and device by the text before the first colon, for the fast path."""
        variant = CATALOGUE[kind]
        device = match[1] if variant.named else None
        before, fullmatch = usual_arguments(kind)
        key, colon, _ = tail.partition(":")
        if colon and key == f"{variant.source} {device or before}" and len(self._known) < KNOWN:
            place = self._place(kind, device)
            self._known[key] = _Known(place, fullmatch, self._parts[place].values)

    def _place(self, kind: int, device: str | None) -> int:
        """The index of a part, which is added if it is new."""
        if (kind, device) not in self._places:
            self._places[kind, device] = len(self._parts)
            self._parts.append(Part(kind, device))
        return self._places[kind, device]

    def finish(self, number: int, line: str, *, cut: bool) -> None:
        """Parse the last line of a file, which has no newline. One that is `cut` may look like another event."""
        if cut and PREFIX in line:
            self._damage(number, "cut where the packed stream ends", line)
            return
        other = self._health.other
        self._parse([(number, line)], plain=False)
        if self._health.other > other and _is_cut(line, self._last_event()[1]):
            self._health.other = other
            self._damage(number, "cut where an event begins", line)

    def end(self) -> None:
        """Parse the texts that are still incomplete, at the end of the trace.

        Raises:
            InputError: it has events of several QEMUs that cannot be told apart.
        """
        for text in self._json_lines.rest():
            self._health.other -= 1  # as which it was counted where it stands
            self._parse_inner(self._health.lines, [text])
        self._writers.see(self._heads)
        if self._writers.two:
            names = " and ".join(map(excerpt, self._writers.two))
            raise InputError(f"{self._meta.name}: holds events of {names}, two QEMUs; give a log of each")

    def pass_over(self, number: int, head: str) -> None:
        """Note an event that the scanner read: its line number, and its prefix."""
        self._last = max(self._last, (number, head))
        self._writers.unmarked()

    def _last_event(self) -> tuple[int, str]:
        """Line number and prefix of the last event."""
        return max(self._last, (self._where[-1], self._heads[-1])) if self._where else self._last

    def overlong(self, number: int, head: str, *, marked: bool) -> None:
        """Count a line that is too long to be kept."""
        self.notes.read(number, head)
        if marked or HOLE in head:
            self._damage(number, "line of more than 1 MiB" if marked else _IN_HOLE, head)
        else:
            self._health.other += 1

    @property
    def waiting(self) -> bool:
        """True if there are events since the last `take`."""
        return bool(self._order)

    def take(self) -> pl.DataFrame:
        """The events since the last call: `line` and columns of `EVENTS_SCHEMA`, without trace, boot and seq."""
        prefixes = read_prefixes(self._heads)
        self._writers.see(self._heads)
        if not prefixes.pure:
            self._note_losses_before_events()
        kinds = {self._parts[place].kind for place in set(self._order)}
        self._meta.add(prefixes.shapes, prefixes.clocks, nameless=not _NAMELESS.isdisjoint(kinds))
        frame = pl.DataFrame(
            [
                pl.Series(LINE, self._where, dtype=pl.Int64),
                prefixes.times,
                prefixes.threads,
                prefixes.processes,
                *part_columns(self._order, self._parts),
            ]
        )
        self._last = self._last_event()
        self._clear()
        return frame

    def _note_losses_before_events(self) -> None:
        """Note a loss that an event follows on the same line."""
        if may_report_loss("\n".join(self._heads)):
            for number, head in zip(self._where, self._heads, strict=True):
                self.notes.read(number - 1, head)

    def _add(self, number: int, event: _Event, times: int = 1) -> None:
        kind, head, groups = event
        place = self._place(kind, None)
        self._order += [place] * times
        self._heads += [head] * times
        self._where += [number] * times
        self._parts[place].values += groups * times

    def _look_closer(self, number: int, line: str, event: _Event) -> None:
        """A line with an event that may also hold the pieces of another, or come from a syslog."""
        head = event[1]
        if "repeated" in head and self._unfold(number, line):
            return
        self._add(number, event)
        self._folded = (number, event)
        if PREFIX in head:
            self._damage(number, "pieces of several events in one line", line)
        elif HOLE in head:
            self._damage(number, _IN_HOLE, line)

    def _leave(self, number: int, line: str) -> None:
        """A line without an event."""
        if "repeated" in line and self._unfold(number, line):
            return
        wrapped = self._json_lines.decode(number, line) if "{" in line or "}" in line else None
        if wrapped is not None and not wrapped.damage:
            self._parse_inner(number, wrapped.lines)
            return
        event = _match(line) if line.count(PREFIX) > 1 else None
        if event:
            self._look_closer(number, line, event)
            return
        noted = self.notes.read(number, line)
        reason = wrapped.damage if wrapped else _why_damaged(line)
        if reason:
            self._damage(number, reason, line)
            return
        self._health.other += 1
        if not (noted or "repeated" in line or "{" in line or "}" in line) and len(line) <= LONGEST_FOREIGN:
            if len(self._foreign) == MOST_FOREIGN:
                self._foreign.clear()
            self._foreign.add(line)

    def _parse_inner(self, number: int, lines: list[str]) -> None:
        """Parse the lines that one line holds, which counts once: as damaged, as understood or as something else."""
        health, events = self._health, len(self._order)
        other, damaged, shown = health.other, health.damaged, len(health.first_damaged)
        self._parse(((number, line) for line in lines), plain=False)
        hurt = health.damaged > damaged
        health.damaged = damaged + hurt
        del health.first_damaged[shown + 1 :]
        health.other = other + (not hurt and len(self._order) == events)

    def _unfold(self, number: int, line: str) -> bool:
        """Add the events of a syslog line for repeated messages; False for any other line."""
        folded = _REPEATED.search(line)
        event = self._repeated(number, line[: folded.start()], folded) if folded else None
        if folded is None or event is None:
            return False
        times = int(folded[2])
        self._add(number, event, min(times, REPEATS))
        self._folded = (number, event)
        if times > REPEATS:
            self.notes.lose(number, times - REPEATS)
        return times > 0

    def _repeated(self, number: int, head: str, folded: re.Match[str]) -> _Event | None:
        if folded[3] is not None:
            inner = _match(folded[3])
            return (inner[0], head + inner[1], inner[2]) if inner else None
        if self._folded is None or self._folded[0] != number - 1:
            return None
        prefix = read_prefix(self._folded[1][1])
        tag = _TAG.search(head)
        same = prefix.shape == "syslog" and (tag is None or int(tag[1]) == prefix.thread)
        return self._folded[1] if same else None

    def _damage(self, number: int, reason: str, line: str) -> None:
        if self._strict:
            place = f"{self._meta.name}: line {number}: {reason}: {excerpt(line)}"
            raise InputError(f"{place}; without --strict such lines are counted and left out")
        self._health.damage(number, reason, excerpt(line))
