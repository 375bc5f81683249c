"""A replica's read side and way in without its shards, and an owner of shards who writes what he is told."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from notifier import codec
from notifier.backends.base import Change
from notifier.backends.kafka.inbox import Inbox
from notifier.backends.kafka.inputs import Parse, retirement_record
from notifier.backends.kafka.prepare import prepare
from notifier.backends.kafka.records import (
    Kept,
    Outgoing,
    delivery_key,
    event_record,
    number_header,
    pack_delivery,
    pack_kept,
    state_key,
    watch_key,
)
from notifier.backends.kafka.tail import Tail
from notifier.backends.kafka.topics import Topics
from notifier.backends.kafka.view import KafkaView
from notifier.backends.partition import shard_of
from notifier.clock import SystemClock
from notifier.config.watches import parse_watch
from notifier.model import Delivery, Instant, Watch
from notifier.net.kafka.client import Clients
from notifier.net.kafka.ending import end
from notifier.net.kafka.settings import KafkaSecurity
from notifier.sources.business_v2 import BusinessV2Settings

SHARDS = 3
RETENTION = 30 * 86_400_000

Write = tuple[str, Outgoing]


class Reachable(NamedTuple):
    bootstrap_servers: tuple[str, ...]
    security: KafkaSecurity = KafkaSecurity()


def parse(body: object, at: Instant) -> Watch:
    """As of a configuration with one source, `trips`."""
    return parse_watch(body, {"trips": _TRIPS}, at)


_TRIPS = BusinessV2Settings.model_validate({"type": "business_v2", "token": "t", "account": {"client_id": "a2d"}})


class Replica:
    def __init__(self, servers: tuple[str, ...], prefix: str, shards: int = SHARDS, parse: Parse = parse) -> None:
        self.clients = Clients(Reachable(servers))
        self.clock = SystemClock()
        self.topics = Topics(prefix)
        self.tail = Tail(self.clients, self.topics, shards, parse, self.clock)
        self.view = KafkaView(self.tail, self.clock)
        self.inbox = Inbox(self.clients, self.tail, self.view, self.clock)

    async def open(self) -> None:
        await self.tail.open()
        await self.inbox.open()

    async def close(self) -> None:
        await asyncio.gather(self.inbox.close(1), self.tail.close(3))
        await self.clients.close()


async def topics_of(servers: tuple[str, ...], prefix: str, shards: int = SHARDS) -> Topics:
    topics = Topics(prefix)
    clients = Clients(Reachable(servers))
    await prepare(clients, topics, shards, 1, RETENTION)
    await clients.close()
    return topics


@asynccontextmanager
async def replica(
    servers: tuple[str, ...], prefix: str, shards: int = SHARDS, parse: Parse = parse
) -> AsyncIterator[Replica]:
    it = Replica(servers, prefix, shards, parse)
    await it.open()
    try:
        yield it
    finally:
        await it.close()


class Owner:
    """Of all shards: one transactional producer each."""

    def __init__(self, servers: tuple[str, ...], prefix: str, shards: int = SHARDS) -> None:
        self.clients = Clients(Reachable(servers))
        self.topics = Topics(prefix)
        self.shards = shards
        self.n: defaultdict[int, int] = defaultdict(int)
        self._producers: dict[int, AIOKafkaProducer] = {}

    async def producer(self, shard: int) -> AIOKafkaProducer:
        if shard not in self._producers:
            self._producers[shard] = await self.clients.producer(f"{self.topics.prefix}-{shard}")
        return self._producers[shard]

    async def write(self, key: str, *records: Write) -> int:
        """In one transaction; its number."""
        shard = shard_of(key, self.shards)
        producer = await self.producer(shard)
        async with producer.transaction():
            await self.send(producer, shard, *records)
        return self.n[shard]

    async def send(self, producer: AIOKafkaProducer, shard: int, *records: Write) -> None:
        self.n[shard] += 1
        number = number_header(self.n[shard])
        sent = [
            await producer.send(
                topic, record.value, key=record.key, partition=shard, headers=[*record.headers, *number]
            )
            for topic, record in records
        ]
        await asyncio.gather(*sent)

    async def commit(self, changes: Sequence[Change]) -> None:
        await self.write(changes[0].key, *(record for change in changes for record in self.records(change)))

    def records(self, change: Change) -> list[Write]:
        found = [(self.topics.events, event_record(event)) for event in change.events]
        if change.state is not None:
            found.append((self.topics.shards, Outgoing(state_key(change.key), change.state)))
        for delivery in change.deliveries:
            found += self.delivery(delivery)
        return found

    def delivery(self, delivery: Delivery) -> list[Write]:
        """Into the topic where it belongs, out of the other."""
        packed, key = pack_delivery(delivery), delivery_key(delivery.id)
        open_, finished = (packed, None) if delivery.open else (None, packed)
        return [
            (self.topics.shards, Outgoing(key, open_)),
            (self.topics.deliveries, Outgoing(delivery.id.encode(), finished)),
        ]

    async def keep(self, watch: Watch, offset: int, removed_at: Instant | None = None) -> None:
        await self.write(watch.key, self.kept(watch, offset, removed_at))

    def kept(self, watch: Watch, offset: int, removed_at: Instant | None = None) -> Write:
        kept = Kept(offset=offset, removed_at=removed_at, watch=codec.pack_watch(watch))
        return self.topics.shards, Outgoing(watch_key(watch.key), pack_kept(kept))

    async def forget(self, key: str, deliveries: Sequence[str] = (), retires: int = 1 << 40) -> None:
        await self.write(
            key,
            (self.topics.shards, Outgoing(watch_key(key), None)),
            (self.topics.shards, Outgoing(state_key(key), None)),
            *((self.topics.deliveries, Outgoing(id.encode(), None)) for id in deliveries),
            (self.topics.watches, retirement_record(key, retires)),
        )

    async def close(self) -> None:
        await asyncio.gather(*(end(producer) for producer in self._producers.values()))
        await self.clients.close()


async def until(holds: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.01)
