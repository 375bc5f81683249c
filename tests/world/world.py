"""The whole program on virtual time: real loops, routing and tracking; the simulator without sockets; a fake receiver.

What it tells is held against the simulator's true timeline.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Set
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
from notifier.simulator.faults import Fault
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
  hook:
    type: webhook
    url: "https://hook.example.org/"
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    retries: [2s, 2s, 2s, 2s, 2s, 2s, 2s, 2s, 2s, 2s]
rules:
  - {name: everything, when: {}, send: [{sink: hook}]}
"""  # noqa: E501
APIS = {"trips": "business_v2", "rides": "taxi_v1", "cars": "progress", "parcels": "track_trace", "meals": "restaurant"}


TIMEOUT = 10.0  # seconds


class Simulation:
    """A `Fetch` that asks the simulator without a socket."""

    def __init__(self, simulated: Simulated) -> None:
        self._simulated = simulated

    async def __call__(self, request: Request, /) -> Response:
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await ask(self._simulated, request.url, dict(request.headers))
        except ConnectionResetError as error:
            raise LookFailed(Reason.CONNECTION, str(error)) from error
        except TimeoutError as error:
            raise LookFailed(Reason.TIMEOUT, "no answer in time") from error
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


def start(
    backend: Backend, clock: VirtualClock, folder: Path, simulated: Simulated, hook: FakeSink, config: str = CONFIG
) -> App:
    """A program over what is there already, not started yet."""
    file = folder / "notifier.yaml"
    file.write_text(config)
    loaded: Config = load(file)
    fetches: Mapping[str, Fetch] = dict.fromkeys(loaded.sources, Simulation(simulated))
    return App(loaded, clock=clock, backend=backend, fetches=fetches, sinks={"hook": hook})


@asynccontextmanager
async def world(
    backend: Backend,
    clock: VirtualClock,
    folder: Path,
    *,
    seed: int = 1,
    config: str = CONFIG,
    faults: Iterable[Fault] = (),
) -> AsyncIterator[World]:
    simulated = Simulated(seed, clock=clock.now, sleep=asyncio.sleep, faults=faults, keep=100_000)
    hook = FakeSink()
    app = start(backend, clock, folder, simulated, hook, config)
    await app.start()
    try:
        yield World(app, simulated, clock, hook)
    finally:
        await app.stop(5)


async def kill(app: App, spared: Set[asyncio.Task[Any]]) -> None:
    """Ends everything of a program at once, wherever it is; nothing that it does from now on is seen."""
    tasks = asyncio.all_tasks() - spared
    for task in tasks:
        task.cancel()
    await asyncio.gather(app.poller.close(0), app.deliverer.close(0), *tasks, return_exceptions=True)


async def follow_all(program: World, each: int) -> dict[str, tuple[str, str]]:
    """So many orders of each source: key to (api, order id)."""
    orders = {}
    for source, api in APIS.items():
        for number in range(each):
            order = str(9_000 + number) if api == "track_trace" else f"{source}{number}"
            orders[await program.follow(source, order)] = (api, order)
    return orders


def check_events(events: list[dict[str, Any]]) -> None:
    """A gapless chain: each status leads on from the one before, and no entry of the history comes twice."""
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["id"] for event in events}) == len(events)
    status = chain(events)[0]
    for event in events:
        if event["type"] == "status_changed":
            assert event["before"]["status"] == status
            status = event["after"]["status"]
        not_before, not_after = event["occurred"]["not_before"], event["occurred"]["not_after"]
        assert not_before is None or not_after is None or not_before <= not_after
    entries = Counter(
        (event["after"]["event"], event["after"]["at"]) for event in events if event["type"] == "history_added"
    )
    assert all(count == 1 for count in entries.values()), entries


def arrived(simulated: Simulated, api: str, order: str) -> set[str]:
    """Statuses that the program was told: whole answers, in time, and not those of a stale replica."""
    return {
        answer.told
        for answer in simulated.answers(api, order)
        if answer.told and answer.http_status == 200 and not {"latency", "stale"} & set(answer.faults)
    }


def within(some: list[str], whole: list[str]) -> bool:
    """Whether `some` are among `whole`, in that order."""
    rest = iter(whole)
    return all(status in rest for status in some)


def chain(events: list[dict[str, Any]]) -> list[str]:
    """The statuses that the events lead through, from `tracked` on."""
    return [event["after"]["status"] for event in events if event["type"] in ("tracked", "status_changed")]


def true_chain(simulated: Simulated, api: str, order: str) -> list[str]:
    """The statuses of the true timeline so far, equal neighbours once."""
    statuses = [value for _, kind, value in simulated.timeline(api, order) if kind == "status"]
    return [status for last, status in zip([None, *statuses], statuses, strict=False) if status != last]
