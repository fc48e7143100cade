"""The text format of every event, as regular expressions made from the catalogue.

A pattern matches the text after `pflash_NAME `, and only if each number fits its column. Anything else is no event;
`diagnose` names the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from tracetool.events import ACCESS_SIZES, CATALOGUE, PREFIX, READABLE, Variant

if TYPE_CHECKING:
    from tracetool.events import Argument

__all__ = ["BY_SOURCE", "HOLE", "SOURCES", "USUAL_DIGITS", "diagnose", "usual_arguments"]

HEX = 16
_I63 = r"[0-9a-f]{1,15}|0*[0-7]?[0-9a-f]{15}"
_U8 = r"\d{1,2}|1\d\d|2[0-4]\d|25[0-5]"
_Ranges = dict[tuple[str, int], str]
_IN_RANGE: _Ranges = {
    ("offset", 16): _I63,
    ("end", 16): _I63,
    ("length", 16): _I63,
    ("region", 16): _I63,
    ("value", 16): r"[0-9a-f]{1,8}",
    ("value", 10): r"\d{1,9}",
    ("counter", 16): r"[0-9a-f]{1,16}",
    ("cmd", 16): r"[0-9a-f]{1,2}",
    ("size", 10): _U8,
    ("wcycle", 10): _U8,
    ("text", 16): r"[0-9a-f]{1,16}",
    ("text", 10): r"\d{1,9}",
    ("ro", 10): r"[01]",
}
_USUAL: _Ranges = {key: regex.split("|")[0] for key, regex in _IN_RANGE.items()}
USUAL_DIGITS: dict[tuple[str, int], int] = {
    key: int(regex.partition(",")[2].removesuffix("}")) if "," in regex else 1 for key, regex in _USUAL.items()
}
"""How many digits a number of a column and radix has at most in the usual form."""

_ANY: _Ranges = {key: r"-?[0-9a-f]+" if key[1] == HEX else r"-?\d+" for key in _IN_RANGE}
_DEVICE = r"([^\x00-\x1f\x7f]{1,255}?): "
_END = r"[ \t\r]*"

_CANDIDATE = re.compile(PREFIX + r"([a-z0-9_]*)( ?)", re.ASCII)
_ARGUMENTS = re.compile(r"\S+: .|\w+:(?:0x)?[0-9a-f]", re.ASCII)
CANDIDATES = 16
"""Occurrences of `pflash_` that are tried, from the beginning of a line."""

HOLE = "\0" * 16
"""Zero bytes, in a hole of the file: the host went down, or the file was cut while QEMU wrote to it."""

_FUNCTIONS = ("cfi01_", "cfi02_")


def _group(variant: Variant, argument: Argument, ranges: _Ranges) -> str:
    if not argument.radix:
        return f"({'|'.join(map(re.escape, variant.texts))})"
    number = ranges[argument.column, argument.radix]
    if ranges is not _ANY and variant.accesses and argument.column == "size":
        number = "|".join(map(str, ACCESS_SIZES))
    if ranges is not _ANY and argument.sizes:
        number = "|".join(f"[0-9a-f]{{{2 * size}}}" for size in ACCESS_SIZES)
    prefix = "0x" if argument.conversion.startswith("0x") else ""
    return f"({prefix}(?:{number}))" if argument.column == "text" else f"{prefix}({number})"


def _arguments(variant: Variant, ranges: _Ranges) -> str:
    groups = [_group(variant, argument, ranges) for argument in variant.arguments]
    return "".join(map("".join, zip(map(re.escape, variant.pieces), [*groups, ""], strict=True))) + _END


_Fullmatch = Callable[[str], re.Match[str] | None]
_Matchers = tuple[tuple[_Fullmatch, int], ...]


def _matchers(source: str, ranges: _Ranges) -> _Matchers:
    own = [(kind, CATALOGUE[kind]) for kind in READABLE[source]]
    texts = [(kind, (_DEVICE if variant.named else "") + _arguments(variant, ranges)) for kind, variant in own]
    return tuple((re.compile(text, re.ASCII).fullmatch, kind) for kind, text in texts)


@cache
def usual_arguments(kind: int) -> tuple[str, _Fullmatch]:
    """The usual form of an event: numbers of the usual length, and a device name without a colon.

    Args:
        kind: place of a variant in the catalogue.

    Returns:
        What precedes the first colon behind the event's name, where that is not the device; a full match of what
        follows the colon. Its groups are those of `BY_SOURCE`, without the device. What it takes, those take alike.
    """
    variant = CATALOGUE[kind]
    text = _arguments(variant, _USUAL)
    before, colon, after = ("", ":", f" {text}") if variant.named else text.partition(":")
    return before, re.compile(after if colon else r"(?!)", re.ASCII).fullmatch


SOURCES = frozenset(READABLE)
"""The names of events, without `pflash_`."""


class _Patterns(dict[str, _Matchers]):
    """Patterns by the event's name, each made when it is first asked for: a trace holds few of the events.

    No name that the catalogue does not have is kept.
    """

    def __init__(self, ranges: _Ranges) -> None:
        super().__init__()
        self._ranges = ranges

    def __missing__(self, name: str) -> _Matchers:
        if name not in SOURCES:
            return ()
        self[name] = _matchers(name, self._ranges)
        return self[name]


BY_SOURCE = _Patterns(_IN_RANGE)
"""By name in the trace: full matches of every form, each with the place of its variant in the catalogue."""

_LOOSE = _Patterns(_ANY)


def _explain(name: str, spaced: bool, rest: str) -> str | None:
    if name in SOURCES:
        if not spaced:
            return None if rest else "event without its arguments"
        loose = any(fullmatch(rest) for fullmatch, _ in _LOOSE[name])
        return "value out of range" if loose else "arguments do not match the event"
    if not rest and any(known.startswith(name) for known in SOURCES):
        return "cut inside the event's name"
    unknown = spaced and not name.startswith(_FUNCTIONS) and _ARGUMENTS.match(rest)
    return "unknown pflash event" if unknown else None


def diagnose(line: str) -> str | None:
    """The reason for which a line without a match is a damaged event; None for other lines.

    Messages hold names such as `pflash_cfi01` or, from QEMU's own functions, `pflash_write: ...`; those are no events.
    """
    reason = None
    for candidate in islice(_CANDIDATE.finditer(line), CANDIDATES):
        rest = line[candidate.end() :].rstrip(" \t\r")
        reason = _explain(candidate[1], bool(candidate[2]), rest) or reason
    return reason
