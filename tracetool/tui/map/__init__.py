"""The map: the flash as cells, coloured by what was done there."""

from tracetool.tui.map.view import MapView

__all__ = ["MapView"]
