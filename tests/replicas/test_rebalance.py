"""A replica comes, another stands still: few shards move, and what stays is polled as if nothing happened."""

import asyncio
import itertools
import time
from collections.abc import Iterable

import pytest

from notifier.backends.partition import shard_of
from tests.outside import bodies
from tests.outside.order_api import OrderApi
from tests.outside.program import Program
from tests.outside.waiting import until
from tests.replicas.conftest import Start
from tests.replicas.settings import SHARDS

ORDERS = [f"ride-{number}" for number in range(60)]
PAUSE = 1.0  # seconds for which an order may go unpolled beyond what is usual on this machine just now
CALM = 2.0  # seconds in which that is found out

pytestmark = pytest.mark.timeout(150)


def owners(api: OrderApi, since: float, until: float) -> dict[int, set[str]]:
    """Who asked for the orders of each shard."""
    found: dict[int, set[str]] = {}
    for asked in api.asked:
        if since <= asked.at < until:
            shard = shard_of(f"trips/{asked.order}", SHARDS)
            found.setdefault(shard, set()).add(asked.headers["Authorization"])
    return found


def longest_pause(api: OrderApi, shards: Iterable[int], since: float, until: float) -> float:
    """Of any order of these shards, from one look to the next."""
    kept = set(shards)
    longest = 0.0
    for order in ORDERS:
        if shard_of(f"trips/{order}", SHARDS) in kept:
            times = [since, *(asked.at for asked in api.by_order[order] if since <= asked.at < until), until]
            longest = max(longest, *(later - sooner for sooner, later in itertools.pairwise(times)))
    return longest


async def usual(api: OrderApi) -> float:
    """The longest pause while nothing happens: the interval, and what a busy machine adds to it."""
    began = time.time()
    await asyncio.sleep(CALM)
    return longest_pause(api, range(SHARDS), began, time.time())


async def polled(api: OrderApi, orders: Iterable[str]) -> None:
    async def one(order: str) -> None:
        await api.seen(order, 2)

    await asyncio.gather(*map(one, orders))


async def put(program: Program, order: str) -> None:
    """Until it is acknowledged: a 503 is safe to repeat."""
    body = {"source": "trips", "ids": {"order_id": order}}

    async def acknowledged() -> bool:
        answer = await program.ask("POST", "/v1/watches", body)
        assert answer.status in (200, 201, 503), answer
        return answer.status != 503

    await until(acknowledged, f"{order} is not accepted")


async def test_a_fourth_replica_takes_its_part_and_no_more(fleet: Start, api: OrderApi) -> None:
    herd = await fleet(3)
    for order in ORDERS:
        api.show(order, bodies.business("driving"))
    await asyncio.gather(*(put(herd.replicas[number % 3], order) for number, order in enumerate(ORDERS)))
    await polled(api, ORDERS)
    calm = await usual(api)
    before = owners(api, time.time() - 1.0, time.time())
    began = time.time()

    fourth = herd.add()
    late = [f"late-{number}" for number in range(20)]

    async def keep_putting() -> None:
        for number, order in enumerate(late):
            api.show(order, bodies.business("driving"))
            await put(herd.replicas[number % 3], order)
            await asyncio.sleep(0.1)

    await asyncio.gather(fourth.start(), keep_putting())
    await herd.whole()
    ended = time.time()
    await polled(api, ORDERS)
    after = owners(api, ended, time.time())
    moved = {shard for shard in range(SHARDS) if before[shard] != after[shard]}
    assert 0 < len(moved) <= 0.4 * SHARDS
    assert all(len(owner) == 1 for owner in after.values()), after
    pause = longest_pause(api, set(range(SHARDS)) - moved, began, ended)
    print(
        f"{len(moved)} of {SHARDS} shards moved; longest pause of those that stayed {pause:.2f} s, before {calm:.2f} s"
    )
    assert pause < calm + PAUSE
    await polled(api, late)  # what was acknowledged meanwhile is followed


async def test_the_others_go_on_while_one_stands_still_and_another_comes(fleet: Start, api: OrderApi) -> None:
    herd = await fleet(3)
    for order in ORDERS:
        api.show(order, bodies.business("driving"))
    await asyncio.gather(*(put(herd.replicas[number % 3], order) for number, order in enumerate(ORDERS)))
    await polled(api, ORDERS)
    calm = await usual(api)
    before = owners(api, time.time() - 1.0, time.time())
    began = time.time()
    herd.replicas[2].hold()
    fourth = herd.add()
    await fourth.start()  # its join has to wait until the one that stands still is given up
    late = [f"late-{number}" for number in range(6)]
    for number, order in enumerate(late):
        api.show(order, bodies.business("driving"))
        await put(herd.replicas[number % 2], order)
    taken = await herd.whole()
    ended = time.time()
    await polled(api, ORDERS)
    after = owners(api, ended, time.time())
    stayed = {shard for shard in range(SHARDS) if before[shard] == after[shard]}
    lost = {shard for shard in range(SHARDS) if before[shard] == {"Bearer t2"}}
    assert len(stayed) >= SHARDS - len(lost) - 2
    pause = longest_pause(api, stayed, began, ended)
    print(
        f"taken over in {ended - began:.1f} s ({taken:.1f}); {len(stayed)} stayed,"
        f" longest pause {pause:.2f} s, before {calm:.2f} s"
    )
    assert pause < calm + PAUSE
    herd.replicas[2].release()
    await herd.whole()
    await polled(api, [*ORDERS, *late])
