"""Backends over a real broker, for the contract and for tests with faults."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition

from notifier.backends.base import Change, Lease, Stored
from notifier.backends.kafka.backend import KafkaBackend
from notifier.backends.kafka.lease import KafkaLease
from notifier.backends.partition import shard_of
from notifier.clock import Clock, SystemClock
from notifier.config.sections import KafkaSettings
from notifier.errors import InputError, Problem, Unavailable
from notifier.model import Command, Delivery, Instant, Recipient, Watch

SHARDS = 3
PATIENCE = 15.0  # seconds


def parse(body: Mapping[str, Any], at: Instant) -> Watch:
    """As POST /v1/watches would, for any source, with `a2d` for the account."""
    try:
        source, ids = body["source"], {"client_id": "a2d", **body["ids"]}
        account = "" if ids["client_id"] == "a2d" else f"{ids['client_id']}/"
        return Watch(
            key=f"{source}/{account}{ids['order_id']}",
            source=source,
            ids={name: ids[name] for name in ("order_id", "client_id")},
            recipients=tuple(Recipient(**each) for each in body.get("recipients", ())),
            labels=body.get("labels", {}),
            created_at=at,
            updated_at=at,
        )
    except KeyError as missing:
        raise InputError([Problem(str(missing.args[0]), "is missing")]) from None


def settings(servers: Sequence[str], prefix: str, **more: Any) -> KafkaSettings:
    given: dict[str, Any] = {
        "type": "kafka",
        "bootstrap_servers": list(servers),
        "topic_prefix": prefix,
        "partitions": SHARDS,
        "replication_factor": 1,
        "session_timeout": "6s",
    }
    return KafkaSettings.model_validate(given | more)


class Shown:
    """A lease that returns when this replica's view shows what was done: the contract reads lists right after it."""

    def __init__(self, lease: KafkaLease, backend: KafkaBackend) -> None:
        self._lease = lease
        self._backend = backend
        self._key = next(key for key in map(str, range(1000)) if shard_of(key, backend.shards) == lease.shard)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lease, name)

    async def restore(self) -> AsyncIterator[Stored | Delivery]:
        """Of what was asked by now: the contract gives orders to leases that are held."""
        watches = TopicPartition(self._lease._topics.watches, self._lease.shard)
        end = (await self._backend._tail.ends.ends.of([watches]))[watches]
        async with asyncio.timeout(PATIENCE):
            while self._lease._intake.watches.position < end:
                await asyncio.sleep(0.01)
        async for each in self._lease.restore():
            yield each

    async def commit(self, changes: Sequence[Change], /) -> None:
        await self._lease.commit(changes)
        await self._backend.view.reached(self._key)

    async def forget(self, retired_before: Instant, /) -> int:
        count = await self._lease.forget(retired_before)
        await self._backend.view.reached(self._key)
        return count


class Patient(KafkaBackend):
    """On a busy machine a second may be too short for hundreds at once: safe to repeat, as 503 says."""

    async def submit(self, command: Command, /) -> bool:
        for _ in range(10):
            with contextlib.suppress(Unavailable):
                return await super().submit(command)
        return await super().submit(command)


class Bench:
    """A replica, and the leases that it offers."""

    def __init__(
        self,
        servers: Sequence[str],
        prefix: str,
        clock: Clock | None = None,
        kind: type[KafkaBackend] = KafkaBackend,
        **more: Any,
    ) -> None:
        self._clock = clock or SystemClock()
        self._kind = kind
        self.settings = settings(servers, prefix, **more)
        self.rejected: list[str] = []
        self._begin()

    def _begin(self) -> None:
        self.backend = self._kind(self.settings, parse, 30 * 86_400_000, self._clock, self.rejected.append)
        self._leases: AsyncIterator[Lease] = self.backend.leases()
        self._held: dict[int, Shown] = {}

    async def open(self, shards: int | None = None) -> None:
        """Returns when it is ready: it has its shards (all, unless others have some) and its view everything."""
        await self.backend.open()
        while len(self._held) < (self.backend.shards if shards is None else shards):
            await self._next()
        async with asyncio.timeout(PATIENCE):
            while not self.backend.view.as_of():  # it gives way to restores, until somebody asks
                with contextlib.suppress(Unavailable):
                    await self.backend.view.reached("anything")
                await asyncio.sleep(0.01)

    async def lease(self, key: str) -> Any:
        return await self.holding(shard_of(key, self.backend.shards))

    async def holding(self, shard: int) -> Any:
        while shard not in self._held or self._held[shard].ended.is_set():
            await self._next()
        return self._held[shard]

    async def _next(self) -> None:
        async with asyncio.timeout(PATIENCE):
            lease = await anext(self._leases)
        assert isinstance(lease, KafkaLease)
        self._held[lease.shard] = Shown(lease, self.backend)

    async def lose(self, key: str) -> None:
        await self._held[shard_of(key, self.backend.shards)].release()

    async def restart(self) -> None:
        await self.backend.close(5)
        self._begin()
        await self.open()

    async def close(self) -> None:
        await self.backend.close(5)
