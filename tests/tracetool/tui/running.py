"""The whole app with a session, driven by keys."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from tests.patience import PATIENCE_S
from tests.tracetool.tui.driving import NO_KEYS
from tests.tracetool.tui.views import screen_text
from tracetool.tui.app import TraceApp
from tracetool.tui.image import ImageView
from tracetool.tui.map import MapView
from tracetool.viewmodel.audit_session import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from tracetool.viewmodel.audit_session import AuditSession


def run(
    session: AuditSession,
    then: Callable[[TraceApp, Pilot[int]], Awaitable[None]],
    *,
    size: tuple[int, int] = (80, 24),
) -> str:
    """Show the session, run `then`, and return the screen."""

    async def running() -> str:
        app = TraceApp(Job(lambda: session, Progress()).start(), keys=NO_KEYS)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.session is not None)
            await then(app, pilot)
            await pilot.pause()
            return screen_text(app)

    return asyncio.run(running())


async def until(pilot: Pilot[int], holds: Callable[[], bool]) -> None:
    """Wait for a condition; AssertionError after `PATIENCE_S`."""
    end = monotonic() + PATIENCE_S
    while not holds():
        assert monotonic() < end, "the condition did not become true"
        await pilot.pause(0.01)


async def work_done(pilot: Pilot[int]) -> None:
    """Wait until no worker runs; some are cancelled, which `wait_for_complete` takes for an error."""
    await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys and wait for their effects; after `3` and `5`, for the view to be ready."""
    for key in keys:
        await pilot.press(key)
        if key == "3":
            await until(pilot, lambda: pilot.app.query_one(MapView).grid.drawing is not None)
        elif key == "5":
            await until(pilot, lambda: pilot.app.query_one(ImageView).model is not None)
    await work_done(pilot)
    await pilot.pause()
