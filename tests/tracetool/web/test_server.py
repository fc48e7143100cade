"""What the server of the app answers, and to whom."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession, WSServerHandshakeError

from tests.tracetool.cli.program import PADDING
from tests.tracetool.tui.driving import Driver, drive
from tracetool.web.server import AppServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.tracetool.cli.program import Quick

APP = (sys.executable, "-c", "from tracetool.cli import main; main()", "view", "--fresh", "--web", str(PADDING))
SLEEPER = (sys.executable, "-c", "import signal, time; signal.signal(15, lambda *_: None); time.sleep(600)")


@asynccontextmanager
async def served(arguments: tuple[str, ...]) -> AsyncIterator[tuple[AppServer, str]]:
    said: asyncio.Queue[str] = asyncio.Queue()
    server = AppServer(arguments, 0, said.put_nowait)
    task = asyncio.create_task(server.run())
    yield server, await asyncio.wait_for(said.get(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def ask(script: Callable[[AppServer, str, ClientSession], Awaitable[None]], arguments: tuple[str, ...] = APP) -> None:
    async def run() -> None:
        async with served(arguments) as (server, address), ClientSession() as session:
            await script(server, address, session)

    asyncio.run(run())


def test_nothing_is_answered_without_the_token_and_by_another_name() -> None:
    async def script(server: AppServer, address: str, session: ClientSession) -> None:
        root = f"http://127.0.0.1:{server.port}"
        for url, headers, status in (
            (address, {}, 200),
            (f"{root}/", {}, 404),
            (f"{root}/ws", {}, 404),
            (f"{root}/{'x' * 32}/", {}, 404),
            (f"{root}/download/1", {}, 404),
            (f"{root}/static/", {}, 403),
            (f"{root}/static/js/textual.js", {}, 200),
            (f"{root}/static/../server.py", {}, 404),
            (address, {"Host": "tracetool.example"}, 403),
            (address, {"Host": f"localhost:{server.port}"}, 200),
        ):
            async with session.get(url, headers=headers) as response:
                assert response.status == status, url

    ask(script)


def test_the_page_loads_nothing_from_elsewhere() -> None:
    async def script(server: AppServer, address: str, session: ClientSession) -> None:
        async with session.get(address) as response:
            page, policy = await response.text(), response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "https:" not in policy + page
        assert page.count("http") == 0
        assert f"ws://127.0.0.1:{server.port}/{server.token}/ws" in page
        for name in ("page.css", "page.js"):
            async with session.get(address + name) as response:
                assert response.status == 200
                assert "http" not in await response.text()

    ask(script)


@pytest.mark.parametrize("origin", [None, "http://example.org", "null", "http://127.0.0.1", "https://127.0.0.1:{port}"])
def test_a_page_of_another_origin_cannot_open_the_app(origin: str | None) -> None:
    async def script(server: AppServer, address: str, session: ClientSession) -> None:
        headers = {} if origin is None else {"Origin": origin.format(port=server.port)}
        with pytest.raises(WSServerHandshakeError) as found:
            await session.ws_connect(f"{address}ws", headers=headers)
        assert found.value.status == 403

    ask(script)


@pytest.mark.slow
def test_the_app_runs_while_the_connection_is_open_and_nonsense_ends_it() -> None:
    async def script(server: AppServer, address: str, session: ClientSession) -> None:
        origin = {"Origin": f"http://127.0.0.1:{server.port}"}
        async with session.ws_connect(f"{address}ws?width=100&height=30", headers=origin) as socket:
            seen = b""
            while b"Overview" not in seen:
                seen += await asyncio.wait_for(socket.receive_bytes(), 60)
            (child,) = _children()
            assert "TEXTUAL_DRIVER=tracetool.tui.page_driver:PageDriver" in _environment(child)
            await socket.send_json(["ping", 7])
            await socket.send_json(["resize", {"width": 90, "height": 20}])
            await socket.send_json(["stdin", "q"])
            async for _ in socket:
                pass
            assert socket.closed
        for wrong in ('{"a": 1}', "no json", '["stdin"]', '["resize", 3]', "[]"):
            async with session.ws_connect(f"{address}ws?width=x", headers=origin) as socket:
                await socket.send_str(wrong)
                async for _ in socket:
                    pass
                assert socket.closed

    ask(script)


def test_a_process_that_does_not_end_is_killed_with_its_group() -> None:
    async def script(server: AppServer, address: str, session: ClientSession) -> None:
        socket = await session.ws_connect(f"{address}ws", headers={"Origin": f"http://127.0.0.1:{server.port}"})
        for _ in range(300):
            if children := _children():
                break
            await asyncio.sleep(0.1)
        assert children
        await socket.close()
        for _ in range(300):
            if not _children():
                break
            await asyncio.sleep(0.1)
        for child in children:
            with pytest.raises(ProcessLookupError):
                os.killpg(child, 0)

    ask(script, SLEEPER)


def _children() -> list[int]:
    """Processes of this one that lead a group."""
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:  # noqa: PTH123
        return [child for child in map(int, file.read().split()) if os.getpgid(child) == child]


def _environment(process: int) -> list[str]:
    return Path(f"/proc/{process}/environ").read_text().split("\0")


@pytest.mark.slow
def test_in_a_browser_no_file_is_written() -> None:
    async def script(driver: Driver) -> None:
        driver.app.exports = False
        await driver.press("2", "x")
        assert "not written from a browser" in driver.told[-1]
        await driver.press("5")
        await driver.until(lambda: "change" in driver.text)
        await driver.press("W")
        assert "not written from a browser" in driver.told[-1]

    drive(script)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "8000", str(PADDING)], "--port is the port of --web"),
        (["--web", "-"], "not from standard input"),
        (["--web", "/nonexistent"], "/nonexistent"),
    ],
)
def test_what_cannot_be_served_is_one_line(quick: Quick, arguments: list[str], words: str) -> None:
    done = quick("view", *arguments)
    assert done.code in (2, 3)
    assert words in done.err
    assert "Traceback" not in done.err
