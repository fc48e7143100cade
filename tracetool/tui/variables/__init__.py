"""The variables: the UEFI variable store at any moment of the trace."""

from __future__ import annotations

from tracetool.tui.variables.view import VariablesView
from tracetool.tui.view import View

__all__ = ["VIEW", "VariablesView"]

VIEW = View("6", "Variables", "Show the UEFI variables at any moment, and the history of each.", VariablesView)
