"""The read side of a replica: all orders of all shards, as its tail has read them."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import TypeVar

from aiokafka import TopicPartition

from notifier.backends import commits
from notifier.backends.base import (
    DeliveryQuery,
    EventQuery,
    OrderQuery,
    Page,
    Query,
    Spent,
    Stored,
    WatchQuery,
)
from notifier.backends.kafka.follow import Vector, follow
from notifier.backends.kafka.records import event_as_it_came
from notifier.backends.kafka.tail import Tail
from notifier.backends.partition import shard_of
from notifier.backends.view import SqlView
from notifier.clock import Clock
from notifier.model import CloudEvent, Delivery, Instant

T = TypeVar("T")


class KafkaView(SqlView):
    """Whoever asks about one order sees all that was committed of it before; lists are as of `as_of`.

    While it begins, orders and open deliveries are there first; what is finished and what happened is unavailable until
    all of it is there.
    """

    # A row's number is this replica's own: what a cursor names must be the same everywhere.
    deliveries_by = ("d.created_at", "d.key", "d.sequence", "d.id")
    unpack_event = staticmethod(event_as_it_came)

    def __init__(self, tail: Tail, clock: Clock) -> None:
        super().__init__(tail.read, tail.bells.events, clock)
        self._tail = tail
        topics = tail.topics
        self._orders = (topics.shards, topics.watches)
        self._deliveries = (topics.shards, topics.deliveries)
        self._events = (topics.shards, topics.events)

    async def find(self, query: Query[T], /) -> Page[T]:
        if query.cursor is None:  # the page before it has waited
            await self._up_to_date(query)
        return await super().find(query)

    async def reached(self, key: str) -> None:
        """Until all that is committed of this order is shown. Unavailable after a second."""
        await self._reached(key, {*self._orders, *self._deliveries, *self._events})

    async def load(self, key: str) -> Stored | None:
        """An order as it stands now. Unavailable."""
        await self._reached(key, self._orders)
        return await self._tail.read(lambda connection: commits.load(connection, key))

    async def delivery(self, key: str, delivery_id: str) -> Delivery | None:
        """Unavailable."""
        await self._reached(key, self._deliveries)
        return await self._tail.read(lambda connection: commits.delivery(connection, key, delivery_id))

    async def ids_of(self, key: str) -> tuple[str, ...]:
        """Of all deliveries of an order. Unavailable."""
        await self._reached(key, self._deliveries)
        return await self._tail.read(
            lambda connection: tuple(
                id for (id,) in connection.execute("SELECT id FROM deliveries WHERE key = ?", (key,))
            )
        )

    async def count_sent(self, to: str | None, since: Instant, /, sinks: Collection[str] = ()) -> int:
        """Unavailable while not all that was sent is known: a cap would be overstepped."""
        await self._known()
        return await super().count_sent(to, since, sinks)

    async def spent(self, sink: str, since: Instant, /) -> Sequence[Spent]:
        """Unavailable as `count_sent`."""
        await self._known()
        return await super().spent(sink, since)

    def follow(self, after: str | None, /, since: Instant | None = None) -> AsyncIterator[tuple[str, CloudEvent]]:
        heads = _Heads(self._tail)
        return follow(self._tail.read, self._tail.bells.events, heads, heads.now(), after, since)

    def as_of(self) -> Instant:
        return self._tail.as_of()

    async def _known(self) -> None:
        """All that was finished before this replica began. Unavailable: it is still read."""
        if self._tail.heads(self._tail.topics.deliveries) is None:
            await self._tail.reached(self._tail.partitions(self._tail.topics.deliveries))

    async def _up_to_date(self, query: Query[T]) -> None:
        if isinstance(query, WatchQuery | OrderQuery):
            if query.key is not None:
                await self._reached(query.key, self._orders)
        elif isinstance(query, EventQuery):
            await self._reached(query.key, self._events)
        elif isinstance(query, DeliveryQuery):
            if query.key is not None:
                await self._reached(query.key, self._deliveries)
            elif query.id is not None:
                await self._reached(await self._key_of(query.id), self._deliveries)
            elif query.state not in ("pending", "sending"):
                await self._known()

    async def _key_of(self, delivery_id: str) -> str | None:
        """None: no order that is known has such a delivery, as far as was read."""
        row = await self._tail.read(
            lambda connection: connection.execute("SELECT key FROM deliveries WHERE id = ?", (delivery_id,)).fetchone()
        )
        return None if row is None else str(row[0])

    async def _reached(self, key: str | None, topics: Collection[str]) -> None:
        """Of one shard, or of all where the order is not known."""
        shards = range(self._tail.shards) if key is None else (shard_of(key, self._tail.shards),)
        await self._tail.reached([TopicPartition(topic, shard) for topic in topics for shard in shards])


class _Heads:
    """Where the events begin and end, as Kafka says; and how far the view is."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._partitions = tail.partitions(tail.topics.events)

    def now(self) -> Vector | None:
        return self._tail.heads(self._tail.topics.events)

    def begun(self) -> Vector:
        return self._tail.begun(self._tail.topics.events)

    def kept(self) -> Vector:
        return self._tail.kept(self._tail.topics.events)

    async def whole(self) -> None:
        await self._tail.whole()

    async def ends(self) -> Vector:
        offsets = await self._tail.ends.ends.of(self._partitions)
        return [offsets[partition] for partition in self._partitions]
