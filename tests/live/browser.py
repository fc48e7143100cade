"""A headless Chromium, driven by its debugging protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession

from tests.patience import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from aiohttp import ClientWebSocketResponse

STILL_S = 3.0


class Page:
    """A page of the browser: what it loads is noted in `requests`, what it logs in `complaints`."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.requests: list[str] = []
        self.complaints: list[str] = []

    async def listen(self) -> None:
        """Take answers and events until the browser ends."""
        async for message in self._socket:
            found = json.loads(message.data)
            if "id" in found:
                self._answers.pop(found["id"]).set_result(found)
            elif found["method"] == "Network.requestWillBeSent":
                self.requests.append(found["params"]["request"]["url"])
            elif found["method"] == "Network.webSocketCreated":
                self.requests.append(found["params"]["url"])
            elif found["method"] == "Runtime.exceptionThrown" or _is_error(found):
                self.complaints.append(json.dumps(found["params"]))

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """Call a method of the protocol."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        found = await asyncio.wait_for(answer, PATIENCE_S)
        assert "error" not in found, found
        result: dict[str, Any] = found["result"]
        return result

    async def value(self, expression: str) -> Any:  # noqa: ANN401  whatever the page has
        """Evaluate an expression in the page."""
        found = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return found["result"].get("value")

    async def until(self, expression: str, holds: Callable[[Any], object] = bool) -> Any:  # noqa: ANN401
        """Wait for the value of an expression."""
        end = asyncio.get_running_loop().time() + PATIENCE_S
        while not holds(value := await self.value(expression)):
            assert asyncio.get_running_loop().time() < end, (expression, value, self.complaints)
            await asyncio.sleep(0.1)
        return value

    async def press(self, key: str) -> None:
        """Press a key that has a character."""
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=key, key=key, unmodifiedText=key)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def picture(self) -> bytes:
        """The page as a PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot"))["data"])

    async def still_picture(self, unlike: bytes = b"") -> bytes:
        """The page as a PNG, once it differs from another picture and has not changed for `STILL_S`."""
        end = asyncio.get_running_loop().time() + PATIENCE_S
        seen, since = unlike, 0.0
        while True:
            now = asyncio.get_running_loop().time()
            picture = await self.picture()
            if picture != seen:
                seen, since = picture, now
            elif seen != unlike and now - since >= STILL_S:
                return seen
            assert now < end, "the page does not stand still, or does not change"
            await asyncio.sleep(0.2)


def _is_error(found: dict[str, Any]) -> bool:
    return found["method"] == "Log.entryAdded" and str(found["params"]["entry"]["level"]) == "error"


@asynccontextmanager
async def opened(program: str, profile: Path, address: str) -> AsyncIterator[Page]:
    """Run a browser that shows an address."""
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,800", "--no-first-run")
    process = await asyncio.create_subprocess_exec(
        program,
        *options,
        f"--user-data-dir={profile}",
        "--remote-debugging-port=0",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port = await asyncio.to_thread(_port_of, profile / "DevToolsActivePort")
        async with ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as response:
                targets = await response.json()
            url = next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
            async with session.ws_connect(url, max_msg_size=0) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                for domain in ("Network", "Page", "Runtime", "Log"):
                    await page.call(f"{domain}.enable")
                await page.call("Page.navigate", url=address)
                yield page
                listening.cancel()
    finally:
        process.terminate()
        await process.wait()


def _port_of(file: Path) -> str:
    """The port that the browser wrote down."""
    wait_until(lambda: file.exists() and file.read_text(), "the browser did not start")
    return file.read_text().splitlines()[0]
