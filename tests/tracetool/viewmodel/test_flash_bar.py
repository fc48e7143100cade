from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.tracetool.report.cases import CASES
from tracetool.viewmodel.flash_bar import FlashBar, Span, close_up, draw_bar, flash_bar

MIB = 1 << 20
PADDING = FlashBar(64 * MIB, 768 << 10, (Span(0, 256 << 10, "erased"), Span(MIB, MIB + 4, "outside")))


def drawn(bar: FlashBar, width: int) -> str:
    letters = {"untouched": ".", "programmed": "p", "erased": "e", "refused": "r", "outside": "x"}
    return "".join("|" if cell.line else letters[cell.kind] for cell in draw_bar(bar, width))


def test_a_write_just_past_the_end_stands_past_the_line() -> None:
    bar = FlashBar(64 * MIB, 768 << 10, (Span(768 << 10, (768 << 10) + 1, "outside"),))
    assert drawn(bar, 20) == ".|x................."


def test_the_region_is_drawn_to_scale() -> None:
    bar = FlashBar(1000, 500, (Span(0, 250, "programmed"),))
    assert drawn(bar, 21) == "ppppp.....|.........."


def test_without_an_extent_there_is_no_line() -> None:
    assert drawn(FlashBar(100, None, (Span(50, 100, "erased"),)), 10) == ".....eeeee"


def test_the_worst_of_what_was_done_in_a_place_is_shown() -> None:
    bar = FlashBar(100, None, (Span(0, 100, "outside"), Span(0, 100, "programmed")))
    assert drawn(bar, 3) == "xxx"


def test_what_is_used_can_be_looked_at_closely() -> None:
    close = close_up(PADDING)
    assert close is not None
    assert drawn(close, 23).startswith("eeee")
    assert drawn(close, 23).endswith("x")


def test_a_bar_that_is_used_to_its_end_needs_no_closer_look() -> None:
    assert close_up(FlashBar(100, 100, (Span(0, 100, "programmed"),))) is None


def test_the_padding_sample_shows_its_write_beyond_the_line() -> None:
    audit = CASES["padding"]()
    device = next(device for device in audit.devices if device.name == "virt.flash1")
    bar = flash_bar(device, audit)
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
    bar = FlashBar(region, extent, tuple(Span(at, at + length, "outside") for at, length in places))
    cells = draw_bar(bar, width)
    assert len(cells) == max(width, 0)
    assert all(cell.inside for cell in cells if cell.line)
