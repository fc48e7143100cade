"""Colours of the map: a ramp that gets lighter step by step, and so can be told apart with any colour vision."""

from __future__ import annotations

from rich.style import Style

__all__ = ["CELL_STYLES", "ramp"]

# Ref: the end and middle colours of "cividis" (Nuñez, Anderton and Renslow 2018), made for deuteranomaly.
_DARK = ("#2c4a7c", "#5a6478", "#8a8779", "#c2ac62", "#fde945")
_LIGHT = ("#c9b96a", "#a1966f", "#757577", "#465374", "#00224e")

CELL_STYLES = ("cursor", "range", "moment")


def ramp(*, dark: bool) -> tuple[Style, ...]:
    """The style of each level, that of nothing first."""
    return (Style(dim=True), *(Style(color=colour) for colour in (_DARK if dark else _LIGHT)))
