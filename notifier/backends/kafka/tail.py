"""Reads the topics to their end, and on: one consumer for all partitions, into tables that are thrown away at the end.

What the owners of the shards wrote is seen when it is committed. While the brokers are away the tables stay as they
are, and say of when; reading goes on from where it stopped.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from notifier.backends.bell import Bells
from notifier.backends.kafka.apply import Outcome, Tables
from notifier.backends.kafka.ends import Ends
from notifier.backends.kafka.inputs import Parse
from notifier.backends.kafka.portions import Portions
from notifier.backends.kafka.reach import GRACE, STANDSTILL, Reach
from notifier.backends.kafka.scratch import Broken, Scratch
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
ANSWER = 5.0  # seconds for an answer of the brokers
STOP = 1.0  # seconds for the end of a consumer
POLL = 0.2  # seconds that one call for records lasts where there are none
PACE = 0.05  # seconds between two calls while nobody waits: many records at once cost half as much as one by one
STREAM_PACE = 0.02  # while somebody follows the events
MOST = 500  # records that the loop decodes in one go: some milliseconds
LOOK = 1.0  # seconds between two looks at where the topics end
PRUNE = 60.0  # seconds between two looks at where they begin
AWAY = 5.0  # seconds without an answer after which the brokers are away
PAUSES = (0.1, 0.2, 0.5, 1.0)  # seconds between tries to connect; the last one again and again


class Tail:
    """`bells` ring for new events and facts. Kafka's topics must be there before it is opened."""

    def __init__(self, clients: Clients, topics: Topics, shards: int, parse: Parse, clock: Clock) -> None:
        self.shards = shards
        self.topics = topics
        self.bells = Bells()
        self.ends = Ends(clients)
        self._clients = clients
        self._clock = clock
        self._tables = Tables(topics, shards, parse)
        self._scratch = Scratch(self._tables.create)
        self._reach = Reach(clock)
        # The orders first: then a watch is what its owner made of it, and what is asked for most is there.
        self._stages: tuple[tuple[TopicPartition, ...], ...] = (
            (TopicPartition(topics.facts, 0),),
            self.partitions(topics.shards),
            self.partitions(topics.watches),
            (*self.partitions(topics.deliveries), *self.partitions(topics.events)),
        )
        self._all = tuple(partition for stage in self._stages for partition in stage)
        self._begun: dict[TopicPartition, int] = {}
        self._kept: dict[TopicPartition, int] = {}
        self._trouble: str | None = None
        self._ends: dict[TopicPartition, int] = {}
        self._tries = 0
        self._stuck: str | None = None  # why the consumer is to be made anew
        self._broken = False  # the tables are of no use
        self._facts_alone_until = 0.0
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def partitions(self, topic: str) -> tuple[TopicPartition, ...]:
        return tuple(TopicPartition(topic, shard) for shard in range(self.shards))

    async def open(self) -> None:
        """Refused: no temporary file can be made. Reading begins, and may take its time."""
        await self._scratch.open()
        loop = asyncio.get_running_loop()
        self._tasks = (loop.create_task(self._run(), name="tail"), loop.create_task(self._look(), name="tail's ends"))

    def give_way(self, seconds: float) -> None:
        """For so long it reads no more than facts, if it has just begun and nobody waits for more: what is restored
        meanwhile is there sooner."""
        self._facts_alone_until = self._clock.monotonic() + seconds

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
        return self._reach.as_of

    def heads(self, topic: str) -> Sequence[int] | None:
        """How far each partition of a topic is in the tables; None while that is less than what was there at first."""
        return self._reach.heads(self.partitions(topic))

    def begun(self, topic: str) -> Sequence[int]:
        """Where reading began, or what Kafka had deleted before it was read. Unavailable: no reading has begun yet."""
        if not self._begun:
            raise self._not_yet()
        return [self._begun[partition] for partition in self.partitions(topic)]

    def kept(self, topic: str) -> Sequence[int]:
        """The first offsets that Kafka keeps, as was found lately."""
        return [self._kept.get(partition, 0) for partition in self.partitions(topic)]

    def outcome(self, partition: int, offset: int) -> Outcome | None:
        """What a record of `watches` met that was applied lately."""
        return self._tables.outcome(partition, offset)

    async def reached(self, partitions: Collection[TopicPartition]) -> None:
        """Until all that they have now is in the tables. Unavailable after a second."""
        asked, began = self._clock.now(), self._clock.monotonic()

        def late() -> bool:
            return self._clock.monotonic() - began > GRACE

        self._wanted(partitions)
        with self._reach as reach:
            try:
                async with asyncio.timeout(PATIENCE):
                    ends = await self.ends.ends.of(partitions)
                    await reach.until(lambda: reach.has(ends, asked if late() else None))
            except TimeoutError:
                raise self._not_yet() from None

    async def shows(self, partition: TopicPartition, offset: int) -> None:
        """Until this record is in the tables. Unavailable after a second."""
        self._wanted([partition])
        with self._reach as reach:
            try:
                async with asyncio.timeout(PATIENCE):
                    await reach.until(lambda: reach.of(partition) > offset)
            except TimeoutError:
                raise self._not_yet() from None

    def _wanted(self, partitions: Collection[TopicPartition]) -> None:
        """Whoever waits for more than facts is not put off any longer."""
        if any(partition.topic != self.topics.facts for partition in partitions):
            self.give_way(0)

    def _not_yet(self) -> Unavailable:
        return Unavailable(self._trouble or "the view has not read so far yet")

    # --- reading -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                consumer = await self._started()
                try:
                    await self._read(consumer)
                finally:
                    self._reach.reads(None)
                    await end(consumer, STOP)
            except BackendError as error:
                if self._trouble is None:
                    log.warning("view_reads_nothing", error=str(error))
                self._trouble = str(error)
                self._broken = self._broken or isinstance(error, Broken)
            except Exception as error:
                log.exception("view_failed")
                self._trouble = f"a fault of ours, {type(error).__name__}: see the log"
            self._reach.ring()
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
            if any(self._reach.of(partition) > ends[partition] for partition in self._all):
                log.error("topics_made_anew")  # or lost their end: whatever is shown may never have been
                self._broken = True
            if self._broken:
                await self._begin_anew()
            self._kept |= begins
            for partition in self._all:
                if self._begun.get(partition, -1) < 0 or self._reach.of(partition) < begins[partition]:
                    self._begun[partition] = begins[partition]
                consumer.seek(partition, max(self._reach.of(partition), begins[partition]))
            consumer.pause(*(partition for stage in self._stages[1:] for partition in stage))
        except BaseException:
            await end(consumer, STOP)
            raise
        self._stuck, self._ends = None, ends
        self._reach.reads(consumer, ends)
        return consumer

    async def _begin_anew(self) -> None:
        fresh = Scratch(self._tables.create)
        await fresh.open()
        former, self._scratch = self._scratch, fresh
        self._reach.begin_anew()
        self._begun = {}
        self._broken = False
        await former.close()

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        """While some are written the next ones are decoded."""
        portions = Portions()
        writing = asyncio.get_running_loop().create_task(self._write(portions), name="tail's writing")
        writing.add_done_callback(lambda _: portions.close())
        stages = 1
        try:
            while not writing.done():
                async with within(POLL + ANSWER, "reading Kafka's topics"):
                    batch = await consumer.getmany(timeout_ms=round(POLL * 1000), max_records=MOST)
                    heads = {partition: await consumer.position(partition) for partition in self._all}
                portions.add(batch, heads)
                await portions.room()
                while stages < len(self._stages) and self._may_read(stages):
                    consumer.resume(*self._stages[stages])
                    stages += 1
                if self._stuck:
                    raise Unavailable(self._stuck)
                if sum(map(len, batch.values())) < MOST:
                    await self._pause()
            await writing
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    def _may_read(self, stage: int) -> bool:
        return self._clock.monotonic() >= self._facts_alone_until and all(
            map(self._reach.caught_up, self._stages[stage - 1])
        )

    async def _pause(self) -> None:
        """Unless somebody waits for what comes next."""
        try:
            async with asyncio.timeout(STREAM_PACE if self.bells.events.waiting else PACE):
                await self._reach.wanted.wait()
        except TimeoutError:
            return

    async def _write(self, portions: Portions) -> None:
        """One transaction after the other."""
        while True:
            batches, heads = await portions.take()
            if batches or self._tables.restless:
                now = self._clock.monotonic()
                await self._scratch.write(partial(self._tables.apply, batches=batches, now=now))
            self._tries = 0
            self._reach.wrote(heads)
            # One portion that could be read does not yet mean that what could not be read is behind us.
            if self._trouble is not None and self._made_good():
                log.info("view_reads_again")
                self._trouble = None
            self.bells.reach({"events": self._tables.events, "facts": self._tables.facts})

    def _made_good(self) -> bool:
        """Whether the shards' records that were there when it began again are in the tables."""
        partitions = self.partitions(self.topics.shards)
        return all(self._reach.of(partition) >= self._ends[partition] for partition in partitions)

    # --- where the topics end, and begin -----------------------------------------------------------------------------

    async def _look(self) -> None:
        """Now and then, so that `as_of` goes on while nothing comes, and what Kafka deletes is deleted here, too.

        It also notices what a consumer keeps to itself: that the brokers are away, or that it stands still.
        """
        known = pruned = self._clock.monotonic()
        while True:
            await asyncio.sleep(LOOK)
            try:
                now = self._clock.now()
                self._reach.look(now, await self.ends.ends.of(self._all))
                known = self._clock.monotonic()
                if self._reach.stands_still():
                    self._stuck = f"a partition stood still for {STANDSTILL:g} s, though there is more"
                if self._clock.monotonic() - pruned > PRUNE:
                    pruned = self._clock.monotonic()
                    await self._prune()
            except BackendError as error:
                if self._clock.monotonic() - known > AWAY:
                    self._stuck = str(error)

    async def _prune(self) -> None:
        begins = await self.ends.begins.of(self.partitions(self.topics.events))
        self._kept |= begins
        offsets = {partition.partition: offset for partition, offset in begins.items()}
        await self._scratch.write(lambda connection: self._tables.prune(connection, offsets))
