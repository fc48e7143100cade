"""QEMU's two ways to write options: `key=value,...` with commas doubled, and JSON. Both become flat dotted keys."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tracetool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["doubled", "is_on", "parse", "parse_json", "split"]

_PART = re.compile(r"((?:[^,]|,,)*)(?:,|$)")
_BOOLEANS = {"on": True, "yes": True, "true": True, "y": True, "off": False, "no": False, "false": False, "n": False}


def doubled(text: str) -> str:
    """Write a value so that QEMU takes its commas as part of it."""
    return text.replace(",", ",,")


def split(text: str) -> list[str]:
    """Take `a=1,b=2,,3` apart into `a=1` and `b=2,3`."""
    parts, position = [], 0
    while position <= len(text):
        match = _PART.match(text, position)
        if match is None:
            raise AssertionError("the pattern takes nothing, too")
        parts.append(match[1].replace(",,", ","))
        if match.end() == match.end(1):
            break
        position = match.end()
    return parts


def parse(text: str, implied: str | None = None) -> dict[str, str]:
    """Read the value of an option; of a key that stands twice the last counts.

    Args:
        text: `key=value,...`, or a JSON object.
        implied: the key of a first part that has none.

    Raises:
        UsageError: it is JSON that cannot be read.
    """
    if text.lstrip().startswith("{"):
        return parse_json(text)
    found: dict[str, str] = {}
    for index, part in enumerate(split(text)):
        key, equals, value = part.partition("=")
        if not equals and index == 0 and implied is not None:
            found[implied] = part
        elif part:
            found[key] = value if equals else "on"
    return found


def parse_json(text: str) -> dict[str, str]:
    """Read a JSON object as flat keys: `{"file": {"filename": "a"}}` is `file.filename=a`.

    Raises:
        UsageError: it is no JSON object.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"is not JSON ({error}); correct it") from error
    if not isinstance(document, dict):
        raise UsageError("is no JSON object; give one")
    return dict(_flat(document, ""))


def _flat(value: Any, key: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  JSON
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{key}.{index}")
    elif isinstance(value, bool):
        yield key, "on" if value else "off"
    else:
        yield key, str(value)


def is_on(options: dict[str, str], key: str) -> bool:
    """Whether a switch is on; off where it is not given.

    Raises:
        UsageError: it is neither on nor off.
    """
    text = options.get(key, "off")
    if text not in _BOOLEANS:
        raise UsageError(f"{key}={text} is neither on nor off")
    return _BOOLEANS[text]
