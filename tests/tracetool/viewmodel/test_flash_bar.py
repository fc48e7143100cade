from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.tracetool.report.cases import CASES
from tracetool.audit.flash import FlashUse, Span, Use, flash_use
from tracetool.viewmodel.flash_bar import close_up, draw_bar

MIB = 1 << 20
PADDING = FlashUse(64 * MIB, 768 << 10, (Span(0, 256 << 10, Use.ERASED), Span(MIB, MIB + 4, Use.OUTSIDE)))


def drawn(bar: FlashUse, width: int) -> str:
    letters = {"untouched": ".", "programmed": "p", "erased": "e", "refused": "r", "outside": "x"}
    return "".join("|" if cell.line else letters[cell.use] for cell in draw_bar(bar, width))


def test_a_write_just_past_the_end_stands_past_the_line() -> None:
    bar = FlashUse(64 * MIB, 768 << 10, (Span(768 << 10, (768 << 10) + 1, Use.OUTSIDE),))
    assert drawn(bar, 20) == ".|x................."


def test_the_region_is_drawn_to_scale() -> None:
    bar = FlashUse(1000, 500, (Span(0, 250, Use.PROGRAMMED),))
    assert drawn(bar, 21) == "ppppp.....|.........."


def test_without_an_extent_there_is_no_line() -> None:
    assert drawn(FlashUse(100, None, (Span(50, 100, Use.ERASED),)), 10) == ".....eeeee"


def test_the_worst_of_what_was_done_in_a_place_is_shown() -> None:
    bar = FlashUse(100, None, (Span(0, 100, Use.OUTSIDE), Span(0, 100, Use.PROGRAMMED)))
    assert drawn(bar, 3) == "xxx"


def test_what_is_used_can_be_looked_at_closely() -> None:
    close = close_up(PADDING)
    assert close is not None
    assert drawn(close, 23).startswith("eeee")
    assert drawn(close, 23).endswith("x")


def test_a_bar_that_is_used_to_its_end_needs_no_closer_look() -> None:
    assert close_up(FlashUse(100, 100, (Span(0, 100, Use.PROGRAMMED),))) is None


def test_the_padding_sample_shows_its_write_beyond_the_line() -> None:
    audit = CASES["padding"]()
    device = next(device for device in audit.devices if device.name == "virt.flash1")
    bar = flash_use(device, audit)
    assert bar is not None
    assert drawn(bar, 70).startswith("e|x")
    assert drawn(bar, 70).count("x") == 1


@given(
    st.integers(0, 1 << 26),
    st.none() | st.integers(0, 1 << 26),
    st.lists(st.tuples(st.integers(0, 1 << 26), st.integers(1, 1 << 20))),
    st.integers(-1, 200),
)
def test_a_bar_is_as_wide_as_asked(region: int, extent: int | None, places: list[tuple[int, int]], width: int) -> None:
    bar = FlashUse(region, extent, tuple(Span(at, at + length, Use.OUTSIDE) for at, length in places))
    cells = draw_bar(bar, width)
    assert len(cells) == max(width, 0)
    assert all(cell.inside for cell in cells if cell.line)
