"""The registries of views and of all actions: a package here that declares a `VIEW` is a view of the app."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from tracetool import tui
from tracetool.tui import actions

if TYPE_CHECKING:
    from tracetool.tui.view import View

__all__ = ["ACTIONS", "VIEWS"]

_PACKAGES = [import_module(f"{tui.__name__}.{module.name}") for module in iter_modules(tui.__path__) if module.ispkg]

VIEWS: tuple[View, ...] = tuple(sorted((package.VIEW for package in _PACKAGES), key=lambda view: view.key))
"""In the order of their tabs; the first is shown first."""

ACTIONS = (*(view.action for view in VIEWS), *actions.ACTIONS)
"""In the order of help and documentation."""
