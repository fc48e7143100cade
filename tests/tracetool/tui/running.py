"""The whole app with a trace, driven by keys."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from tests.tracetool.traces import reader
from tests.tracetool.tui.driving import PATIENCE_SECONDS
from tests.tracetool.tui.views import screen_text
from tracetool.bundled import sample
from tracetool.tui.app import TraceApp
from tracetool.tui.image import ImageView
from tracetool.tui.map import MapView
from tracetool.viewmodel.audit_session import Settings, start

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.pilot import Pilot

    from tests.tracetool.traces import Trace

PADDING = sample("aavmf-shell-padding/trace.log.zst")
FIRST_BOOT = sample("aavmf-first-boot/trace.log.zst")


def run(
    traces: Sequence[Trace],
    then: Callable[[TraceApp, Pilot[int]], Awaitable[None]],
    *,
    size: tuple[int, int] = (80, 24),
    settings: Settings | None = None,
) -> str:
    """Load the traces, run `then`, and return the screen."""

    async def running() -> str:
        job = start([reader(trace) for trace in traces], settings or Settings())
        app = TraceApp(job, keys=Path("/nonexistent/keys.toml"))
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.session is not None)
            await then(app, pilot)
            await pilot.pause()
            return screen_text(app)

    return asyncio.run(running())


async def until(pilot: Pilot[int], holds: Callable[[], bool]) -> None:
    """Wait for a condition; AssertionError after a minute."""
    end = monotonic() + PATIENCE_SECONDS
    while not holds():
        assert monotonic() < end, "the condition did not become true"
        await pilot.pause(0.01)


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys and wait for their effects; after `3` and `5`, for the view to be ready."""
    for key in keys:
        await pilot.press(key)
        if key == "3":
            await until(pilot, lambda: pilot.app.query_one(MapView).grid.drawing is not None)
        elif key == "5":
            await until(pilot, lambda: pilot.app.query_one(ImageView).model is not None)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
