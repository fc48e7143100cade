"""Load JSON documents with a schema into dataclasses, checked for missing fields and types."""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

__all__ = ["DocumentError", "instance", "load_document"]

T = TypeVar("T")

_MOST = (1 << 63) - 1  # the largest number of an int64 column


class DocumentError(ValueError):
    """Invalid document; the message names the place and the reason."""


def load_document(text: str, schema: str) -> dict[str, Any]:
    """Decode a document whose `schema` is this.

    Raises:
        DocumentError: it is not JSON, no object, or of another schema.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise DocumentError("holds no object")
    if document.get("schema") != schema:
        raise DocumentError(f"schema is {document.get('schema')!r}, and this program reads {schema!r}")
    return document


def instance(kind: type[T], value: dict[str, Any], place: str = "") -> T:
    """Make a dataclass from a JSON object; unknown keys are ignored.

    Fields are strings, numbers of at least 0, truth values, dataclasses, tuples or lists of one of them, or optional.

    Raises:
        DocumentError: something is missing, or of another type.
    """
    types = get_type_hints(kind)
    known = {
        field.name: _value(types[field.name], value[field.name], f"{place}{field.name}")
        for field in fields(kind)  # type: ignore[arg-type]
        if _given(field, value, place)
    }
    return kind(**known)


def _given(field: Field[Any], value: dict[str, Any], place: str) -> bool:
    if field.name not in value and field.default is field.default_factory is MISSING:
        raise DocumentError(f"{place}{field.name} is missing")
    return field.name in value


def _value(kind: Any, value: Any, place: str) -> Any:  # noqa: ANN401  whatever the field's type is
    if isinstance(kind, UnionType):
        (inner,) = (entry for entry in get_args(kind) if entry is not NoneType)
        return None if value is None else _value(inner, value, place)
    origin = get_origin(kind)
    if origin in (tuple, list):
        if not isinstance(value, list):
            raise DocumentError(f"{place} is no list")
        return origin(_value(get_args(kind)[0], entry, f"{place}[{index}]") for index, entry in enumerate(value))
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise DocumentError(f"{place} is no object")
        return instance(kind, value, f"{place}.")
    return _plain(kind, value, place)


def _plain(kind: type, value: object, place: str) -> object:
    """A string, a number or a truth value; JSON's truth values are no numbers."""
    fits = (int, float) if kind is float else kind
    if not isinstance(value, fits) or (isinstance(value, bool) and kind is not bool):
        raise DocumentError(f"{place} is {value!r}, which is no {kind.__name__}")
    if isinstance(value, int) and not 0 <= value <= _MOST and kind is int:
        raise DocumentError(f"{place} is {value}")
    return value
