"""The Danger view: a ribbon of what a power cut would have cost, its causes, and the way from both to the operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from tests.tracetool.cli.program import PADDING
from tests.tracetool.tui.driving import Driver, drive
from tests.tracetool.viewmodel.samples import finished, job
from tests.tracetool.viewmodel.test_variables import known
from tracetool.analysis.options import Options
from tracetool.images import load_image
from tracetool.tui.danger import DangerView
from tracetool.tui.drawing import Heading
from tracetool.tui.image import ImageView
from tracetool.viewmodel.audit_session import Settings

if TYPE_CHECKING:
    from pathlib import Path


async def shown(driver: Driver) -> DangerView:
    """Show the view, and wait for its survey."""
    await driver.press("7")
    view = driver.app.query_one(DangerView)
    await driver.until(lambda: view.model is not None)
    await driver.pilot.pause()
    return view


def heading(driver: Driver) -> str:
    return "".join(line.plain for line in driver.app.query_one(DangerView).query_one(Heading).lines(1000))


@pytest.mark.slow
def test_a_cause_leads_to_its_worst_operation_and_its_bytes() -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        assert view.model is not None
        await driver.press("down")
        target = view.model.target(1)
        assert target is not None
        assert driver.seq == target[1]
        await driver.press("5")
        image = driver.app.query_one(ImageView)
        await driver.until(
            lambda: image.model is not None and image.model.history.event(image.model.position) == target
        )
        await driver.press("7", "enter")
        assert driver.app.current_view == "timeline"
        assert driver.seq == target[1]

    drive(script, session=known())


@pytest.mark.slow
def test_dangerous_commits_are_stepped_through() -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        assert view.model is not None
        stops = []
        await driver.press("2", "colon")
        await driver.type("#0")
        await driver.press("7")
        for _ in range(3):
            await driver.press("right_square_bracket")
            stops.append(driver.seq)
        assert stops == sorted(set(stops))
        await driver.press("left_square_bracket")
        assert driver.seq == stops[1]
        await driver.press("2", "home", "7", "left_square_bracket")
        assert driver.told[-1].startswith("no commit at which a cut costs a variable before")

    drive(script, session=known())


@pytest.mark.slow
def test_firmware_and_torn_commits_are_switched() -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        first = view.model
        assert "aavmf-2022.11, the likely firmware" in heading(driver)
        await driver.press("v")
        await driver.until(lambda: view.model is not first)
        assert "aavmf-2025.02" in heading(driver)
        second = view.model
        await driver.press("d")
        await driver.until(lambda: view.model is not second)
        assert "between commits" in heading(driver)
        await driver.press("t")
        assert "by commit" in heading(driver)

    drive(script, session=known())


@pytest.mark.slow
def test_a_store_that_is_not_known_says_so() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("7")
        await driver.until(lambda: "give --image" in heading(driver))
        await driver.press("enter", "right_square_bracket", "d", "t", "comma")
        await driver.until(lambda: "give --image" in heading(driver))
        assert driver.app.query_one(DangerView).model is None
        assert driver.app.current_view == "danger"

    drive(script)


@pytest.mark.slow
def test_a_trace_without_a_store_says_so() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("7")
        await driver.until(lambda: "no UEFI variable store" in heading(driver))
        assert driver.app.query_one(DangerView).model is None

    drive(script, session=finished(job(PADDING, settings=Settings(Options(device="virt.flash0")))))


@pytest.mark.slow
def test_the_image_shows_what_the_worst_cut_leaves() -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        assert view.model is not None
        await driver.press("down", "i")
        image = driver.app.query_one(ImageView)
        await driver.until(lambda: image.model is not None and image.model.torn is not None)
        await driver.pilot.pause()
        assert driver.app.current_view == "image"
        target, model = view.model.target(1), image.model
        assert target is not None
        assert model is not None
        assert image.has_class("-torn")
        assert "POWER CUT" in driver.text
        assert "no moment of the trace: the power is cut at event" in driver.text
        assert "inside its commit (zero-all): the block is 0, and not yet erased" in " ".join(driver.text.split())
        assert model.snapshot.known_bytes(0, 0x40000) == bytes(0x40000)
        await driver.press("right_square_bracket")
        assert not image.has_class("-torn")
        assert "POWER CUT" not in driver.text
        assert model.history.event(model.position) == target
        assert model.snapshot.known_bytes(0, 0x40000) == b"\xff" * 0x40000
        await driver.press("left_square_bracket")
        assert (model.snapshot.known_bytes(0x28, 4)) == b"_FVH"

    drive(script, session=known())


@pytest.mark.slow
def test_the_image_shows_the_worst_cut_of_the_commit_that_was_chosen() -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        assert view.model is not None
        await driver.press("down", "comma")
        chosen = driver.seq
        assert (0, chosen) != view.model.target(1)
        await driver.press("i")
        image = driver.app.query_one(ImageView)
        await driver.until(lambda: image.model is not None and image.model.torn is not None)
        assert image.model is not None
        assert image.model.torn is not None
        assert image.model.torn.seq == chosen
        await driver.press("7", "up")
        await driver.press("5")
        await driver.until(lambda: not image.has_class("-torn"))

    drive(script, session=known())


def test_no_cut_is_shown_where_none_was_tried() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("7")
        await driver.until(lambda: "give --image" in heading(driver))
        await driver.press("i")
        assert driver.app.current_view == "danger"

    drive(script)


@pytest.mark.slow
def test_the_flash_after_a_cut_is_written_under_a_name_that_says_so(tmp_path: Path) -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        await driver.press("down", "i")
        image = driver.app.query_one(ImageView)
        await driver.until(lambda: image.model is not None and image.model.torn is not None)
        await driver.press("W")
        assert view.model is not None
        target = view.model.target(1)
        assert target is not None
        assert driver.app.screen.query_one(Input).value == f"virt.flash1-{target[1]}-cut.fd"
        assert "as the power cut leaves it" in driver.text
        await driver.type(str(tmp_path / "cut.fd"))
        assert load_image(tmp_path / "cut.fd", limit=64 << 20)[:0x40000].tobytes() == bytes(0x40000)

    drive(script, session=known())
