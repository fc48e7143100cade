"""JSON into dataclasses: every field without a default must be there, and all be of their types."""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from tracetool.runs.run import SCHEMA, Run

__all__ = ["FormError", "instance", "parse_run"]

T = TypeVar("T")

_MOST = (1 << 63) - 1  # what columns hold


class FormError(ValueError):
    """The document does not describe what it should; says where and why."""


def parse_run(text: str) -> Run:
    """Read the contents of `run.json`.

    Raises:
        FormError: it is not JSON, of another version, or lacks something.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormError(f"is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise FormError("holds no object")
    schema = document.get("schema")
    if schema != SCHEMA:
        raise FormError(f"schema is {schema!r}, and this program reads {SCHEMA!r}")
    return instance(Run, document)


def instance(kind: type[T], value: dict[str, Any], place: str = "") -> T:
    """Make a dataclass from a JSON object; keys that it has no field for are passed over.

    Its fields are strings, numbers of at least 0, truth values, dataclasses, tuples of one of them, or optional.

    Raises:
        FormError: something is missing, or of another type.
    """
    types = get_type_hints(kind)
    known = {
        field.name: _value(types[field.name], value[field.name], f"{place}{field.name}")
        for field in fields(kind)  # type: ignore[arg-type]
        if _given(field, value, place)
    }
    return kind(**known)


def _given(field: Field[Any], value: dict[str, Any], place: str) -> bool:
    if field.name not in value and field.default is MISSING:
        raise FormError(f"{place}{field.name} is missing")
    return field.name in value


def _value(kind: Any, value: Any, place: str) -> Any:  # noqa: ANN401  whatever the field's type is
    if isinstance(kind, UnionType):
        return _optional(kind, value, place)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise FormError(f"{place} is no list")
        return tuple(_value(get_args(kind)[0], entry, f"{place}[{index}]") for index, entry in enumerate(value))
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise FormError(f"{place} is no object")
        return instance(kind, value, f"{place}.")
    return _plain(kind, value, place)


def _optional(kind: UnionType, value: Any, place: str) -> Any:  # noqa: ANN401
    if value is None:
        return None
    (inner,) = (entry for entry in get_args(kind) if entry is not NoneType)
    return _value(inner, value, place)


def _plain(kind: type, value: object, place: str) -> object:
    """A string, a number or a truth value; JSON's truth values are no numbers."""
    fits = (int, float) if kind is float else kind
    if not isinstance(value, fits) or (isinstance(value, bool) and kind is not bool):
        raise FormError(f"{place} is {value!r}, which is no {kind.__name__}")
    if isinstance(value, int) and not 0 <= value <= _MOST and kind is int:
        raise FormError(f"{place} is {value}")
    return value
