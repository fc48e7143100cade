"""The app with a loaded sample, driven by a script of keys."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from textual.widgets import Input

from tests.patience import PATIENCE_S
from tests.tracetool.viewmodel.samples import padding
from tracetool.tui.app import TraceApp
from tracetool.tui.timeline import TimelineView
from tracetool.viewmodel.audit_session import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from tracetool.viewmodel.audit_session import AuditSession

    Script = Callable[["Driver"], Awaitable[Any]]

SIZE = (120, 30)
NO_KEYS = Path("/nonexistent/keys.toml")


class Driver:
    """The app and its pilot."""

    def __init__(self, app: TraceApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot
        self.told = [notification.message for notification in app._notifications]  # noqa: SLF001  what was said so far
        notify = app.notify

        def noted(message: str, **how: Any) -> None:  # noqa: ANN401  as textual's
            self.told.append(message)
            notify(message, **how)

        app.notify = noted  # type: ignore[method-assign]

    async def press(self, *keys: str) -> None:
        """Press keys and wait for their effect."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Replace the text of the prompt and submit it."""
        self.app.screen.query_one(Input).value = text
        await self.press("enter")

    async def reset(self, size: tuple[int, int]) -> None:
        """Go back to the overview, with the first event selected, without range, filter and bookmarks."""
        if tuple(self.app.size) != size:
            await self.pilot.resize_terminal(*size)
        await self.press("escape", "escape", "2", "escape")
        assert len(self.app.screen_stack) == 1
        if self.app.filtering.filter.chips:
            await self.press("c", "0")
        for _ in self.app.persistence.state.bookmarks:
            await self.press("apostrophe", "delete", "escape")
        await self.press("g", "1")
        self.told.clear()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition that a thread brings about."""
        end = monotonic() + PATIENCE_S
        while not condition():
            assert monotonic() < end, f"the condition did not become true; the screen is:\n{self.text}"
            await self.pilot.pause(0.01)

    async def explained(self) -> None:
        """Wait until the inspector has explained the event under the cursor."""
        await self.until(lambda: "explaining" not in self.inspector)

    @property
    def text(self) -> str:
        """The screen."""
        lines = self.app.screen._compositor.render_strips()  # noqa: SLF001  there is no public way to the characters
        return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)

    @property
    def view(self) -> TimelineView:
        """The timeline's view."""
        return self.app.screen_stack[0].query_one(TimelineView)

    @property
    def inspector(self) -> str:
        """Text of the inspector, on one line."""
        return " ".join(" ".join(line.plain for line in self.view.inspector.lines(200)).split())

    @property
    def status(self) -> str:
        """The line above the table."""
        return str(self.view.query_one("#status").render())

    @property
    def seq(self) -> int:
        """Number of the selected event."""
        event = self.app.event
        assert event is not None
        return event[1]

    def cells(self, row: int) -> dict[str, str]:
        """The cells of a row of the timeline."""
        timeline = self.view.timeline
        assert timeline is not None
        (line,) = timeline.lines(row, 1)
        return {column.id: cell.text.strip() for column, cell in zip(timeline.columns, line, strict=True)}


class Stage:
    """One app over the padding sample, in which scripts run one after the other; a failed script ends it."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._exits = AsyncExitStack()
        self._driver: Driver | None = None

    def play(self, script: Script, *, size: tuple[int, int] = SIZE) -> Any:  # noqa: ANN401  whatever the script returns
        """Run a script in the overview of an app without filter, bookmarks and messages."""
        with ExitStack() as failed:
            failed.callback(self.close)
            found = self._runner.run(self._play(script, size))
            failed.pop_all()
        return found

    async def _play(self, script: Script, size: tuple[int, int]) -> Any:  # noqa: ANN401
        if self._driver is None:
            app = TraceApp(Job(padding, Progress()).start(), keys=NO_KEYS)
            pilot = await self._exits.enter_async_context(app.run_test(size=size))
            self._driver = Driver(app, pilot)
            await self._driver.until(lambda: app.job is None)
            await pilot.pause()
        else:
            await self._driver.reset(size)
        return await script(self._driver)

    def close(self) -> None:
        """End the app; the next script begins with a new one."""
        self._driver = None
        with self._runner:
            self._runner.run(self._exits.aclose())
        self._runner = asyncio.Runner()


def drive(
    script: Script, *, size: tuple[int, int] = SIZE, session: AuditSession | None = None, keys: Path = NO_KEYS
) -> Any:  # noqa: ANN401  whatever the script returns
    """Run the app with a loaded session, by default the padding sample."""
    shown = padding() if session is None else session
    return drive_job(script, Job(lambda: shown, Progress()).start(), size=size, keys=keys)


def drive_job(script: Script, job: Job, *, size: tuple[int, int] = SIZE, keys: Path = NO_KEYS) -> Any:  # noqa: ANN401
    """Run the app with the session that a job loads."""

    async def run() -> Any:  # noqa: ANN401
        app = TraceApp(job, keys=keys)
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot)
            await driver.until(lambda: app.job is None)
            await pilot.pause()
            return await script(driver)

    return asyncio.run(run())
