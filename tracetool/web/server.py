"""Serve the app to a browser on this machine: one process for each page, which ends with it.

The address has a token, without which nothing but the scripts and fonts of `textual-serve` is answered. Requests by
another name than that of this machine are refused, as are websockets opened by pages of other origins, so that no
page on the web can type into the app. Everything the page loads comes from here.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from asyncio.subprocess import PIPE
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import textual_serve
from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["IN_BROWSER", "AppServer", "serve"]

IN_BROWSER = "TRACETOOL_IN_BROWSER"
"""Environment variable of the processes that run in a page."""

_DRIVER = "tracetool.tui.page_driver:PageDriver"
_HOST = "127.0.0.1"
_PARTS = {"page.css": "text/css", "page.js": "text/javascript"}
_MOST_PAGES = 8
_PATIENCE_SECONDS = 3.0
"""For a process to end by itself once its page is closed."""

_FONT_SIZE = 14


class PageProcess(AppService):
    """The app of one page, in a process group of its own."""

    arguments: Sequence[str] = ()

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        environment = {**self._build_environment(width, height), IN_BROWSER: "1", "TEXTUAL_DRIVER": _DRIVER}
        self._process = process = await asyncio.create_subprocess_exec(
            *self.arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment, start_new_session=True
        )
        self._stdin = process.stdin
        return process

    async def stop(self) -> None:
        """Ask the app to end, and end its process group."""
        process, task = self._process, self._task
        if process is None or task is None:
            return
        self._task = None
        await self.send_meta({"type": "quit"})
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _PATIENCE_SECONDS)
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _PATIENCE_SECONDS)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class AppServer(Server):
    """Server of a command that runs the app.

    Args:
        arguments: the command.
        port: 0 for any that is free.
        said: called with the address of the page.
    """

    def __init__(self, arguments: Sequence[str], port: int, said: Callable[[str], None]) -> None:
        super().__init__("tracetool", host=_HOST, port=port)
        self.token = secrets.token_urlsafe(24)
        self._arguments = arguments
        self._said = said
        self._pages: set[web.WebSocketResponse] = set()

    async def _make_app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        static = Path(textual_serve.__file__).parent / "static"
        app.add_routes(
            [
                web.get(f"/{self.token}/", self.handle_page),
                *(web.get(f"/{self.token}/{name}", self.handle_part) for name in _PARTS),
                web.get(f"/{self.token}/ws", self.handle_websocket),
                web.static("/static", static, show_index=False),
            ]
        )
        app.on_shutdown.append(self.on_shutdown)
        return app

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that a page of this server can have."""
        return f"http://{_HOST}:{self.port}", f"http://localhost:{self.port}"

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Refuse requests by the name of another machine, and say what a page may load."""
        if f"http://{request.headers.get('Host', '')}" not in self.origins:
            return web.Response(status=403, text="this server answers on this machine alone")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(self._headers())
        return response

    def _headers(self) -> dict[str, str]:
        sockets = " ".join(origin.replace("http:", "ws:") for origin in self.origins)
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
            f"img-src 'self' data:; connect-src {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }

    async def handle_page(self, request: web.Request) -> web.Response:
        """The page."""
        page = files("tracetool.web").joinpath("page.html").read_text(encoding="utf-8")
        websocket = f"ws://{request.headers['Host']}/{self.token}/ws"
        text = page.replace("{websocket}", websocket).replace("{font_size}", str(_FONT_SIZE))
        return web.Response(text=text, content_type="text/html")

    async def handle_part(self, request: web.Request) -> web.Response:
        """Its style or script."""
        name = request.path.rpartition("/")[2]
        text = files("tracetool.web").joinpath(name).read_text(encoding="utf-8")
        return web.Response(text=text, content_type=_PARTS[name])

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run the app as long as the page is open; HTTPForbidden for pages of other origins."""
        if request.headers.get("Origin") not in self.origins:
            raise web.HTTPForbidden(text="this websocket is for the server's own page")
        if len(self._pages) >= _MOST_PAGES:
            raise web.HTTPServiceUnavailable(text=f"{_MOST_PAGES} pages are open already; close one")
        socket = web.WebSocketResponse(heartbeat=15)
        self._pages.add(socket)
        try:
            await socket.prepare(request)
            service = PageProcess(
                "",
                write_bytes=socket.send_bytes,
                write_str=socket.send_str,
                close=self._closer(socket),
                download_manager=self.download_manager,
            )
            service.arguments = self._arguments
            try:
                await service.start(_number(request, "width", 80), _number(request, "height", 24))
                await self._process_messages(socket, service)
            except (ValueError, TypeError, LookupError, AttributeError, AssertionError):
                pass  # not what the page sends: the connection ends
            finally:
                await asyncio.shield(service.stop())
        finally:
            self._pages.discard(socket)
            await socket.close()
        return socket

    @staticmethod
    def _closer(socket: web.WebSocketResponse) -> Callable[[], Awaitable[None]]:
        async def close() -> None:
            await socket.close()

        return close

    async def on_shutdown(self, app: web.Application) -> None:  # noqa: ARG002
        """Close the pages, and so end their processes."""
        for socket in list(self._pages):
            await socket.close(code=1001, message=b"the server ends")

    async def run(self) -> None:
        """Serve until the task is cancelled."""
        runner = web.AppRunner(await self._make_app(), access_log=None, shutdown_timeout=2 * _PATIENCE_SECONDS)
        await runner.setup()
        try:
            site = web.TCPSite(runner, _HOST, self.port)
            await site.start()
            self.port = runner.addresses[0][1]
            self._said(f"{self.origins[0]}/{self.token}/")
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


def _number(request: web.Request, name: str, otherwise: int) -> int:
    """A size of the terminal in the query of a request."""
    text = request.query.get(name, "")
    return min(max(int(text), 1), 1000) if text.isascii() and text.isdigit() and len(text) < 6 else otherwise  # noqa: PLR2004


def serve(arguments: Sequence[str], port: int, said: Callable[[str], None]) -> None:
    """Serve the app that a command runs, until SIGINT or SIGTERM; `said` is called with the address.

    Raises:
        OSError: the port cannot be used.
    """

    async def run() -> None:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)  # type: ignore[union-attr]
        with suppress(asyncio.CancelledError):
            await AppServer(arguments, port, said).run()

    asyncio.run(run())
