"""Parser of QEMU's two option syntaxes, `key=value,...` with doubled commas and JSON, into flat dotted keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tracetool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["doubled", "is_on", "parse", "parse_json", "split"]

_BOOLEANS = {"on": True, "yes": True, "true": True, "y": True, "off": False, "no": False, "false": False, "n": False}


def doubled(text: str) -> str:
    """Escape the commas of a value by doubling them."""
    return text.replace(",", ",,")


def split(text: str) -> list[str]:
    """Split `a=1,b=2,,3` into `a=1` and `b=2,3`; no argument contains a NUL, which marks doubled commas."""
    return [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]


def parse(text: str, implied: str | None = None) -> dict[str, str]:
    """Parse the value of an option; of a repeated key the last counts.

    Args:
        text: `key=value,...`, or a JSON object.
        implied: key of a first part without one.

    Raises:
        UsageError: invalid JSON.
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
    """Parse a JSON object to flat keys: `{"file": {"filename": "a"}}` is `file.filename=a`.

    Raises:
        UsageError: not a JSON object.
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
    """Return the value of a switch, off by default.

    Raises:
        UsageError: it is neither on nor off.
    """
    text = options.get(key, "off")
    if text not in _BOOLEANS:
        raise UsageError(f"{key}={text} is neither on nor off")
    return _BOOLEANS[text]
