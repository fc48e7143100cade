"""The text format of every event, as regular expressions made from the catalogue.

A pattern takes what follows `pflash_NAME `, and only where each number fits its column: what does not match is
not an event, and `diagnose` says why.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracetool.events import CATALOGUE, PREFIX, Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.events import Argument

__all__ = ["BY_SOURCE", "diagnose", "is_cut"]

_U8 = r"\d{1,2}|1\d\d|2[0-4]\d|25[0-5]"
_I63_HEX = r"[0-9a-f]{1,15}|0*[0-7]?[0-9a-f]{15}"
_IN_RANGE: dict[tuple[str, int], str] = {
    ("offset", 16): _I63_HEX,
    ("end", 16): _I63_HEX,
    ("length", 16): _I63_HEX,
    ("region", 16): _I63_HEX,
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
_ANY = {16: r"-?[0-9a-f]+", 10: r"-?\d+"}
_STRING = r"([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])"
_DEVICE = r"([^\x00-\x1f\x7f]+?): "
_END = r"[ \t\r]*"

_CANDIDATE = re.compile(PREFIX + r"([a-z0-9_]*)( ?)", re.ASCII)
_ARGUMENTS = re.compile(r"\S+: .|\w+:(?:0x)?[0-9a-f]", re.ASCII)
_FUNCTIONS = ("cfi01_", "cfi02_")


def _group(argument: Argument, ranges: dict[tuple[str, int], str] | None) -> str:
    if not argument.radix:
        return _STRING
    number = ranges[argument.column, argument.radix] if ranges else _ANY[argument.radix]
    prefix = "0x" if argument.conversion.startswith("0x") else ""
    return f"({prefix}(?:{number}))" if argument.column == "text" else f"{prefix}({number})"


def _pattern(variant: Variant, ranges: dict[tuple[str, int], str] | None) -> re.Pattern[str]:
    groups = [_group(argument, ranges) for argument in variant.arguments]
    pieces = map(re.escape, variant.pieces)
    text = "".join(map("".join, zip(pieces, [*groups, ""], strict=True)))
    return re.compile((_DEVICE if variant.named else "") + text + _END, re.ASCII)


Match = "Callable[[str], re.Match[str] | None]"

BY_SOURCE: dict[str, tuple[tuple[Callable[[str], re.Match[str] | None], int], ...]] = {}
"""By name in the trace: for each variant, newest first, its full match and its place in the catalogue."""

_LOOSE: dict[str, list[re.Pattern[str]]] = {}

for _kind, _each in enumerate(CATALOGUE):
    _known = BY_SOURCE.get(_each.source, ())
    BY_SOURCE[_each.source] = (*_known, (_pattern(_each, _IN_RANGE).fullmatch, _kind))
    _LOOSE.setdefault(_each.source, []).append(_pattern(_each, None))


def _explain(name: str, spaced: bool, rest: str) -> str | None:
    if name in BY_SOURCE:
        if not spaced:
            return None if rest else "event without its arguments"
        loose = any(pattern.fullmatch(rest) for pattern in _LOOSE[name])
        return "value out of range" if loose else "arguments do not match the event"
    if not rest and any(known.startswith(name) for known in BY_SOURCE):
        return "cut inside the event's name"
    unknown = spaced and not name.startswith(_FUNCTIONS) and _ARGUMENTS.match(rest)
    return "unknown pflash event" if unknown else None


def diagnose(line: str) -> str | None:
    """Why a line that no pattern takes is a damaged event; None if it speaks of something else.

    Messages hold names such as `pflash_cfi01` or, from QEMU's own functions, `pflash_write: ...`; those are no events.
    """
    reason = None
    for candidate in _CANDIDATE.finditer(line):
        rest = line[candidate.end() :].rstrip(" \t\r")
        reason = _explain(candidate[1], bool(candidate[2]), rest) or reason
    return reason


def is_cut(line: str) -> bool:
    """Whether a last line without newline ends in the beginning of `pflash_`, right where an event would begin."""
    end = line[max(line.rfind(" "), line.rfind(":")) + 1 :]
    return bool(end) and PREFIX.startswith(end)
