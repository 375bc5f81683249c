"""An order API of our own: it shows each order as the test says, well or badly, and remembers who asked."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.outside.waiting import until

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Shown = Mapping[str, Any] | str | bytes | Handler


@dataclass
class Asked:
    """One request."""

    at: float  # time.time()
    order: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Order:
    """What one order shows now."""

    shown: Shown
    looks: int = 0
    answered: int = 0
    script: list[tuple[float, Shown]] = field(default_factory=list)  # wall time from which each is shown

    def now(self) -> Shown:
        current = self.shown
        for at, shown in self.script:
            if at <= time.time():
                current = shown
        return current


class OrderApi:
    """All the documented paths on one port. Orders nobody has shown are 404, as the documents have it."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.asked: list[Asked] = []
        self.by_order: defaultdict[str, list[Asked]] = defaultdict(list)
        self.instead: Handler | None = None
        self.tokens: set[str] | None = None  # Authorization values that are good; None: all
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> Self:
        app = web.Application()
        for path in (
            "/api/1.0/client/{account}/order/{order}/progress",
            "/api/1.0/client/{account}/order/{order}",
            "/api/v1/companies/{account}/orders/{order}",
            "/order/{order}/status",
            "/v1/o/{order}",
            "/integration/2.0/orders/info",
        ):
            app.router.add_get(path, self._answer)
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
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("order") or request.query["order_id"]
        asked = Asked(time.time(), name, request.raw_path, dict(request.headers))
        self.asked.append(asked)
        self.by_order[name].append(asked)
        if self.instead is not None:
            return await self.instead(request)
        if self.tokens is not None and request.headers.get("Authorization") not in self.tokens:
            return web.json_response({"message": "bad token"}, status=401)
        order = self.orders.get(name)
        if order is None:
            return web.json_response({"code": "NOT_FOUND"}, status=404)
        order.looks += 1
        shown = order.now()
        if callable(shown):
            return await shown(request)
        text = shown if isinstance(shown, (str, bytes)) else json.dumps(shown)
        body = text.encode() if isinstance(text, str) else text
        order.answered += 1
        return web.Response(body=body, content_type="application/json")

    def show(self, name: str, shown: Shown) -> Order:
        if name in self.orders:
            self.orders[name].shown = shown
        else:
            self.orders[name] = Order(shown)
        return self.orders[name]

    def hide(self, name: str) -> None:
        self.orders.pop(name, None)

    def count(self, name: str) -> int:
        return len(self.by_order[name])

    async def seen(self, name: str, times: int = 3, within: float = 25.0) -> None:
        """Until the program has asked `times` more times.

        An order has one look in flight, its commit included: what the last but one showed is committed by then.
        """
        goal = self.count(name) + times
        await until(lambda: self.count(name) >= goal, f"order {name} is not asked for {times} more times", within)

    async def play(self, name: str, *bodies: Shown, times: int = 4) -> None:
        """Shows one after the other, each until it was certainly seen, twice where it had to be."""
        for body in bodies:
            self.show(name, body)
            await self.seen(name, times)


def failing(status: int, *, headers: Mapping[str, str] | None = None, body: object = None) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        if isinstance(body, (str, bytes)):
            raw = body.encode() if isinstance(body, str) else body
            return web.Response(status=status, headers=headers, body=raw, content_type="text/html")
        return web.json_response(body, status=status, headers=headers)

    return answer


def late(seconds: float, shown: Mapping[str, Any]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.json_response(shown)

    return answer


async def dropped(request: web.Request) -> web.StreamResponse:
    """The connection is closed without a word."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def truncated(shown: Mapping[str, Any]) -> Handler:
    """A body that ends before its length, with the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        raw = json.dumps(shown).encode()
        response = web.StreamResponse(headers={"Content-Length": str(len(raw)), "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(raw[: len(raw) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


async def dripping(request: web.Request) -> web.StreamResponse:
    """Always alive, never done."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b"{")
    while True:
        await asyncio.sleep(0.05)
        await response.write(b" ")


def huge(size: int) -> Handler:
    """A right answer in too many bytes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"status": "complete", "filler": "')
        for _ in range(size // 65536):
            await response.write(b"x" * 65536)
        await response.write(b'"}')
        return response

    return answer
