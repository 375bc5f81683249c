"""The whole program, its shards taken away and given back at random: the same events, none lost, none doubled."""

import asyncio
import random
from pathlib import Path

import pytest

from notifier.testing.backend import MemoryBackend
from notifier.testing.virtual import VirtualClock, run
from tests.world.world import APIS, World, chain, true_chain, world

ORDERS = 8  # of each source
HOURS = 2.5


async def follow_all(program: World) -> dict[str, tuple[str, str]]:
    """Key to (api, order id)."""
    orders = {}
    for source, api in APIS.items():
        for number in range(ORDERS):
            order = str(9_000 + number) if api == "track_trace" else f"{source}{number}"
            orders[await program.follow(source, order)] = (api, order)
    return orders


def check(program: World, orders: dict[str, tuple[str, str]]) -> None:
    told = program.told()
    assert set(told) == set(orders)
    for key, (api, order) in orders.items():
        events = told[key]
        assert [event["sequence"] for event in events] == list(range(1, len(events) + 1)), key
        assert len({event["id"] for event in events}) == len(events)
        truth = true_chain(program.simulated, api, order)
        seen = chain(events)
        assert seen == truth[truth.index(seen[0]) :], key
        status = seen[0]
        for event in events:
            if event["type"] == "status_changed":
                assert event["before"]["status"] == status
                status = event["after"]["status"]


@pytest.mark.parametrize("seed", range(3))
def test_events_are_the_true_timeline_whoever_owns_the_shards(seed: int, tmp_path: Path) -> None:
    async def main() -> None:
        clock = VirtualClock()
        backend = MemoryBackend(shards=3, clock=clock)
        chance = random.Random(seed)
        async with world(backend, clock, tmp_path, seed=seed) as program:
            orders = await follow_all(program)
            end = asyncio.get_running_loop().time() + HOURS * 3600
            while asyncio.get_running_loop().time() < end:
                await asyncio.sleep(chance.uniform(1, 90))
                shard = chance.randrange(3)
                backend.take(shard)
                await asyncio.sleep(chance.uniform(0, 6))
                backend.give(shard)
            await asyncio.sleep(120)
            check(program, orders)

    run(main)
