"""Every replica answers for all orders; who writes reads his own write, anywhere; what one learns, all know."""

import asyncio
import time

import pytest
from aiohttp import web

from tests.campaign.replicas import Replica
from tests.outside import bodies
from tests.outside.order_api import OrderApi, failing
from tests.outside.receiver import Receiver
from tests.outside.stream import Stream
from tests.outside.waiting import until
from tests.replicas.conftest import Start
from tests.replicas.test_rebalance import polled, put

WITHIN = 1.0  # seconds in which a fact holds everywhere

pytestmark = pytest.mark.timeout(120)


async def test_who_writes_reads_his_own_write_at_every_replica(fleet: Start) -> None:
    herd = await fleet(2)
    a, b = herd.replicas
    put_off = 0

    async def seen(replica: Replica, path: str, status: int) -> None:
        """A 503 may be repeated; a wrong answer must never be given."""
        nonlocal put_off
        answer = await replica.get(path)
        while answer.status == 503:
            put_off += 1
            answer = await replica.get(path)
        assert answer.status == status, (path, answer)

    async def one(number: int) -> None:
        path = f"/v1/orders/trips/ride-{number}"
        at, other = (a, b) if number % 2 else (b, a)
        await put(at, f"ride-{number}")
        await asyncio.gather(seen(at, path, 200), seen(other, path, 200))
        if number % 10 == 0:
            assert await at.remove(f"trips/ride-{number}") == 204
            await asyncio.gather(*(seen(each, "/v1/watches?limit=1", 200) for each in (a, b)))

    began = time.perf_counter()
    for first in range(0, 200, 5):
        await asyncio.gather(*map(one, range(first, first + 5)))
    print(f"200 watches written and read at both in {time.perf_counter() - began:.1f} s, {put_off} answers put off")
    assert put_off < 20


async def test_a_cursor_of_one_replica_is_valid_at_the_other(fleet: Start, api: OrderApi) -> None:
    herd = await fleet(2)
    a, b = herd.replicas
    orders = [f"ride-{number}" for number in range(12)]
    first = await Stream.open(a, "?since=2020-01-01T00:00:00Z")
    for order in orders:
        api.show(order, bodies.business("search"))
        await put(a, order)
    await until(lambda: len(first.told) >= 12)
    seen = list(first.told)
    await first.close()
    for order in orders:
        api.show(order, bodies.business("driving"))
    second = await Stream.open(b, last=seen[-1].id)
    third = await Stream.open(b, last=seen[5].id)
    kinds = 3  # status, phase, performer: whatever is told, both must tell the same
    await until(lambda: len(second.told) >= 12 * kinds)
    await until(lambda: len(third.told) >= len(seen) - 6 + len(second.told))
    begun = {told.data["id"] for told in seen}
    assert not begun & {told.data["id"] for told in second.told}
    assert len({told.data["id"] for told in third.told}) == len(third.told)
    assert {told.data["id"] for told in second.told} | begun == {told.data["id"] for told in third.told} | {
        told.data["id"] for told in seen[:6]
    }
    await second.close()
    await third.close()


async def test_what_one_replica_is_told_to_hold_back_all_hold_back(fleet: Start, api: OrderApi) -> None:
    """Retry-After of a 429 of the order API: nobody asks any more."""
    herd = await fleet(3)
    orders = [f"ride-{number}" for number in range(36)]
    for order in orders:
        api.show(order, bodies.business("driving"))
    await asyncio.gather(*(put(herd.replicas[0], order) for order in orders))
    await polled(api, orders)
    assert len({asked.headers["Authorization"] for asked in api.asked}) == 3
    said: list[float] = []
    throttled = failing(429, headers={"Retry-After": "5"}, body={"message": "slow down"})

    async def once(request: web.Request) -> web.StreamResponse:
        api.instead = None
        said.append(time.time())
        return await throttled(request)

    api.instead = once
    await until(lambda: said)
    await asyncio.sleep(4.0)
    late = [asked for asked in api.asked if said[0] + WITHIN < asked.at < said[0] + 4.0]
    assert not late, [(asked.at - said[0], asked.headers["Authorization"]) for asked in late[:5]]
    await polled(api, orders)


async def test_an_endpoint_that_is_gone_is_gone_for_all(fleet: Start, api: OrderApi, hook: Receiver) -> None:
    """410 to one replica: within a second nobody sends there."""
    herd = await fleet(3)
    orders = [f"ride-{number}" for number in range(24)]
    for order in orders:
        api.show(order, bodies.business("driving"))
    await asyncio.gather(*(put(herd.replicas[0], order) for order in orders))
    await until(lambda: len(hook.accepted()) >= 24)
    hook.answer = lambda _: (410, {})

    def keep_changing() -> None:
        for number, order in enumerate(orders):
            api.show(order, bodies.business("driving", cost=int(time.time() * 10) + number))

    async def changing() -> None:
        end = time.time() + 6.0
        while time.time() < end:
            keep_changing()
            await asyncio.sleep(0.2)

    task = asyncio.create_task(changing())
    await task
    gone = min(each.at for each in hook.received if each.status == 410)
    late = [each.at - gone for each in hook.received if each.at > gone + WITHIN]
    assert not late, late[:5]

    async def dead() -> bool:
        items = await herd.replicas[1].items("/v1/deliveries?state=dead")
        return bool(items) and {item["reason"] for item in items} <= {"endpoint_disabled", "gone"}

    await until(dead, "what follows is not given up")
