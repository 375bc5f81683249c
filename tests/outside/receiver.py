"""A webhook receiver of our own: it checks every signature by its own arithmetic and answers as it is told."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

SECRET = "whsec_" + base64.b64encode(b"outside-acceptance-secret-0123456789").decode()

Said = tuple[int, Mapping[str, str]]


@dataclass
class Received:
    at: float  # time.time()
    path: str
    id: str
    timestamp: int
    signatures: list[str]
    headers: Mapping[str, str]
    body: bytes
    status: int = 0

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    @property
    def type(self) -> str:
        return str(self.payload["type"]).removeprefix("notifier.order.").removesuffix(".v1")

    @property
    def data(self) -> Any:
        return self.payload["data"]

    @property
    def key(self) -> str:
        return str(self.data["order"]["key"])


def signature(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """Standard Webhooks 1.0.0, by hand."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{id_}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def derived(secret: str, url: str) -> str:
    """The secret of a recipient's URL (INTERFACE, 'Sink keys')."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return (
        "whsec_" + base64.b64encode(hmac.new(key, b"webhook-secret:" + url.encode(), hashlib.sha256).digest()).decode()
    )


class Receiver:
    """Answers 204, or what `answer` says for a request; every request is kept, whatever was answered."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Said | Awaitable[Said]] = lambda _: (204, {})
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> Self:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return f"{self.base}/hook"

    async def _take(self, request: web.Request) -> web.Response:
        taken = Received(
            time.time(),
            request.raw_path,
            request.headers.get("webhook-id", ""),
            int(request.headers.get("webhook-timestamp", "0")),
            request.headers.get("webhook-signature", "").split(),
            request.headers.copy(),  # whose names have no case
            await request.read(),
        )
        self.received.append(taken)
        said = self.answer(taken)
        status, headers = said if isinstance(said, tuple) else await said
        taken.status = status
        return web.Response(status=status, headers=headers)

    def accepted(self, path: str = "/hook") -> list[Received]:
        """What was answered 2xx, repeats of one id once, in the order of arrival."""
        seen: dict[str, Received] = {}
        for each in self.received:
            if each.path == path and 200 <= each.status < 300:
                seen.setdefault(each.id, each)
        return list(seen.values())

    def of(self, key: str, path: str = "/hook") -> list[Received]:
        return [each for each in self.accepted(path) if each.key == key]
