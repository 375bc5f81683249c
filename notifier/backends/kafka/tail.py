"""Reads the topics to their end, and on: one consumer for all partitions, into tables that are thrown away at the end.

What the owners of the shards wrote is seen when it is committed. While the brokers are away the tables stay as they
are, and say of when; reading goes on from where it stopped.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from notifier.backends.bell import Bells
from notifier.backends.kafka.apply import Outcome, Tables
from notifier.backends.kafka.ends import Ends, Offsets
from notifier.backends.kafka.inputs import Parse
from notifier.backends.kafka.records import Record
from notifier.backends.kafka.scratch import Scratch
from notifier.backends.kafka.topics import Topics
from notifier.clock import Clock
from notifier.errors import BackendError, Unavailable
from notifier.model import Instant
from notifier.net.kafka.client import MIB, Clients
from notifier.net.kafka.deadline import within
from notifier.net.kafka.ending import end

log = structlog.get_logger()

T = TypeVar("T")


PATIENCE = 1.0  # seconds that a reader waits at most for what he wants to see
GRACE = 0.4  # seconds after which an open transaction is no longer waited for
ANSWER = 5.0  # seconds for an answer of the brokers
STOP = 1.0  # seconds for the end of a consumer
POLL = 0.2  # seconds that one call for records lasts where there are none
PACE = 0.05  # seconds between two calls while nobody waits: many records at once cost half as much as one by one
STREAM_PACE = 0.02  # while somebody follows the events
MOST = 1_000  # records that the loop decodes in one go: some milliseconds
MOST_GIVEN = 8_000  # records that wait to be written, or are written together, and some more
LOOK = 1.0  # seconds between two looks at where the topics end
PRUNE = 60.0  # seconds between two looks at where they begin
STANDSTILL = 15.0  # seconds without progress, though there is more, after which the consumer is made anew
PAUSES = (0.1, 0.2, 0.5, 1.0)  # seconds between tries to connect; the last one again and again


class _Behind(NamedTuple):
    """Not everything that there was at `at` is in the tables yet."""

    at: Instant
    ends: Offsets
    since: float


class _Given:
    """Records that were read and not yet taken to be written."""

    def __init__(self) -> None:
        self._batches: list[Sequence[Record]] = []
        self._heads: Offsets = {}
        self._count = 0
        self._there = asyncio.Event()
        self.taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, batch: Mapping[TopicPartition, Sequence[Record]], heads: Offsets) -> int:
        """How many wait now."""
        self._batches += batch.values()
        self._count += sum(map(len, batch.values()))
        self._heads = heads
        self._there.set()
        return self._count

    async def take(self) -> tuple[list[Sequence[Record]], Offsets]:
        await self._there.wait()
        self._there.clear()
        batches, self._batches, self._count = self._batches, [], 0
        self.taken.set_result(None)
        self.taken = asyncio.get_running_loop().create_future()
        return batches, self._heads


class Tail:
    """`bells` ring for new events and facts. `open` before all else; Kafka's topics must be there."""

    def __init__(self, clients: Clients, topics: Topics, shards: int, parse: Parse, clock: Clock) -> None:
        self.shards = shards
        self.topics = topics
        self.bells = Bells()
        self.ends = Ends(clients)
        self._clients = clients
        self._clock = clock
        self._tables = Tables(topics, shards, parse)
        self._scratch = Scratch(self._tables.create)
        # The orders first: then a watch is what its owner made of it, and what is asked for most is there.
        self._stages: tuple[tuple[TopicPartition, ...], ...] = (
            (TopicPartition(topics.facts, 0), *self.partitions(topics.shards)),
            self.partitions(topics.watches),
            (*self.partitions(topics.deliveries), *self.partitions(topics.events)),
        )
        self._all = tuple(partition for stage in self._stages for partition in stage)
        self._written: dict[TopicPartition, int] = {}
        self._first: Offsets = {}  # where the partitions ended when they were first read
        self._moved = asyncio.Event()
        self._wanted = asyncio.Event()
        self._waiting = 0
        self._consumer: AIOKafkaConsumer | None = None
        self._as_of: Instant = 0
        self._behind: _Behind | None = None
        self._trouble: str | None = None
        self._tries = 0
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def partitions(self, topic: str) -> tuple[TopicPartition, ...]:
        return tuple(TopicPartition(topic, shard) for shard in range(self.shards))

    async def open(self) -> None:
        """Refused: no temporary file can be made. Reading begins, and may take its time."""
        await self._scratch.open()
        loop = asyncio.get_running_loop()
        self._tasks = (loop.create_task(self._run(), name="tail"), loop.create_task(self._look(), name="tail's ends"))

    async def close(self, within: float) -> None:
        """Who waits goes on at once; the file is gone after so many seconds at most."""
        self.bells.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within / 2)
            await self.ends.close(within / 2)
            await self._scratch.close()

    # --- what is known -----------------------------------------------------------------------------------------------

    async def read(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """Sees all that was read so far. Unavailable."""
        return await self._scratch.read(work)

    def trouble(self) -> str | None:
        """Why nothing new is read just now."""
        return self._trouble

    def as_of(self) -> Instant:
        """Everything that was committed by then is in the tables. 0: not even what there was at the start."""
        return self._as_of

    def heads(self, topic: str) -> Sequence[int] | None:
        """How far each partition of a topic is in the tables; None while that is less than what was there at first."""
        partitions = self.partitions(topic)
        if not all(self._caught_up(partition) for partition in partitions):
            return None
        return [self._written[partition] for partition in partitions]

    def outcome(self, partition: int, offset: int) -> Outcome | None:
        """What a record of `watches` met that was applied lately."""
        return self._tables.outcome(partition, offset)

    async def reached(self, partitions: Collection[TopicPartition]) -> None:
        """Until all that they have now is in the tables. Unavailable after a second."""
        self._waiting += 1
        self._wanted.set()
        try:
            async with asyncio.timeout(PATIENCE):
                asked = self._clock.now()
                began = self._clock.monotonic()
                ends = await self.ends.ends.of(partitions)
                while not self._has(ends, asked if self._clock.monotonic() - began > GRACE else None):
                    await self._moved.wait()
        except TimeoutError:
            raise Unavailable(self._trouble or "the view has not read so far yet") from None
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._wanted.clear()

    async def shows(self, partition: TopicPartition, offset: int, within: float) -> None:
        """Until this record is in the tables. Unavailable after so many seconds."""
        self._waiting += 1
        self._wanted.set()
        try:
            async with asyncio.timeout(within):
                while self._written.get(partition, 0) <= offset:
                    await self._moved.wait()
        except TimeoutError:
            raise Unavailable(self._trouble or "the view has not read so far yet") from None
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._wanted.clear()

    def _has(self, ends: Offsets, asked: Instant | None) -> bool:
        """`asked`: go by what is committed where the brokers told of it after that time; a transaction may be open."""
        return all(
            self._written.get(partition, -1) >= wanted or (asked is not None and self._has_committed(partition, asked))
            for partition, wanted in ends.items()
        )

    def _has_committed(self, partition: TopicPartition, asked: Instant) -> bool:
        consumer = self._consumer
        if consumer is None or partition in consumer.paused():
            return False
        told, stable = consumer.last_poll_timestamp(partition), consumer.last_stable_offset(partition)
        return told is not None and stable is not None and told > asked and self._written.get(partition, -1) >= stable

    def _caught_up(self, partition: TopicPartition) -> bool:
        return partition in self._first and self._written.get(partition, -1) >= self._first[partition]

    # --- reading -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                consumer = await self._started()
                try:
                    await self._read(consumer)
                finally:
                    self._consumer = None
                    await end(consumer, STOP)
            except BackendError as error:
                if self._trouble is None:
                    log.warning("view_reads_nothing", error=str(error))
                self._trouble = str(error)
            except Exception as error:
                log.exception("view_failed")
                self._trouble = f"a fault of ours, {type(error).__name__}: see the log"
            self._ring()
            await asyncio.sleep(PAUSES[min(self._tries, len(PAUSES) - 1)])
            self._tries += 1

    async def _started(self) -> AIOKafkaConsumer:
        """It goes on where the tables stand."""
        consumer = await self._clients.consumer(
            seconds=ANSWER, fetch_max_bytes=16 * MIB, max_partition_fetch_bytes=2 * MIB, fetch_max_wait_ms=250
        )
        try:
            consumer.assign(list(self._all))
            async with within(ANSWER, "asking where Kafka's partitions begin and end"):
                begins: dict[TopicPartition, int] = await consumer.beginning_offsets(self._all)
                ends: dict[TopicPartition, int] = await consumer.end_offsets(self._all)
            if any(self._written.get(partition, 0) > ends[partition] for partition in self._all):
                log.error("topics_made_anew")  # or lost their end: whatever is shown may never have been
                await self._begin_anew()
            self._first = self._first or ends
            self._behind = _Behind(self._clock.now(), ends, self._clock.monotonic())
            for partition in self._all:
                place = max(self._written.get(partition, 0), begins[partition])
                consumer.seek(partition, place)
            consumer.pause(*(partition for stage in self._stages[1:] for partition in stage))
        except BaseException:
            await end(consumer, STOP)
            raise
        self._consumer = consumer
        return consumer

    async def _begin_anew(self) -> None:
        await self._scratch.close()
        self._scratch = Scratch(self._tables.create)
        await self._scratch.open()
        self._written, self._first = {}, {}

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        """While some are written the next ones are decoded."""
        given = _Given()
        writing = asyncio.get_running_loop().create_task(self._write(given), name="tail's writing")
        try:
            stages = 1
            while True:
                async with within(POLL + ANSWER, "reading Kafka's topics"):
                    batch = await consumer.getmany(timeout_ms=round(POLL * 1000), max_records=MOST)
                    heads = {partition: await consumer.position(partition) for partition in self._all}
                count = given.add(batch, heads)
                if count >= MOST_GIVEN:
                    await asyncio.wait([writing, given.taken], return_when=asyncio.FIRST_COMPLETED)
                if writing.done():
                    return await writing
                while stages < len(self._stages) and all(map(self._caught_up, self._stages[stages - 1])):
                    consumer.resume(*self._stages[stages])
                    stages += 1
                if self._behind is not None and self._clock.monotonic() - self._behind.since > STANDSTILL:
                    self._behind = None
                    raise Unavailable(f"nothing came for {STANDSTILL:g} s, though there is more")
                if sum(map(len, batch.values())) < MOST:
                    await self._pause()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _pause(self) -> None:
        """Unless somebody waits for what comes next."""
        try:
            async with asyncio.timeout(STREAM_PACE if self.bells.events.waiting else PACE):
                await self._wanted.wait()
        except TimeoutError:
            return

    async def _write(self, given: "_Given") -> None:
        """Whatever there is, in one transaction after the other."""
        while True:
            batches, heads = await given.take()
            if batches or self._tables.restless:
                now = self._clock.monotonic()
                await self._scratch.write(partial(self._tables.apply, batches=batches, now=now))
            self._written.update(heads)
            if self._trouble is not None:
                log.info("view_reads_again")
                self._trouble = None
            self._tries = 0
            self._check_behind()
            self.bells.reach({"events": self._tables.events, "facts": self._tables.facts})
            self._ring()

    def _ring(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    # --- how far it is -----------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Now and then asks where the topics end, and begin: so `as_of` goes on while nothing comes."""
        pruned = self._clock.monotonic()
        while True:
            await asyncio.sleep(LOOK)
            try:
                now, began = self._clock.now(), self._clock.monotonic()
                if self._behind is None and self._consumer is not None:
                    self._behind = _Behind(now, await self.ends.ends.of(self._all), began)
                    self._check_behind()
                if self._clock.monotonic() - pruned > PRUNE:
                    pruned = self._clock.monotonic()
                    await self._prune()
            except BackendError as error:
                log.debug("ends_unknown", error=str(error))

    def _check_behind(self) -> None:
        behind = self._behind
        if behind is not None and self._has(behind.ends, behind.at + round(GRACE * 1000)):
            self._as_of = max(self._as_of, behind.at)
            self._behind = None

    async def _prune(self) -> None:
        begins = await self.ends.begins.of(self.partitions(self.topics.events))
        offsets = {partition.partition: offset for partition, offset in begins.items()}
        await self._scratch.write(lambda connection: self._tables.prune(connection, offsets))
