"""Screens as readable text: the characters, then the colours, with a letter for each style."""

from __future__ import annotations

import os
import string
from time import monotonic
from typing import TYPE_CHECKING

from tests.captures import ROOT

if TYPE_CHECKING:
    from rich.style import Style
    from textual.app import App
    from textual.strip import Strip

    from tests.tracetool.tui.driving import Driver

SETTLE_S = 60.0
"""Longest wait for a screen; the tests of an intended change wait so long for each."""
GOLDEN = ROOT / "tests" / "tracetool" / "tui" / "golden"
_LETTERS = string.ascii_letters + string.digits + "".join(chr(code) for code in range(0xC0, 0x180))


async def matches(driver: Driver, name: str) -> None:
    """Wait until the screen equals its golden file; `UPDATE_GOLDEN=1` writes the file first."""
    path, app = GOLDEN / f"{name}.txt", driver.app
    if os.environ.get("UPDATE_GOLDEN") == "1":
        await driver.pilot.pause(0.5)
        path.write_text(screen(app), newline="\n")
    end = monotonic() + SETTLE_S
    while screen(app) != path.read_text() and monotonic() < end:
        await driver.pilot.pause(0.05)
    assert screen(app) == path.read_text(), name


def screen(app: App[int]) -> str:
    """The screen, and below it its colours."""
    strips = app.screen._compositor.render_strips()  # noqa: SLF001  there is no public way to the characters
    text = ["".join(segment.text for segment in strip).rstrip() for strip in strips]
    legend: dict[str, str] = {}
    colours = ["".join(_letters(strip, legend)) for strip in strips]
    named = [f"{letter}  {style}" for style, letter in legend.items()]
    return "\n".join([*text, "", *colours, "", *named, ""])


def _letters(strip: Strip, legend: dict[str, str]) -> list[str]:
    letters = []
    for segment in strip:
        name = _name(segment.style)
        letter = legend.setdefault(name, _LETTERS[len(legend)])
        letters.append(letter * segment.cell_length)
    return letters


def _name(style: Style | None) -> str:
    if style is None:
        return "none"
    marks = [name for name in ("bold", "dim", "italic", "underline", "reverse") if getattr(style, name)]
    colours = [_hex(colour) for colour in (style.color, style.bgcolor)]
    return " ".join([" on ".join(colours), *marks])


def _hex(colour: object) -> str:
    triplet = getattr(colour, "triplet", None)
    return "default" if triplet is None else triplet.hex
