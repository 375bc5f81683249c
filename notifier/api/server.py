"""The server: starts, listens, and ends with its streams."""

import asyncio

from aiohttp import web

from notifier.api.answers import DESK
from notifier.api.asking import MAX_BODY
from notifier.api.auth import Tokens, guard
from notifier.api.desk import Desk
from notifier.api.problems import problems
from notifier.api.routes import PUBLIC, ROUTES
from notifier.api.stream import CLOSING, HEARTBEAT
from notifier.api.weblog import WebLog
from notifier.errors import Refused

GRACE = 2.0  # seconds that answers on their way get at the end


class ApiServer:
    """Listens until `close`. `port` is the real one, also when a free one was asked for."""

    def __init__(self, runner: web.AppRunner, closing: asyncio.Event) -> None:
        self._runner = runner
        self._closing = closing
        self.port: int = runner.addresses[0][1]

    async def close(self) -> None:
        """Takes no more requests, ends the streams, gives the rest a short time."""
        self._closing.set()
        await self._runner.cleanup()


async def start_api(desk: Desk, host: str, port: int, *, heartbeat: float = 10.0) -> ApiServer:
    """Refused when it cannot listen there; ConfigError when the token file cannot be used."""
    closing = asyncio.Event()
    runner = web.AppRunner(
        application(desk, closing, heartbeat),
        access_log=None,  # paths hold keys
        logger=WebLog(),
        handle_signals=False,
        auto_decompress=False,
        shutdown_timeout=GRACE,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise Refused(
            f"The API cannot listen on {host}, port {port}: {error.strerror or error}. "
            "Set api.host and api.port to an address of this machine and a free port."
        ) from error
    return ApiServer(runner, closing)


def application(desk: Desk, closing: asyncio.Event, heartbeat: float) -> web.Application:
    token_file = desk.config.api.token_file
    tokens = None if token_file is None else Tokens(token_file)
    app = web.Application(middlewares=[problems(desk.clock), guard(tokens, PUBLIC)], client_max_size=MAX_BODY)
    app[DESK] = desk
    app[CLOSING] = closing
    app[HEARTBEAT] = heartbeat
    app.add_routes(ROUTES)
    app.on_response_prepare.append(_harden)
    return app


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "order-notifier"
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
