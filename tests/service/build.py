"""A whole program on virtual time: an order API out of a dict, a sink in memory, a backend that fails at will."""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from notifier.app import App
from notifier.backends.base import DeliveryQuery, EventQuery
from notifier.backends.partition import shard_of
from notifier.config.load import load
from notifier.errors import LookFailed, Reason
from notifier.model import CloudEvent, Delivery
from notifier.net.fetch import Request, Response
from notifier.testing.backend import MemoryBackend, Storage
from notifier.testing.fetch import FakeFetch, reply
from notifier.testing.sink import FakeSink
from notifier.testing.virtual import VirtualClock

CONFIG = """
sources:
  shop:
    type: json
    base_url: "http://127.0.0.1:1"
    url: "/o/{order_id}"
    token: t
    status: status
    phases: {new: created, cooking: preparing, ready: ready, done: completed}
    poll: {default: 5s}
    budget: {requests_per_second: 1000, concurrency: 50}
SOURCE
sinks:
  hook: {type: webhook, url: "https://hook.example.org/", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"SINK}
rules:
RULES
"""
EVERYTHING = "  - {name: everything, when: {}, send: [{sink: hook}]}"
TO_RECIPIENTS = "  - {name: everything, when: {}, send: [{sink: hook, to: recipients}]}"

Answer = str | Exception | Callable[[Request], "Response | Awaitable[Response]"]


class Api:
    """What each order's API says: a status, a failure, or whatever a function makes of it."""

    def __init__(self) -> None:
        self.answers: defaultdict[str, Answer] = defaultdict(lambda: "new")
        self.asked: list[tuple[float, str]] = []
        self.under_way: defaultdict[str, int] = defaultdict(int)
        self.delay = 0.01
        self.fetch = FakeFetch(always=self._answer)

    def times(self, order: str) -> list[float]:
        return [at for at, asked in self.asked if asked == order]

    async def _answer(self, request: Request) -> Response:
        match = re.search(r"/o/([^/?]+)", request.url)
        assert match is not None
        order = match[1]
        self.asked.append((asyncio.get_running_loop().time(), order))
        answer = self.answers[order]  # as it is when the request comes in
        self.under_way[order] += 1
        try:
            await asyncio.sleep(self.delay)
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, str):
                return reply(200, orjson.dumps({"status": answer}))
            made = answer(request)
            return made if isinstance(made, Response) else await made
        finally:
            self.under_way[order] -= 1


def failing(reason: Reason = Reason.FORBIDDEN) -> LookFailed:
    """A failure that is not repeated within the look."""
    return LookFailed(reason, "as the test wants it")


class Program:
    def __init__(self, app: App, backend: MemoryBackend, api: Api, hook: FakeSink, clock: VirtualClock) -> None:
        self.app = app
        self.backend = backend
        self.api = api
        self.hook = hook
        self.clock = clock

    def shard(self, order: str) -> int:
        return shard_of(f"shop/{order}", self.backend.shards)

    async def put(self, order: str, **more: Any) -> bool:
        _, new = await self.app.desk.put({"source": "shop", "ids": {"order_id": order}, **more})
        return new

    async def follow(self, order: str, status: str = "new", **more: Any) -> None:
        """Put and tracked."""
        self.api.answers[order] = status
        await self.put(order, **more)
        await asyncio.sleep(1)

    async def remove(self, order: str) -> bool:
        return await self.app.desk.remove(f"shop/{order}")

    async def events(self, order: str) -> list[CloudEvent]:
        page = await self.backend.view.find(EventQuery(key=f"shop/{order}", limit=1000))
        return list(page.items)

    async def types(self, order: str) -> list[str]:
        events = await self.events(order)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        return [event.type for event in events]

    async def data(self, order: str, type: str) -> list[dict[str, Any]]:
        return [orjson.loads(event.data) for event in await self.events(order) if event.type == type]

    async def deliveries(self, order: str | None = None, state: str | None = None) -> list[Delivery]:
        found: list[Delivery] = []
        cursor = None
        while True:
            page = await self.backend.view.find(
                DeliveryQuery(key=order and f"shop/{order}", state=state, limit=1000, cursor=cursor)
            )
            found += page.items
            if page.next is None:
                return found
            cursor = page.next

    def sent(self, order: str | None = None) -> list[str]:
        """Types of the events of all attempts, in their order."""
        return [each.message.event.type for each in self.hook.sent if order in (None, key_of(each.message.event))]

    def ids(self) -> list[str]:
        return [each.message.id for each in self.hook.delivered]


def key_of(event: CloudEvent) -> str:
    return event.key.removeprefix("shop/")


def config(folder: Path, rules: str = EVERYTHING, source: str = "", sink: str = "") -> Any:
    file = folder / "notifier.yaml"
    named = {line.split(":")[0] for line in source.splitlines()}
    kept = [line for line in CONFIG.splitlines() if line.split(":")[0] not in named]
    if sink.startswith("  "):
        kept = [sink if line.startswith("  hook") else line for line in kept]
    file.write_text("\n".join(kept).replace("SOURCE", source).replace("SINK", sink).replace("RULES", rules))
    return load(file)


@asynccontextmanager
async def program(
    folder: Path,
    *,
    rules: str = EVERYTHING,
    source: str = "",
    sink: str = "",
    backend: MemoryBackend | None = None,
    storage: Storage | None = None,
    shards: int = 1,
    api: Api | None = None,
    hook: FakeSink | None = None,
    clock: VirtualClock | None = None,
    stop: float = 5,
) -> AsyncIterator[Program]:
    """Started, with its shards restored; stopped at the end.

    `source`: lines that replace its own; `sink`: more keys, or another line in its place.
    """
    clock = clock or VirtualClock()
    backend = backend or MemoryBackend(shards=shards, clock=clock, storage=storage)
    api = api or Api()
    hook = hook or FakeSink()
    app = App(
        config(folder, rules, source, sink),
        clock=clock,
        backend=backend,
        fetches={"shop": api.fetch},
        sinks={"hook": hook},
    )
    await app.start()
    await asyncio.sleep(0.05)
    try:
        yield Program(app, backend, api, hook, clock)
    finally:
        await app.stop(stop)
