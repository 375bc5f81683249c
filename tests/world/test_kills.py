"""Killed at any moment, time and again: none lost, each lane in order, a delivery repeated once a kill at most."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from notifier.clock import Clock
from notifier.model import Instant
from notifier.simulator.world import World as Simulated
from notifier.sinks.base import Message, Outcome
from notifier.testing.backend import MemoryBackend, Storage
from notifier.testing.sink import FakeSink
from notifier.testing.virtual import VirtualClock, run
from tests.world.world import World, chain, check_events, follow_all, kill, start, true_chain, within

T = TypeVar("T")

ORDERS = 5  # of each source
HOURS = 2.5
SHARDS = 2


class SlowBackend(MemoryBackend):
    """Its commits take their time, before they are durable and after: a kill may find them in either half."""

    def __init__(self, chance: random.Random, clock: Clock, storage: Storage) -> None:
        super().__init__(clock=clock, storage=storage)
        self._chance = chance

    async def write(self, work: "Callable[..., T]", /) -> T:
        await asyncio.sleep(self._chance.uniform(0, 0.05))
        result = await super().write(work)
        await asyncio.sleep(self._chance.uniform(0, 0.05))
        return result


class Receiver(FakeSink):
    """Takes a message at once and answers later; now and then it fails. `life` numbers the programs that sent."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self.life = 0
        self.lives: list[int] = []  # beside `sent`

    async def send(self, message: Message, now: Instant) -> Outcome:
        if self._chance.random() < 0.03:
            self.outcomes.append(Outcome("again", "500"))
        outcome = await super().send(message, now)
        self.lives.append(self.life)
        await asyncio.sleep(self._chance.uniform(0, 0.3))
        return outcome


def check_receipts(hook: Receiver) -> int:
    """How many accepted deliveries came again, each at most once a life."""
    accepted: defaultdict[str, list[int]] = defaultdict(list)
    bodies: defaultdict[str, set[bytes]] = defaultdict(set)
    lanes: defaultdict[str, list[int]] = defaultdict(list)
    for sent, life in zip(hook.sent, hook.lives, strict=True):
        bodies[sent.message.id].add(sent.body)
        lanes[sent.message.event.key].append(sent.message.event.sequence)
        if sent.outcome.kind == "delivered":
            accepted[sent.message.id].append(life)
    for lives in accepted.values():
        assert len(set(lives)) == len(lives)
    for sequences in lanes.values():
        assert sequences == sorted(sequences)  # a repeat comes before its successor
    assert all(len(same) == 1 for same in bodies.values())
    return sum(len(lives) - 1 for lives in accepted.values())


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments(seed: int, tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage, chance = VirtualClock(), Storage(SHARDS), random.Random(seed)
        simulated = Simulated(seed, clock=clock.now, sleep=asyncio.sleep)
        hook = Receiver(chance)
        spared = frozenset(asyncio.all_tasks())
        loop = asyncio.get_running_loop()

        async def begin() -> World:
            storage.listeners.clear()
            backend = SlowBackend(chance, clock, storage)
            app = start(backend, clock, tmp_path, simulated, hook)
            await app.start()
            return World(app, simulated, clock, hook)

        program = await begin()
        orders = await follow_all(program, ORDERS)
        end = loop.time() + HOURS * 3600
        while loop.time() < end:
            seen = len(hook.sent)
            until = loop.time() + chance.uniform(5, 400)
            # Half of the kills while something is being told.
            while loop.time() < until and (chance.random() < 0.9 or len(hook.sent) == seen):
                await asyncio.sleep(chance.uniform(0, 0.2) if len(hook.sent) > seen else 1)
            await kill(program.app, spared)
            hook.life += 1
            program = await begin()
        await asyncio.sleep(300)
        told = program.told()
        assert set(told) == set(orders)
        for key, (api, order) in orders.items():
            check_events(told[key])
            truth, known = true_chain(simulated, api, order), chain(told[key])
            assert within(known, truth), (key, known, truth)
            assert known[-1] == truth[-1]
        repeats = check_receipts(hook)
        assert hook.life > 25
        assert 0 < repeats <= hook.life * 5, repeats  # kills do hit sends under way
        await program.app.stop(5)

    run(main)
