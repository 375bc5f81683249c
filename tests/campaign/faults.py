"""What happens to them: each fault is begun and ended again, and says how long the shards were without an owner."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.campaign.replicas import Fleet, Replica
from tests.kafka.cluster import Cluster


class Faults:
    """Drawn from `chance`; all are over when a call returns, and every shard has an owner."""

    def __init__(self, fleet: Fleet, cluster: Cluster, session: float, chance: random.Random) -> None:
        """`session`: the replicas' session time-out in seconds."""
        self._fleet = fleet
        self._cluster = cluster
        self._session = session
        self._chance = chance

    def kinds(self) -> Mapping[str, Callable[[], Awaitable[Mapping[str, Any]]]]:
        kinds: dict[str, Callable[[], Awaitable[Mapping[str, Any]]]] = {
            "kill": self._kill,
            "stop": self._stop,
            "term": self._term,
            "broker": self._broker,
        }
        return kinds

    async def one(self, kind: str) -> Mapping[str, Any]:
        told = await self.kinds()[kind]()
        settled = await self._fleet.whole()
        return {"fault": kind, **told, "whole_again": round(settled, 2)}

    def _victim(self) -> Replica:
        return self._chance.choice(self._fleet.running)

    async def _kill(self) -> Mapping[str, Any]:
        """kill -9; the others take over; it comes back."""
        victim = self._victim()
        await victim.kill()
        taken = await self._fleet.whole()
        await victim.start()
        return {"replica": victim.number, "taken_over": round(taken, 2)}

    async def _stop(self) -> Mapping[str, Any]:
        """Stopped until the others have taken over, then it goes on as if nothing had been: it must be fenced."""
        victim = self._victim()
        victim.hold()
        taken = await self._fleet.whole()
        await asyncio.sleep(self._chance.uniform(0, 3))
        victim.release()
        return {"replica": victim.number, "taken_over": round(taken, 2)}

    async def _term(self) -> Mapping[str, Any]:
        """A clean stop, as an upgrade does it."""
        victim = self._victim()
        code, seconds = await victim.stop()
        assert code == 0, victim.log()
        taken = await self._fleet.whole()
        await victim.start()
        return {"replica": victim.number, "stopped": round(seconds, 2), "taken_over": round(taken, 2)}

    async def _broker(self) -> Mapping[str, Any]:
        """A broker dies and comes back; where it is the only one, Kafka is away meanwhile."""
        number = self._chance.choice(list(self._cluster.numbers))
        await asyncio.to_thread(self._cluster.kill, number)
        away = self._chance.uniform(2, 12)
        await asyncio.sleep(away)
        await asyncio.to_thread(self._cluster.restart, number)
        return {"broker": number, "away": round(away, 2)}
