"""A block of lines that all hold one usual event each, matched in one go per event.

It only saves time: the patterns are those that define the format, and a block that is not plain is left to be
parsed line by line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from tracetool.events import PREFIX
from tracetool.ingest.patterns import BLOCKS, HOLE

__all__ = ["Block", "match_block"]

# Names of any length would make it quadratic for a line of nothing but `pflash_`.
_EVENT = re.compile(PREFIX + r"([a-z0-9_]{1,64}) ([^\n]*)\n", re.ASCII)


@dataclass(frozen=True, slots=True)
class Block:
    """The events of a plain block.

    Attributes:
        kinds: for each line, the place of its event's variant in the catalogue.
        heads: for each line, what stands before the event.
        groups: for each kind, the groups its pattern matched, of all its events in order, flat.
    """

    kinds: list[int]
    heads: list[str]
    groups: dict[int, list[str]]


def _match_alike(source: str, rests: list[str]) -> tuple[int, list[str]] | None:
    """The variant that all these lines of one event are written in, and its flat groups."""
    text = "\n".join([*rests, ""])
    for pattern, kind in BLOCKS[source]:
        found = pattern.split(text)
        step = pattern.groups + 1
        if len(found) == len(rests) * step + 1 and not any(found[::step]):
            del found[::step]
            return kind, found
    return None


def match_block(text: str) -> Block | None:
    """The events of the lines, or None if not every line is an event in its usual form with nothing odd before it.

    Args:
        text: whole lines, each with its newline.
    """
    fields = _EVENT.split(text)
    heads, names = fields[:-1:3], fields[1::3]
    before = "".join(heads)
    plain = fields[-1] == "" and "\n" not in before and "]:" not in before and text.count(PREFIX) == len(names)
    if not plain or HOLE in text:
        return None
    rests: defaultdict[str, list[str]] = defaultdict(list)
    for name, rest in zip(names, fields[2::3], strict=True):
        rests[name].append(rest)
    kinds: dict[str, int] = {}
    groups: dict[int, list[str]] = {}
    for name, each in rests.items():
        alike = _match_alike(name, each)
        if alike is None:
            return None
        kinds[name], groups[alike[0]] = alike
    return Block([kinds[name] for name in names], heads, groups)
