from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.color import Color, ColorSystem
from rich.style import Style

from tests.tracetool.viewmodel.test_heatmap_cursor import drawn
from tracetool.tui.map.looks import Colours, Halves, Marks, Shades, commanded, ramp, shape_in
from tracetool.tui.theme import THEMES, in_sixteen_colours
from tracetool.viewmodel.flash_map import Shape

if TYPE_CHECKING:
    from textual.theme import Theme

GROUND, CURSOR, OUTSIDE, NOW, PLAIN = "#101010", "#0000ff", "#ff0000", "#00ff00", "#000000"
RAMP = ramp(dark=True)
COLOURS = Colours(
    plain=Style(bgcolor=PLAIN),
    ground=Style(bgcolor=GROUND),
    cursor=Style(bgcolor=CURSOR),
    range=Style(bgcolor="#222222"),
    outside=Style(color=OUTSIDE),
    now=Style(color=NOW),
    commanded=commanded(dark=True),
    levels=RAMP,
)
AWAY = Marks(99, 99, 99)


def halves(places: set[int], marks: Marks = AWAY, *, size: int = 8, extent: int | None = None) -> list[tuple[str, str]]:
    """The colours of the upper and lower half of each column of the last line, the flash four cells wide."""
    drawing = drawn(size, Shape(4, 2), places, extent)
    found = []
    for segment in Halves().paint(drawing, drawing.rows[-1], marks, COLOURS):
        assert segment.style is not None
        over = under = segment.style.bgcolor
        if segment.text[0] in "▀█":
            over = segment.style.color
        if segment.text[0] == "█":
            under = segment.style.color
        assert over is not None
        assert under is not None
        found += [(over.name, under.name)] * len(segment.text)
    return found


def test_each_half_has_the_colour_of_its_cell() -> None:
    hot = RAMP[-1]
    assert halves({1, 6, 3, 7}) == [(GROUND, GROUND), (hot, GROUND), (GROUND, hot), (hot, hot)]


def test_what_lies_beyond_the_last_cell_is_no_cell() -> None:
    assert halves({0}, size=5) == [(RAMP[-1], GROUND), *[(GROUND, PLAIN)] * 3]


def test_beyond_the_file_every_touched_cell_has_the_colour_of_that_wherever_it_is_played() -> None:
    assert halves({9}, Marks(99, 99, 99, now=(8, 10)), size=16, extent=8)[:3] == [
        (NOW, GROUND),
        (OUTSIDE, GROUND),
        (NOW, GROUND),
    ]


def test_the_cursor_covers_its_half_but_while_it_blinks() -> None:
    assert halves({1}, Marks(1, 1, 1))[1] == (CURSOR, GROUND)
    assert halves({1}, Marks(5, 5, 5))[1] == (RAMP[-1], CURSOR)
    assert halves({1}, Marks(1, 1, 1, blinked=True)) == halves({1})


def test_cells_selected_are_tinted_and_others_not() -> None:
    tinted, plain = halves({1}, Marks(6, 1, 6)), halves({1})
    assert tinted[0][0] == plain[0][0]
    assert tinted[3][1] == plain[3][1]
    assert tinted[2][1] == CURSOR
    for column, half in ((1, 0), (2, 0), (3, 0), (0, 1), (1, 1)):
        assert tinted[column][half] not in (plain[column][half], CURSOR)
    assert len({tinted[1][0], tinted[2][0]}) == 2


@pytest.mark.parametrize(
    ("marks", "shapes"),
    [
        (AWAY, "✖ "),
        (Marks(9, 9, 9), "✖▸"),
        (Marks(99, 99, 99, now=(8, 8)), "✖◆"),
        (Marks(9, 9, 9, now=(8, 8)), "✖▸"),
    ],
)
def test_shapes_before_a_line_say_what_is_only_a_colour_in_it(marks: Marks, shapes: str) -> None:
    drawing = drawn(16, Shape(4, 2), {9, 1}, 8)
    assert Halves().line_mark(drawing, drawing.rows[-1], marks) == shapes
    inside = shapes.replace("✖", " ") if "◆" not in shapes else "◆ "
    shifted = Marks(marks.cursor - 8, 0, 0, None if marks.now is None else (0, 0))
    expected = {"✖▸": "◆▸" if marks.now else " ▸"}.get(shapes, inside)
    assert Halves().line_mark(drawing, drawing.rows[0], shifted) == expected


def test_every_colour_of_the_ramp_is_lighter_or_darker_than_the_one_before() -> None:
    for dark in (True, False):
        colours = [Style(color=colour).color for colour in (commanded(dark=dark), *ramp(dark=dark))]
        light = [sum(colour.get_truecolor()[:3]) for colour in colours if colour is not None]
        assert light == sorted(light, reverse=not dark)


@pytest.mark.parametrize(("room", "halves_in", "shades_in"), [(0, 1, 1), (1, 1, 1), (48, 32, 16), (128, 128, 64)])
def test_lines_hold_a_power_of_two_cells(room: int, halves_in: int, shades_in: int) -> None:
    assert shape_in(Halves(), room) == Shape(halves_in, 2)
    assert shape_in(Shades(), room) == Shape(shades_in, 1, 2)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_severities_stand_out_with_sixteen_colours(theme: Theme) -> None:
    few = in_sixteen_colours(theme)
    variables = {**few.to_color_system().generate(), **few.variables}
    names = ("text-error", "text-warning", "text-success", "text-primary")
    red, yellow, green, _ = (Color.parse(variables[name]).downgrade(ColorSystem.STANDARD).number for name in names)
    assert (red, yellow, green) in ((9, 11, 10), (1, 3, 2))
