"""Registries of parts of one kind (trace formats, exports), each in a module that describes itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TypeVar, cast

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Parts by name, in the order in which users see them.

    The module of a part is imported when the part is looked up: names cost nothing at start-up, parts may be heavy.

    Args:
        package: dotted name of the package that has a module for each part.
        constant: in which each of these modules describes its part.
        about: what each part is, in a few words for lists; the names are those of the modules.
    """

    def __init__(self, package: str, constant: str, about: Mapping[str, str]) -> None:
        self._package = package
        self._constant = constant
        self.about = about

    @property
    def listed(self) -> str:
        """Names and what they are, for help and documents."""
        return ", ".join(f"{name} ({about})" for name, about in self.about.items())

    def __getitem__(self, name: str) -> T:
        """The part of this name; KeyError if there is none."""
        if name not in self.about:
            raise KeyError(name)
        return cast("T", getattr(import_module(f"{self._package}.{name}"), self._constant))

    def __iter__(self) -> Iterator[str]:
        """The names, without importing a module."""
        return iter(self.about)

    def __len__(self) -> int:
        """The number of parts."""
        return len(self.about)
