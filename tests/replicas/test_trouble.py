"""Kafka is away for 20 s amid changes; one order is too large; an endpoint with thousands of deliveries is gone."""

import asyncio
import time
from collections import Counter

import pytest

from tests.kafka.plugin import Clusters
from tests.outside import bodies
from tests.outside.order_api import OrderApi
from tests.outside.receiver import Receiver
from tests.outside.waiting import until
from tests.replicas.conftest import Start
from tests.replicas.test_rebalance import polled, put

AWAY = 20.0  # seconds

pytestmark = pytest.mark.timeout(200)


async def test_nothing_seen_becomes_inferred_and_nothing_is_sent_twice(
    fleet: Start, clusters: Clusters, api: OrderApi, hook: Receiver
) -> None:
    cluster = await asyncio.to_thread(clusters)
    herd = await fleet(2, servers=cluster.bootstrap_servers)
    orders = [f"ride-{number}" for number in range(30)]
    for order in orders:
        api.show(order, bodies.business("search"))
    await asyncio.gather(*(put(herd.replicas[0], order) for order in orders))
    await polled(api, orders)
    changed = time.time()
    for number, order in enumerate(orders):
        api.show(order, bodies.business("driving")).script = [(changed + number * 0.03, bodies.business("waiting"))]
    await asyncio.to_thread(cluster.kill, 1)
    killed = time.time()
    await asyncio.sleep(AWAY / 2)
    drove = {
        order
        for number, order in enumerate(orders)
        if any(changed <= asked.at < changed + number * 0.03 - 0.01 for asked in api.by_order[order])
    }
    for order in orders:
        api.show(order, bodies.business("transporting")).script = []
    seen = {order: api.count(order) for order in orders}
    await asyncio.sleep(AWAY / 2 - (time.time() - killed - AWAY / 2))
    asked = sum(api.count(order) - seen[order] for order in orders)
    await asyncio.to_thread(cluster.restart, 1)
    await polled(api, orders)

    async def told() -> bool:
        return len({each.key for each in hook.accepted() if each.data["after"] == {"status": "transporting"}}) == 30

    await until(told, "not every order's last status is sent", 60)
    print(f"{len(drove)} orders were seen driving, {asked} looks in the last {AWAY / 2:g} s without Kafka")
    for order in sorted(drove):
        events = await herd.replicas[1].events(f"trips/{order}")
        inferred = [event["data"]["after"] for event in events if event["data"]["inferred"]]
        assert {"status": "driving"} not in inferred, (order, inferred)
    ids = Counter(each.id for each in hook.received)
    assert max(ids.values()) == 1, [each for each in ids.items() if each[1] > 1]
    for order in orders:
        numbers = [event["data"]["sequence"] for event in await herd.replicas[0].events(f"trips/{order}")]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_an_order_of_five_megabytes_stops_only_itself(fleet: Start, api: OrderApi) -> None:
    herd = await fleet(1, kind="track_trace")
    large, others = "77", [f"{number}" for number in range(100, 112)]
    for order in (large, *others):
        api.show(order, parcel(2))
    for order in (large, *others):
        await put(herd.replicas[0], order)
    await polled(api, others)
    api.show(large, parcel(2) | {"history": entries(2) + entries(50, 2, initiator="x" * 100_000)})
    await api.seen(large, 2)
    for order in others:
        api.show(order, parcel(3))
    await polled(api, others)
    for order in others:
        events = await herd.replicas[0].events(f"trips/5/{order}")
        assert [event["data"]["sequence"] for event in events] == [1, 2], events
    state = await herd.replicas[0].order(f"trips/5/{large}")
    assert state["last_error"] is not None
    assert (await herd.replicas[0].get("/readyz")).status == 200
    api.show(large, parcel(3))

    async def again() -> bool:
        return len(await herd.replicas[0].events(f"trips/5/{large}")) == 2

    await until(again, "it does not go on when its answer is sound again")


async def test_a_gone_endpoint_with_thousands_waiting_is_ended_in_slices(
    fleet: Start, api: OrderApi, hook: Receiver
) -> None:
    orders, each = [f"{number}" for number in range(100, 150)], 100
    herd = await fleet(1, kind="track_trace", sink={"retries": ["1h"], "timeout": "5s"})
    hook.answer = lambda _: (503, {})
    for order in orders:
        api.show(order, parcel(1))
        await put(herd.replicas[0], order)
    await polled(api, orders)
    for order in orders:
        api.show(order, parcel(1 + each))

    async def pending() -> bool:
        metrics = (await herd.replicas[0].get("/metrics")).body.decode()
        return any(
            line.startswith("notifier_deliveries_pending{") and float(line.split()[-1]) >= len(orders) * each
            for line in metrics.splitlines()
        )

    await until(pending, "not so many wait", 60)
    hook.answer = lambda _: (410, {})
    api.show("999", parcel(1))
    await put(herd.replicas[0], "999")
    # The 503s have opened the breaker: it takes a while until one is tried again.
    await until(lambda: any(one.status == 410 for one in hook.received), "nothing is sent any more", 90)
    began = time.monotonic()
    slowest = 0.0

    async def ended() -> bool:
        nonlocal slowest
        await asyncio.sleep(0.2)  # not to be what it is busy with
        asked = time.monotonic()
        dead = await herd.replicas[0].get("/v1/deliveries?state=pending&limit=1")
        slowest = max(slowest, time.monotonic() - asked)
        return dead.status == 200 and not dead.json["items"]

    await until(ended, "they are not given up", 90)
    print(
        f"{len(orders) * each} deliveries given up in {time.monotonic() - began:.1f} s; slowest answer {slowest:.2f} s"
    )
    dead = await herd.replicas[0].items("/v1/deliveries?state=dead&limit=1000")
    assert len(dead) >= len(orders) * each
    assert {one["reason"] for one in dead} <= {"endpoint_disabled", "gone"}


def entries(count: int, first: int = 0, **more: str) -> list[bodies.Body]:
    return [bodies.item("INTERVAL_UPDATE", float(number), **more) for number in range(first, first + count)]


def parcel(count: int) -> bodies.Body:
    """With so many entries in its history."""
    return bodies.track("new", [bodies.log("new", 0.0)], entries(count))
