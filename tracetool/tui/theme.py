"""Two themes whose colours can be told apart with any kind of colour vision: blue, orange, vermilion, bluish green."""

from __future__ import annotations

from dataclasses import replace

from textual.theme import Theme

__all__ = ["DARK", "FEW_COLOURS", "LIGHT", "THEMES", "in_sixteen_colours"]

FEW_COLOURS = (None, "standard")
"""Colour systems of terminals with sixteen colours or none, by rich's names."""

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
    variables={"panel-lighten-2": "#c9d3dc"},  # lighter than the panel is white: nothing on this ground
)
THEMES = (DARK, LIGHT)

# A colour of the themes above is between two of the sixteen, and the nearest is a grey.
_SIXTEEN = {
    DARK.name: {"error": "#ff5555", "warning": "#ffff55", "success": "#55ff55", "primary": "#55ffff"},
    LIGHT.name: {"error": "#aa0000", "warning": "#aa5500", "success": "#00aa00", "primary": "#0000aa"},
}


def in_sixteen_colours(theme: Theme) -> Theme:
    """The theme for a terminal of sixteen colours, all of them among these."""
    colours = _SIXTEEN[theme.name]
    ground, ink, panel = ("#000000", "#aaaaaa", "#555555") if theme.dark else ("#ffffff", "#000000", "#aaaaaa")
    row = "#0000aa" if theme.dark else "#aaaaaa"  # a lighter grey is that of the text
    texts = {f"text-{name}": colour for name, colour in colours.items()}
    return replace(
        theme,
        primary=colours["primary"],
        accent=colours["primary"],
        warning=colours["warning"],
        error=colours["error"],
        success=colours["success"],
        foreground=ink,
        background=ground,
        surface=ground,
        panel=panel,
        variables={**theme.variables, **texts, "text-accent": colours["primary"], "panel-lighten-2": row},
    )
