"""The Danger view: a ribbon of what a power cut would have cost, its causes, and the way from both to the operation."""

from __future__ import annotations

from tests.tracetool.cli.program import PADDING
from tests.tracetool.tui.driving import Driver, drive
from tests.tracetool.viewmodel.samples import finished, job
from tests.tracetool.viewmodel.test_variables import known
from tracetool.analysis.options import Options
from tracetool.tui.danger import DangerView
from tracetool.tui.drawing import Heading
from tracetool.tui.image import ImageView
from tracetool.viewmodel.audit_session import Settings


async def shown(driver: Driver) -> DangerView:
    """Show the view, and wait for its survey."""
    await driver.press("7")
    view = driver.app.query_one(DangerView)
    await driver.until(lambda: view.model is not None)
    await driver.pilot.pause()
    return view


def heading(driver: Driver) -> str:
    return "".join(line.plain for line in driver.app.query_one(DangerView).query_one(Heading).lines(1000))


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


def test_a_store_that_is_not_known_says_so() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("7")
        await driver.until(lambda: "give --image" in heading(driver))
        await driver.press("enter", "right_square_bracket", "d", "t", "comma")
        await driver.until(lambda: "give --image" in heading(driver))
        assert driver.app.query_one(DangerView).model is None
        assert driver.app.current_view == "danger"

    drive(script)


def test_a_trace_without_a_store_says_so() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("7")
        await driver.until(lambda: "no UEFI variable store" in heading(driver))
        assert driver.app.query_one(DangerView).model is None

    drive(script, session=finished(job(PADDING, settings=Settings(Options(device="virt.flash0")))))
