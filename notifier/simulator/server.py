"""The simulator as a server: five order APIs, a token endpoint and the admin endpoints on one port."""

from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Self

from aiohttp import web

from notifier.simulator.admin import Admin
from notifier.simulator.answering import Reply, reply, reply_token
from notifier.simulator.apis import APIS
from notifier.simulator.apis.base import Api, Ask
from notifier.simulator.sending import send
from notifier.simulator.world import World

TOKEN_PATH = "/oauth/token"
_CLOSE_WITHIN = 0.2


class Simulator(World):
    """The five order APIs on loopback. Arguments as `World`.

        async with Simulator(seed=7, speed=60) as simulator:
            url = simulator.base_urls["taxi_v1"]

    Faults, births and the true timeline are asked of the object (`add_fault`, `begin`, `timeline`, `answers`, `stats`)
    or over HTTP (see `admin`).
    """

    url = ""
    _runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a free port by default; the URL that all base URLs equal. Raises OSError if the port is taken."""
        app = web.Application()
        app.add_routes(web.get(api.path, self._handler(api)) for api in APIS.values())
        app.add_routes([web.post(TOKEN_PATH, self._token), *Admin(self).routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_WITHIN)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        address = self._runner.addresses[0]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{address[1]}"
        return self.url

    async def close(self) -> None:
        """End all connections; those who wait for a slow answer see theirs end."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def base_urls(self) -> dict[str, str]:
        """By API: what precedes the documented path. Empty texts before the start."""
        return dict.fromkeys(APIS, self.url)

    @property
    def token_url(self) -> str:
        """Where a client gets a token: POST form, grant_type=client_credentials, HTTP Basic."""
        return self.url + TOKEN_PATH

    def _handler(self, api: Api) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            now = self.clock()
            ask = Ask(request.match_info, request.query, request.headers, now, self.zone, self.clients)
            answer = partial(reply, self, api, ask, request.headers.get("Authorization"))
            return await self._counted(request, api.name, now, answer)

        return handle

    async def _token(self, request: web.Request) -> web.StreamResponse:
        grant_type = str((await request.post()).get("grant_type"))
        now = self.clock()
        answer = partial(reply_token, self, request.headers.get("Authorization"), grant_type, now)
        return await self._counted(request, "oauth", now, answer)

    async def _counted(
        self, request: web.Request, name: str, now: int, answer: Callable[[], Reply]
    ) -> web.StreamResponse:
        self.ledger.asked(name, now)
        http_status: int | None = None
        try:
            told = answer()
            response = await send(request, told, now, self.sleep)
            if told.treatment.mode != "drop":
                http_status = told.status
            return response
        finally:
            self.ledger.answered(name, http_status)
