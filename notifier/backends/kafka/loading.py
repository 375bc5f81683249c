"""The first reading of a view, from the beginning of the topics to where they ended when it began.

The orders first, shard by shard: of each key the newest record alone, all in one transaction. Then what is finished and
what happened, which may be a hundred times as much (`filling`). All this is done in small steps, since the loop wants
its turn.
"""

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial

import structlog
from aiokafka import TopicPartition

from notifier.backends.kafka.apply import Tables, schema
from notifier.backends.kafka.ends import Offsets
from notifier.backends.kafka.fetching import Answer, Fetcher, decode
from notifier.backends.kafka.filling import Deliveries, Events, Filling
from notifier.backends.kafka.reach import Reach
from notifier.backends.kafka.records import Plain, Read
from notifier.backends.kafka.scratch import Scratch, mapped
from notifier.backends.kafka.topics import Topics
from notifier.clock import Clock
from notifier.net.kafka.client import Clients

log = structlog.get_logger()

SWITCH = (
    0.001  # seconds after which a thread that only calculates lets the loop have its turn, while there is much to do
)


class Loading:
    """`turn` returns when it may go on."""

    def __init__(
        self,
        clients: Clients,
        topics: Topics,
        tables: Tables,
        reach: Reach,
        clock: Clock,
        turn: Callable[[], Awaitable[None]],
    ) -> None:
        self._clients = clients
        self._topics = topics
        self._tables = tables
        self._reach = reach
        self._clock = clock
        self._turn = turn

    # --- orders --------------------------------------------------------------------------------------------------

    async def orders(
        self, scratch: Scratch, partitions: Sequence[TopicPartition], begins: Offsets, ends: Offsets
    ) -> None:
        """Those of `shards`, then those of `watches`. Refused, Unavailable."""
        began = self._clock.monotonic()
        shards = [each for each in partitions if each.topic == self._topics.shards]
        watches = [each for each in partitions if each.topic == self._topics.watches]
        with _small_steps:
            async with Fetcher.of(self._clients, [self._topics.shards, self._topics.watches]) as fetcher:
                for place in shards:
                    await self._shard(fetcher, scratch, place, begins[place], ends[place])
                shown = await scratch.read(_shown) if watches else {}
                for place in watches:
                    await self._watches(fetcher, scratch, place, begins[place], ends[place], shown)
        log.info("view_has_orders", seconds=round(self._clock.monotonic() - began, 3))

    async def _shard(self, fetcher: Fetcher, scratch: Scratch, place: TopicPartition, begin: int, end: int) -> None:
        newest: dict[bytes, Plain] = {}
        async for answer in fetcher.read(place, begin, end):
            await scratch.write(partial(_gather, newest=newest, answer=answer))
            end = answer.end
        if newest:
            await scratch.write(lambda connection: self._tables.fill(connection, place.partition, newest))
        self._reach.wrote({place: max(begin, end)})

    async def _watches(
        self,
        fetcher: Fetcher,
        scratch: Scratch,
        place: TopicPartition,
        begin: int,
        end: int,
        shown: Mapping[bytes, int],
    ) -> None:
        """What the owners have not dealt with yet: the others say the same as their orders."""

        def apply(connection: sqlite3.Connection, answer: Answer, now: float) -> None:
            for records in decode(answer):
                new = [
                    Read.at(place.topic, place.partition, record)
                    for record in records
                    if shown.get(record.key or b"", -1) < record.offset
                ]
                self._tables.apply(connection, [new], now)

        async for answer in fetcher.read(place, begin, end):
            await scratch.write(partial(apply, answer=answer, now=self._clock.monotonic()))
            end = answer.end
        self._reach.wrote({place: max(begin, end)})

    # --- history -------------------------------------------------------------------------------------------------

    async def history(
        self, scratch: Scratch, partitions: Sequence[TopicPartition], begins: Offsets, ends: Offsets
    ) -> None:
        """Deliveries and events, which are then in the tables all at once. Refused, Unavailable."""
        began = self._clock.monotonic()
        tables, folder = self._tables, scratch.folder
        events = Events(self._topics.events, tables.events, tables.unreadable)
        deliveries = Deliveries(self._topics.deliveries, tables.unreadable)
        fillings = [Filling(folder / f"{each.table}.db", each, schema) for each in (deliveries, events)]
        heads: dict[TopicPartition, int] = {}
        try:
            with _small_steps:
                async with Fetcher.of(self._clients, [self._topics.deliveries, self._topics.events]) as fetcher:
                    await _all(
                        self._fill(fetcher, filling, places, begins, ends, heads)
                        for filling, places in zip(fillings, self._of_each(partitions), strict=True)
                    )
        except sqlite3.Error as error:
            raise mapped(error) from error
        finally:
            for filling in fillings:
                await filling.close()
        schemas = {filling.content.table: f"loaded_{filling.content.table}" for filling in fillings}
        await scratch.attach({schemas[filling.content.table]: filling.path for filling in fillings})
        await scratch.write(lambda connection: tables.history.join(connection, schemas, events.number))
        self._reach.wrote(heads)
        log.info("view_has_history", seconds=round(self._clock.monotonic() - began, 3))

    def _of_each(self, partitions: Sequence[TopicPartition]) -> tuple[Sequence[TopicPartition], ...]:
        topics = (self._topics.deliveries, self._topics.events)
        return tuple([each for each in partitions if each.topic == topic] for topic in topics)

    async def _fill(
        self,
        fetcher: Fetcher,
        filling: Filling,
        places: Sequence[TopicPartition],
        begins: Offsets,
        ends: Offsets,
        heads: dict[TopicPartition, int],
    ) -> None:
        await filling.open()
        for place in places:
            heads[place] = max(begins[place], ends[place])
            async for answer in fetcher.read(place, begins[place], ends[place]):
                await self._turn()
                await filling.add(answer)
                heads[place] = answer.end
        await filling.finish()


def _gather(_: sqlite3.Connection, newest: dict[bytes, Plain], answer: Answer) -> None:
    for records in decode(answer):
        for record in records:
            newest[record.key or b""] = record


def _shown(connection: sqlite3.Connection) -> dict[bytes, int]:
    return {key.encode(): shown for key, shown in connection.execute("SELECT key, shown FROM orders")}


async def _all(works: Iterator[Awaitable[None]]) -> None:
    """Until all are done, or one fails and the others have ended."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _SmallSteps:
    """Of the whole process, so that several at once need care."""

    def __init__(self) -> None:
        self._inside = 0
        self._former = 0.0

    def __enter__(self) -> None:
        if not self._inside:
            self._former = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH)
        self._inside += 1

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        if not self._inside:
            sys.setswitchinterval(self._former)


_small_steps = _SmallSteps()
