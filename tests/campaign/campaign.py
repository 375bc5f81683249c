"""One campaign: the cluster, the order APIs, the replicas, the faults, and what came of it."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

from notifier.simulator.lives import life
from notifier.simulator.server import Simulator
from notifier.simulator.threaded import running
from tests.campaign.faults import Faults
from tests.campaign.replicas import Fleet, Replica
from tests.campaign.truth import audited, by_order, differences, read_all
from tests.kafka.cluster import Cluster
from tests.kafka.properties import Wish

SHARDS = 12
SESSION = 6.0  # seconds
AT_ONCE = 20  # POSTs
AFTERWARDS = 300.0  # seconds of the orders' own time in which an order that is over may still change

Say = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`speed`: how much faster the orders live; at 8 a ride takes about five minutes. `spread` in seconds.

    `longest`: seconds; orders that would live longer are left out.
    """

    orders: int
    faults: int
    replicas: int = 3
    brokers: int = 1
    seed: int = 1
    speed: float = 8.0
    poll: str = "2s"
    spread: float = 60.0
    longest: float = 3600.0
    kinds: tuple[str, ...] = ()


def config(plan: Plan, cluster: Cluster, simulator: Simulator, prefix: str) -> dict[str, Any]:
    budget = {"requests_per_second": 3000, "concurrency": 60}
    common = {"base_url": simulator.url, "token": "t", "poll": {"default": plan.poll}, "budget": budget}
    grace = f"{AFTERWARDS / plan.speed + 10:g}s"
    common |= {"retry_for": "5s", "timeout": "3s", "retire_after": grace}
    return {
        "backend": {
            "type": "kafka",
            "bootstrap_servers": list(cluster.bootstrap_servers),
            "topic_prefix": prefix,
            "partitions": SHARDS,
            "replication_factor": min(3, plan.brokers),
            "session_timeout": f"{SESSION:g}s",
        },
        "sources": {
            "trips": {"type": "business_v2", "account": {"client_id": "c"}, **common},
            "parcels": {"type": "track_trace", "account": {"company_id": "7"}, **common},
        },
    }


async def run(plan: Plan, folder: Path, say: Say) -> list[str]:
    """What was found wrong; nothing: all is well."""
    chance = random.Random(plan.seed)
    cluster = await asyncio.to_thread(Cluster.start, folder / "kafka", Wish(brokers=plan.brokers), owner=os.getpid())
    try:
        with running(Simulator(plan.seed, speed=plan.speed, keep=4)) as simulator:
            settings = config(plan, cluster, simulator, "campaign")
            async with _fleet(plan, folder, settings) as fleet:
                orders = await _follow(plan, fleet, chance)
                say({"followed": len(orders)})
                await _harm(plan, Faults(fleet, cluster, SESSION, chance), chance, say)
                await _over(simulator, orders)
                await _settled(fleet, orders)
                fenced = sum(replica.stderr.read_text().count('"shard_fenced"') for replica in fleet.replicas)
            records = await read_all(cluster.bootstrap_servers, "campaign.events", SHARDS)
            audit = audited(records, SHARDS)
            wrong = [str(finding) for finding in audit.findings]
            wrong += differences(by_order(records), orders, simulator)
            say({"events": audit.events, "orders": audit.orders, "fenced": fenced, **dict(audit.counts)})
            return wrong
    finally:
        await asyncio.to_thread(cluster.close)


@asynccontextmanager
async def _fleet(plan: Plan, folder: Path, settings: Mapping[str, Any]) -> AsyncIterator[Fleet]:
    replicas = []
    for number in range(plan.replicas):
        place = folder / f"replica{number}"
        place.mkdir()
        replicas.append(Replica(place, settings, number))
    fleet = Fleet(replicas, SHARDS)
    try:
        await fleet.start()
        yield fleet
    finally:
        await fleet.close()


async def _follow(plan: Plan, fleet: Fleet, chance: random.Random) -> dict[str, tuple[str, str]]:
    """Watches put in over `spread` seconds, each at some replica, some while shards change hands."""
    orders: dict[str, tuple[str, str]] = {}
    gate = asyncio.Semaphore(AT_ONCE)

    async def put(nth: int, source: str, api: str, order: str) -> None:
        await asyncio.sleep(plan.spread * nth / plan.orders)
        async with gate:
            while True:
                answer = await chance.choice(fleet.running).ask(
                    "POST", "/v1/watches", {"source": source, "ids": {"order_id": order}}
                )
                if answer.status in (200, 201):
                    orders[answer.json["key"]] = (api, order)
                    return
                assert answer.status == 503, answer
                await asyncio.sleep(0.5)  # Retry-After: 1

    await asyncio.gather(*(put(nth, *each) for nth, each in enumerate(islice(_drawn(plan), plan.orders))))
    return orders


def _drawn(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Source, API and order id, without end: a parcel to three rides, but for those that live too long."""
    for number in count():
        source, api = ("parcels", "track_trace") if number % 4 == 0 else ("trips", "business_v2")
        order = str(9_000_000 + number) if api == "track_trace" else f"ride-{number}"
        if life(plan.seed, api, order, born=0, speed=plan.speed).ends <= plan.longest * 1000:
            yield source, api, order


async def _harm(plan: Plan, faults: Faults, chance: random.Random, say: Say) -> None:
    kinds = plan.kinds or tuple(faults.kinds())
    for number in range(plan.faults):
        began = time.monotonic()
        told = await faults.one(kinds[number % len(kinds)])
        say({"number": number + 1, **told, "seconds": round(time.monotonic() - began, 1)})
        await asyncio.sleep(chance.uniform(0, 3))


async def _over(simulator: Simulator, orders: Mapping[str, tuple[str, str]]) -> None:
    """Until every order's life has ended; it begins when an order is first asked for."""
    async with asyncio.timeout(60):
        while len(simulator.ledger.orders) < len(orders):
            await asyncio.sleep(0.1)
    end = max(simulator.life(api, order).ends for api, order in orders.values())
    await asyncio.sleep(max(0.0, (end - simulator.clock()) / 1000) + 1)


async def _settled(fleet: Fleet, orders: Mapping[str, tuple[str, str]], within: float = 60) -> None:
    """Until every order is seen to be over, at one of the replicas."""
    async with asyncio.timeout(within):
        while True:
            items = await fleet.running[0].items("/v1/orders")
            if sum(item["phase"] in _ENDS for item in items) == len(orders):
                return
            await asyncio.sleep(0.5)


_ENDS = {"completed", "partially_completed", "cancelled", "failed"}
