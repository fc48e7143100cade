"""How the views look, character by character and colour by colour; looked at as pictures before they were accepted."""

from __future__ import annotations

from functools import cache

import pytest
from textual.widgets import Input

from tests.captures import ROOT
from tests.tracetool.tui.driving import Driver, drive
from tests.tracetool.tui.screens import matches
from tests.tracetool.viewmodel.samples import finished, with_code
from tests.tracetool.viewmodel.test_variables import known
from tracetool.ingest import open_trace
from tracetool.tui.danger import DangerView
from tracetool.tui.drawing import Heading
from tracetool.tui.image import ImageView
from tracetool.tui.image.blame import BlameScreen
from tracetool.tui.map import MapView
from tracetool.tui.variables import VariablesView
from tracetool.tui.views import VIEWS
from tracetool.tui.who import WhoView
from tracetool.viewmodel.audit_session import AuditSession, Settings, start
from tracetool.viewmodel.bins import Metric

SMALL, LARGE = (80, 24), (160, 50)
_SAMPLE = "samples/aavmf-shell-padding/trace.log.zst"


@cache
def sample() -> AuditSession:
    """Load the padding sample under a name that is the same on every machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return finished(start([open_trace(_SAMPLE)], Settings()))


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x50"])
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.first_quick
def test_every_view_in_either_theme(size: tuple[int, int], theme: str) -> None:
    ending = f"{size[0]}x{size[1]}"

    async def script(driver: Driver) -> None:
        def made() -> bool:
            """Whether the view in front is there; all but overview, timeline and findings are made in a thread."""
            view = driver.app.query_one(f"#{driver.app.current_view}")
            if isinstance(view, MapView):
                return view.grid.drawing is not None
            if isinstance(view, DangerView):  # whose answer here is that the store is not known
                return any("give --image" in line.plain for line in view.query_one(Heading).lines(1000))
            return not isinstance(view, (ImageView, VariablesView, WhoView)) or view.model is not None

        await driver.press("e", "enter")
        await driver.explained()
        if theme == "light":
            await driver.press("ctrl+t")
            await driver.pilot.pause()
        for view in sorted(VIEWS, key=lambda view: view.id == "timeline"):
            await driver.press(view.key)
            await driver.until(made)
            await driver.pilot.pause()
            assert driver.app.current_view == view.id
            await matches(driver, f"{view.id}-{theme}-{ending}")

    drive(script, size=size, session=sample())


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x50"])
@pytest.mark.slow
def test_the_map_without_colours_and_with_a_range_and_a_moment(size: tuple[int, int]) -> None:
    ending = f"{size[0]}x{size[1]}"

    async def script(driver: Driver) -> None:
        grid = driver.app.query_one(MapView).grid
        await driver.press("5", "left_square_bracket", "left_square_bracket", "3")
        await driver.until(lambda: grid.drawing is not None)
        await driver.press("right", *["shift+right"] * 5, "shift+down")
        assert "   0x0000◆▸▀" in driver.text
        await matches(driver, f"map-range-dark-{ending}")
        await driver.press("s")
        await driver.until(lambda: grid.drawing is not None and grid.drawing.shape.deep == 1)
        await driver.press("right", *["shift+right"] * 5, "shift+down")
        await matches(driver, f"map-shades-dark-{ending}")

    drive(script, size=size, session=sample())


def test_what_stands_over_the_views() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2")
        await driver.explained()
        driver.app.query_one(Input).cursor_blink = False
        await driver.press("f", *"kind", "space", *"=~", "space")
        await driver.pilot.pause()
        assert driver.app.query_one(Input).value == "kind =~ "
        await matches(driver, "filter-dark-80x24")
        await driver.press("escape", "question_mark")
        await matches(driver, "help-dark-80x24")

    drive(script, size=SMALL, session=sample())


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x50"])
@pytest.mark.slow
def test_what_power_cuts_cost(size: tuple[int, int]) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("7")
        view = driver.app.query_one(DangerView)
        await driver.until(lambda: view.model is not None)
        await driver.press("down")
        await driver.until(lambda: "next boot" in driver.text)
        assert driver.app.current_view == "danger"
        await matches(driver, f"power-cuts-{size[0]}x{size[1]}")

    drive(script, size=size, session=known())


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x50"])
@pytest.mark.slow
def test_the_code_behind_cells_and_bytes(size: tuple[int, int]) -> None:
    ending = f"{size[0]}x{size[1]}"

    async def script(driver: Driver) -> None:
        grid = driver.app.query_one(MapView).grid
        await driver.press("3", "V", "V")
        await driver.until(lambda: grid.drawing is not None and grid.drawing.heat.metric == Metric.MODULE)
        await driver.pilot.pause()
        await matches(driver, f"map-modules-{ending}")
        image = driver.app.query_one(ImageView)
        await driver.press("5", "right_curly_bracket")
        await driver.until(lambda: image.model is not None)
        await driver.press("colon")
        await driver.type("0x1a8")
        await driver.press("B")
        await driver.until(lambda: isinstance(driver.app.screen, BlameScreen))
        await driver.pilot.pause()
        assert "0x1a8" in driver.text or "0x01a8" in driver.text
        await matches(driver, f"blame-{ending}")

    drive(script, size=size, session=with_code())
