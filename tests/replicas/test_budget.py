"""Replicas keep one budget between them, whoever has which shards just now: counted where the requests arrive."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from tests.outside import bodies
from tests.outside.order_api import OrderApi
from tests.replicas.conftest import Start
from tests.replicas.test_rebalance import put

RATE = 60  # requests a second, of all replicas together

pytestmark = pytest.mark.timeout(150)


def most_in_a_second(times: Sequence[float]) -> int:
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


class Stalls:
    """How long this process itself stood still: so much later than they came are requests noted here."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            self.longest = max(self.longest, time.monotonic() - began - 0.01)


async def test_in_no_second_more_than_the_budget(fleet: Start, api: OrderApi) -> None:
    """Three, then a fourth, then one is killed: 40 orders that are always overdue ask for far more than there is."""
    orders = [f"ride-{number}" for number in range(40)]
    for order in orders:
        api.show(order, bodies.business("driving"))
    herd = await fleet(3, poll={"default": "100ms"}, budget={"requests_per_second": RATE, "concurrency": 24})
    await asyncio.gather(*(put(herd.replicas[number % 3], order) for number, order in enumerate(orders)))
    figures: dict[str, tuple[int, float]] = {}

    async def phase(name: str, seconds: float = 0.0) -> None:
        await asyncio.sleep(seconds)  # there is nothing to wait for but time: a rate is measured
        now = time.time()
        times = [asked.at for asked in api.asked if asked.at >= phases[-1]]
        figures[name] = (most_in_a_second(times), len(times) / (now - phases[-1]))
        phases.append(now)

    stalls = Stalls()
    watching = asyncio.create_task(stalls.watch())
    phases = [time.time()]
    await phase("three", 5.0)
    await herd.add().start()
    await herd.whole()
    await phase("a fourth comes")
    await phase("four", 3.0)
    await herd.replicas[0].kill()
    await herd.whole()
    await phase("one is killed")
    await phase("three again", 4.0)
    watching.cancel()
    whole = most_in_a_second([asked.at for asked in api.asked])
    for name, (most, mean) in figures.items():
        print(f"{name}: at most {most} in a second, {mean:.1f} on average, of {RATE}")
    print(f"this process stood still for {stalls.longest * 1000:.0f} ms at most")
    assert whole <= RATE * (1.1 + stalls.longest), (figures, stalls.longest)
    assert figures["three"][1] > RATE * 0.6, figures
    assert figures["three again"][1] > RATE * 0.6, figures
