"""The whole program on virtual time: real loops, routing and tracking; the simulator without sockets; a fake receiver.

What it tells is held against the simulator's true timeline.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from multidict import CIMultiDict

from notifier.app import App
from notifier.backends.base import Backend
from notifier.config.load import load
from notifier.config.model import Config
from notifier.errors import LookFailed, Reason
from notifier.net.fetch import Fetch, Request, Response
from notifier.simulator.direct import ask
from notifier.simulator.world import World as Simulated
from notifier.testing.sink import FakeSink
from notifier.testing.virtual import VirtualClock

CONFIG = """
events: {personal_data: true}
sources:
  trips: {type: business_v2, base_url: "http://127.0.0.1:1", token: t, account: {client_id: c}, poll: {default: 5s}, budget: {requests_per_second: 1000, concurrency: 50}}
  rides: {type: taxi_v1, base_url: "http://127.0.0.1:1", token: t, account: {client_id: c}, poll: {default: 5s}, budget: {requests_per_second: 1000, concurrency: 50}}
  cars: {type: progress, base_url: "http://127.0.0.1:1", token: t, account: {client_id: c}, poll: {default: 5s}, budget: {requests_per_second: 1000, concurrency: 50}}
  parcels: {type: track_trace, base_url: "http://127.0.0.1:1", token: t, account: {company_id: "7"}, poll: {default: 5s}, budget: {requests_per_second: 1000, concurrency: 50}}
  meals: {type: restaurant, base_url: "http://127.0.0.1:1", token: t, poll: {default: 5s}, budget: {requests_per_second: 1000, concurrency: 50}}
sinks:
  hook: {type: webhook, url: "https://hook.example.org/", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
rules:
  - {name: everything, when: {}, send: [{sink: hook}]}
"""  # noqa: E501
APIS = {"trips": "business_v2", "rides": "taxi_v1", "cars": "progress", "parcels": "track_trace", "meals": "restaurant"}


class Simulation:
    """A `Fetch` that asks the simulator without a socket."""

    def __init__(self, simulated: Simulated) -> None:
        self._simulated = simulated

    async def __call__(self, request: Request, /) -> Response:
        try:
            answer = await ask(self._simulated, request.url, dict(request.headers))
        except ConnectionResetError as error:
            raise LookFailed(Reason.CONNECTION, str(error)) from error
        return Response(answer.status, CIMultiDict(answer.headers), answer.body)

    async def close(self) -> None:
        await asyncio.sleep(0)


class World:
    """One program, one simulator, one receiver."""

    def __init__(self, app: App, simulated: Simulated, clock: VirtualClock, hook: FakeSink) -> None:
        self.app = app
        self.simulated = simulated
        self.clock = clock
        self.hook = hook

    async def follow(self, source: str, order: str, **more: Any) -> str:
        watch, _ = await self.app.desk.put({"source": source, "ids": {"order_id": order}, **more})
        return watch.key

    def told(self) -> dict[str, list[dict[str, Any]]]:
        """By order key, the data of each delivered event, repeats (by `webhook-id`) left out."""
        seen: set[str] = set()
        told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for sent in self.hook.delivered:
            if sent.message.id not in seen:
                seen.add(sent.message.id)
                data = orjson.loads(sent.message.event.data)
                told[data["order"]["key"]].append(data | {"type": sent.message.event.type})
        return told

    def repeats(self) -> int:
        return len(self.hook.delivered) - len({sent.message.id for sent in self.hook.delivered})


@asynccontextmanager
async def world(
    backend: Backend, clock: VirtualClock, folder: Path, *, seed: int = 1, config: str = CONFIG
) -> AsyncIterator[World]:
    simulated = Simulated(seed, clock=clock.now, sleep=asyncio.sleep)
    hook = FakeSink()
    file = folder / "notifier.yaml"
    file.write_text(config)
    loaded: Config = load(file)
    fetches: Mapping[str, Fetch] = dict.fromkeys(loaded.sources, Simulation(simulated))
    app = App(loaded, clock=clock, backend=backend, fetches=fetches, sinks={"hook": hook})
    await app.start()
    try:
        yield World(app, simulated, clock, hook)
    finally:
        await app.stop(5)


def chain(events: list[dict[str, Any]]) -> list[str]:
    """The statuses that the events lead through, from `tracked` on."""
    return [event["after"]["status"] for event in events if event["type"] in ("tracked", "status_changed")]


def true_chain(simulated: Simulated, api: str, order: str) -> list[str]:
    """The statuses of the true timeline so far, equal neighbours once."""
    statuses = [value for _, kind, value in simulated.timeline(api, order) if kind == "status"]
    return [status for last, status in zip([None, *statuses], statuses, strict=False) if status != last]
