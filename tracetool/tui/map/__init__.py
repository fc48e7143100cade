"""The map: the flash as a heat map of its operations."""

from __future__ import annotations

from tracetool.tui.map.view import MapView
from tracetool.tui.view import View

__all__ = ["VIEW", "MapView"]

VIEW = View("3", "Map", "Show the flash as a heat map of its operations.", MapView)
