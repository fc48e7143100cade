"""Two themes whose colours can be told apart with any kind of colour vision: blue, orange, vermilion, bluish green."""

from __future__ import annotations

from textual.theme import Theme

__all__ = ["DARK", "LIGHT", "THEMES"]

# Ref: Okabe and Ito, "Color Universal Design": the palette, lightened or darkened for the background.
DARK = Theme(
    name="tracetool-dark",
    primary="#56b4e9",
    secondary="#3b6ea5",
    accent="#7cc4f0",
    warning="#e6a020",
    error="#f0744a",
    success="#35b892",
    foreground="#dcdfe4",
    background="#15181e",
    surface="#15181e",
    panel="#232831",
    dark=True,
)
LIGHT = Theme(
    name="tracetool-light",
    primary="#00629b",
    secondary="#7fb2d9",
    accent="#00558a",
    warning="#9a5b00",
    error="#b83a0c",
    success="#00704f",
    foreground="#1d2128",
    background="#fafaf8",
    surface="#fafaf8",
    panel="#e6e8ea",
    dark=False,
)
THEMES = (DARK, LIGHT)
