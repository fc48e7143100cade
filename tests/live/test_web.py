"""The app in a real browser."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.captures import ROOT
from tests.live.browser import opened
from tests.patience import PATIENCE_S, wait_until
from tests.requirements import needed_program
from tests.tracetool.cli.program import PADDING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.live

PROGRAM = (sys.executable, "-c", "from tracetool.cli import main; main()")


class Server:
    """The program that serves the app, and its address."""

    def __init__(self, state: Path) -> None:
        environment = {**os.environ, "XDG_STATE_HOME": str(state), "TEXTUAL_ANIMATIONS": "none"}
        self.state = state
        self.process = subprocess.Popen(
            [*PROGRAM, "view", "--web", str(PADDING)], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        words = self.process.stderr.readline().split()
        self.address = next(word for word in words if word.startswith("http://127.0.0.1:"))

    def children(self) -> list[int]:
        """Processes of the pages."""
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(line) for line in found.stdout.split()]

    def stop(self) -> int:
        """End the program; return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server."""
    found = Server(tmp_path / "state")
    yield found
    if found.process.poll() is None:
        found.process.kill()
        found.process.wait()
    if found.process.stderr is not None:
        found.process.stderr.close()


def test_the_app_runs_in_a_browser_and_ends_with_its_page(server: Server, tmp_path: Path) -> None:
    program = needed_program("chromium", "chromium")

    async def browse() -> None:
        async with opened(program, tmp_path / "profile", server.address) as page:
            await page.until("document.body.classList.contains('-first-byte')")
            overview = await page.still_picture()
            (tmp_path / "overview.png").write_bytes(overview)
            assert server.children()
            await page.press("3")
            map_shown = await page.still_picture(unlike=overview)
            (tmp_path / "map.png").write_bytes(map_shown)
            await page.press("x")
            await asyncio.sleep(1)
            origin = server.address.split("/", 3)[2]
            assert page.requests
            assert all(url.split("/", 3)[2] == origin for url in page.requests if not url.startswith("data:"))
            assert any(url.endswith(".ttf") for url in page.requests)
            assert not page.complaints
            child = server.children()[0]
            assert os.getpgid(child) == child
            await page.call("Page.navigate", url="about:blank")
            await asyncio.to_thread(wait_until, lambda: not server.children(), "the app did not end with its page")

    asyncio.run(browse())
    (state,) = (server.state / "tracetool" / "traces").glob("*.json")
    assert json.loads(state.read_text())["view"] == "map"  # it ended as with q
    assert server.stop() == 0


def test_a_server_that_ends_takes_its_pages_along(server: Server, tmp_path: Path) -> None:
    program = needed_program("chromium", "chromium")

    async def browse() -> list[int]:
        async with opened(program, tmp_path / "profile", server.address) as page:
            await page.until("document.body.classList.contains('-first-byte')")
            children = server.children()
            assert await asyncio.to_thread(server.stop) == 0
            await page.until("document.body.classList.contains('-closed')")
            return children

    for child in asyncio.run(browse()):
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
