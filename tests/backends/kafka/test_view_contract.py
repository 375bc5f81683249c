"""The read side of a replica keeps to the contract of all views, whoever owns the shards."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from notifier import codec
from notifier.backends.base import Backend, Change, Lease
from notifier.model import Command, Instant
from tests.backends.kafka.replicas import Owner, Replica, topics_of, until
from tests.contracts.view import ViewContract
from tests.kafka.plugin import Kafka


class OwnerLease:
    """Commits through another process's eyes: returns when the view under test has read it."""

    def __init__(self, bench: "Bench", key: str) -> None:
        self._bench = bench
        self._key = key

    async def commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.state is not None:
                self._bench.retired[change.key] = codec.peek_state(change.state).retired_at
            for delivery in change.deliveries:
                self._bench.deliveries.setdefault(change.key, set()).add(delivery.id)
        await self._bench.owner.commit(changes)
        await self._bench.replica.view.reached(self._key)

    async def commands(self) -> AsyncIterator[Command]:
        yield Command(kind="put", key=self._key)

    async def forget(self, before: Instant) -> int:
        ended = [key for key, at in self._bench.retired.items() if at is not None and at < before]
        for key in ended:
            await self._bench.owner.forget(key, tuple(self._bench.deliveries.pop(key, ())))
            await self._bench.replica.view.reached(key)
        return len(ended)


class Front:
    """The part of a backend that the contract of views asks for."""

    def __init__(self, replica: Replica) -> None:
        self.view = replica.view
        self.submit = replica.inbox.submit


class Bench:
    def __init__(self, servers: tuple[str, ...], prefix: str) -> None:
        self.servers, self.prefix = servers, prefix
        self.owner = Owner(servers, prefix)
        self.retired: dict[str, Instant | None] = {}
        self.deliveries: dict[str, set[str]] = {}

    async def open(self) -> None:
        self.replica = Replica(self.servers, self.prefix)
        await self.replica.open()
        await until(lambda: self.replica.tail._reader.whole, 15)
        self.backend = cast(Backend, Front(self.replica))

    async def lease(self, key: str) -> Lease:
        return cast(Lease, OwnerLease(self, key))

    async def lose(self, key: str) -> None:
        raise NotImplementedError("no view asks for it")

    async def restart(self) -> None:
        await self.replica.close()
        await self.open()

    async def close(self) -> None:
        await self.replica.close()
        await self.owner.close()


@pytest.fixture
async def bench(kafka: Kafka, prefix: str) -> AsyncIterator[Any]:
    await topics_of(kafka.bootstrap_servers, prefix)
    bench = Bench(kafka.bootstrap_servers, prefix)
    await bench.open()
    yield bench
    await bench.close()


class TestKafkaView(ViewContract):
    pass
