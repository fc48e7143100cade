"""Colours of the map: a ramp that gets lighter step by step, and so can be told apart with any colour vision."""

from __future__ import annotations

__all__ = ["commanded", "ramp"]

# Ref: the end and middle colours of "cividis" (Nuñez, Anderton and Renslow 2018), made for deuteranomaly.
_DARK = ("#2c4a7c", "#5a6478", "#8a8779", "#c2ac62", "#fde945")
_LIGHT = ("#c9b96a", "#a1966f", "#757577", "#465374", "#00224e")


def ramp(*, dark: bool) -> tuple[str, ...]:
    """The colour of each level from 1 on."""
    return _DARK if dark else _LIGHT


def commanded(*, dark: bool) -> str:
    """The colour of what is not counted: between that of the background and that of level 1."""
    return "#434956" if dark else "#d0d1cb"
