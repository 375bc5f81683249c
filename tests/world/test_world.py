"""The whole program among everything that goes wrong around it: the same events, none lost, none doubled."""

import asyncio
import random
from pathlib import Path

import pytest

from notifier.simulator.faults import Fault
from notifier.sinks.base import Outcome
from notifier.testing.backend import Fault as Fails
from notifier.testing.backend import MemoryBackend
from notifier.testing.virtual import VirtualClock, run
from tests.world.world import World, arrived, chain, check_events, follow_all, true_chain, within, world

ORDERS = 5  # of each source
HOURS = 2.5
KINDS: list[Fails] = ["unavailable", "lost", "lost_after"]
FAULTS = (
    Fault(kind="500", probability=0.03),
    Fault(kind="504", probability=0.03),
    Fault(kind="429", probability=0.002, retry_after=3.0),
    Fault(kind="503", probability=0.005, retry_after=20.0),
    Fault(kind="truncated", probability=0.02),
    Fault(kind="drop", probability=0.02),
    Fault(kind="html", probability=0.01),
    Fault(kind="404", probability=0.01),
    Fault(kind="latency", probability=0.01, delay=12.0),
    Fault(kind="stale", api="track_trace", probability=0.03, behind=15.0),
    Fault(kind="stale", api="restaurant", probability=0.01, behind=15.0),
    Fault(kind="skip", api="business_v2", probability=0.1),
)


@pytest.mark.parametrize("seed", range(2))
def test_events_are_the_true_timeline_whoever_owns_the_shards(seed: int, tmp_path: Path) -> None:
    async def main() -> None:
        clock = VirtualClock()
        backend = MemoryBackend(shards=3, clock=clock)
        chance = random.Random(seed)
        async with world(backend, clock, tmp_path, seed=seed) as program:
            orders = await follow_all(program, ORDERS)
            end = asyncio.get_running_loop().time() + HOURS * 3600
            while asyncio.get_running_loop().time() < end:
                await asyncio.sleep(chance.uniform(1, 90))
                shard = chance.randrange(3)
                backend.take(shard)
                await asyncio.sleep(chance.uniform(0, 6))
                backend.give(shard)
            await asyncio.sleep(120)
            told = program.told()
            assert set(told) == set(orders)
            for key, (api, order) in orders.items():
                check_events(told[key])
                truth, seen = true_chain(program.simulated, api, order), chain(told[key])
                assert seen == truth[truth.index(seen[0]) :], key
            assert program.repeats() == 0

    run(main)


def check_told(program: World, orders: dict[str, tuple[str, str]]) -> None:
    """What arrived is told, in the order of the truth, and nothing but the truth."""
    told = program.told()
    assert set(told) == set(orders)
    for key, (api, order) in orders.items():
        check_events(told[key])
        truth, seen = true_chain(program.simulated, api, order), chain(told[key])
        assert within(seen, truth), (key, seen, truth)
        assert arrived(program.simulated, api, order) <= set(seen), key
        assert seen[-1] == truth[-1], key
    assert program.repeats() == 0


@pytest.mark.parametrize("seed", range(3))
def test_faults_of_the_apis_lost_commits_and_failing_sends_change_nothing_in_what_is_told(
    seed: int, tmp_path: Path
) -> None:
    async def main() -> None:
        clock = VirtualClock()
        backend = MemoryBackend(shards=3, clock=clock)
        chance = random.Random(seed)
        async with world(backend, clock, tmp_path, seed=seed, faults=FAULTS) as program:
            orders = await follow_all(program, ORDERS)
            end = asyncio.get_running_loop().time() + HOURS * 3600
            while asyncio.get_running_loop().time() < end:
                await asyncio.sleep(chance.uniform(1, 60))
                backend.fail(chance.randrange(3), *chance.choices(KINDS, k=2))
                if chance.random() < 0.3:
                    program.hook.outcomes.append(Outcome("again", "500"))
            for faults in backend.faults.values():
                faults.clear()
            program.simulated.faults.clear()
            await asyncio.sleep(600)
            check_told(program, orders)

    run(main)
