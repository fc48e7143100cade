"""Registries of parts of one kind (trace formats, exports), each in a module that describes itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Parts by name, in the order in which users see them.

    The module of a part is imported when the part is looked up: names cost nothing at start-up, parts may be heavy.

    Args:
        package: dotted name of the package that has a module for each part.
        constant: in which each of these modules describes its part.
        names: of the parts, which their modules have too.
    """

    def __init__(self, package: str, constant: str, names: Sequence[str]) -> None:
        self._package = package
        self._constant = constant
        self._names = dict.fromkeys(names)

    def __getitem__(self, name: str) -> T:
        """The part of this name; KeyError if there is none."""
        if name not in self._names:
            raise KeyError(name)
        return cast("T", getattr(import_module(f"{self._package}.{name}"), self._constant))

    def __iter__(self) -> Iterator[str]:
        """The names, without importing a module."""
        return iter(self._names)

    def __len__(self) -> int:
        """The number of parts."""
        return len(self._names)
