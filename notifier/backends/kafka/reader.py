"""Reads the topics into tables that are thrown away at the end: what there is (`loading`), then what comes.

One consumer for all partitions. What the owners of the shards wrote is seen when it is committed. While the brokers are
away the tables stay as they are; reading goes on from where it stopped.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from notifier.backends.bell import Bells
from notifier.backends.kafka.apply import Tables
from notifier.backends.kafka.ends import Ends, Offsets
from notifier.backends.kafka.loading import Loading
from notifier.backends.kafka.lookout import Lookout
from notifier.backends.kafka.portions import Portions
from notifier.backends.kafka.reach import Reach
from notifier.backends.kafka.scratch import Broken, Scratch
from notifier.backends.kafka.topics import Places
from notifier.clock import Clock
from notifier.errors import BackendError, Unavailable
from notifier.net.kafka.client import MIB, Clients
from notifier.net.kafka.deadline import within
from notifier.net.kafka.ending import end

log = structlog.get_logger()

ANSWER = 5.0  # seconds for an answer of the brokers
STOP = 1.0  # seconds for the end of a consumer
POLL = 0.2  # seconds that one call for records lasts where there are none
PACE = 0.05  # seconds between two calls while nobody waits: many records at once cost half as much as one by one
STREAM_PACE = 0.02  # while somebody follows the events
MOST = 500  # records that the loop decodes in one go: some milliseconds
PAUSES = (0.1, 0.2, 0.5, 1.0)  # seconds between tries to connect; the last one again and again


class Reader:
    """`trouble` is why nothing new is read just now. `begun` is where reading began, or what Kafka had deleted before
    it was read; `kept` are the first offsets that Kafka keeps, as was found lately. `whole`: all that was finished and
    what happened before is in the tables, too.
    """

    def __init__(
        self, clients: Clients, places: Places, tables: Tables, reach: Reach, ends: Ends, bells: Bells, clock: Clock
    ) -> None:
        self.scratch = Scratch(tables.create)
        self.trouble: str | None = None
        self.begun: dict[TopicPartition, int] = {}
        self.kept: dict[TopicPartition, int] = {}
        self.whole = False
        self._clients = clients
        self._clock = clock
        self._places = places
        self._tables = tables
        self._reach = reach
        self._asking = ends
        self._bells = bells
        self._lookout = Lookout(places, reach, ends, self._gone, clock)
        self._loading = Loading(clients, places.topics, tables, reach, clock, self._turn)
        self._ends: dict[TopicPartition, int] = {}
        self._live: tuple[TopicPartition, ...] = ()  # what the consumer reads
        self._tries = 0
        self._broken = False  # the tables are of no use
        self._waits_until = 0.0
        self._hurried = False
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def open(self) -> None:
        """Refused: no temporary file can be made. Reading begins, and may take its time."""
        await self.scratch.open()
        self._tables.history.begin(filling=True)
        loop = asyncio.get_running_loop()
        self._tasks = (
            loop.create_task(self._run(), name="reader"),
            loop.create_task(self._lookout.run(), name="its ends"),
        )

    async def close(self, within: float) -> None:
        """Who waits goes on at once; the file is gone after so many seconds at most."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within / 2)
            await self._asking.close(within / 2)
            await self.scratch.close()

    def give_way(self, seconds: float) -> None:
        """For so long it reads no more than facts, and orders after `hurry`."""
        self._waits_until = self._clock.monotonic() + seconds
        self._hurried = False

    def hurry(self) -> None:
        """Somebody waits for orders."""
        self._hurried = True

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
                if self.trouble is None:
                    log.warning("view_reads_nothing", error=str(error))
                self.trouble = str(error)
                self._broken = self._broken or isinstance(error, Broken)
            except Exception as error:
                log.exception("view_failed")
                self.trouble = f"a fault of ours, {type(error).__name__}: see the log"
            self._reach.ring()
            await asyncio.sleep(PAUSES[min(self._tries, len(PAUSES) - 1)])
            self._tries += 1

    async def _started(self) -> AIOKafkaConsumer:
        """It goes on where the tables stand."""
        consumer = await self._clients.consumer(
            seconds=ANSWER, fetch_max_bytes=16 * MIB, max_partition_fetch_bytes=2 * MIB, fetch_max_wait_ms=250
        )
        every = self._places.every
        try:
            consumer.assign(list(every))
            async with within(ANSWER, "asking where Kafka's partitions begin and end"):
                begins: dict[TopicPartition, int] = await consumer.beginning_offsets(every)
                ends: dict[TopicPartition, int] = await consumer.end_offsets(every)
            if any(self._reach.of(partition) > ends[partition] for partition in every):
                log.error("topics_made_anew")  # or lost their end: whatever is shown may never have been
                self._broken = True
            if self._broken:
                await self._begin_anew()
            self.kept |= begins
            for partition in every:
                if self.begun.get(partition, -1) < 0 or self._reach.of(partition) < begins[partition]:
                    self.begun[partition] = begins[partition]
            consumer.pause(*every)
            self._live = ()
            self._follow(consumer, self._places.facts, begins)
        except BaseException:
            await end(consumer, STOP)
            raise
        self._lookout.stuck, self._ends = None, ends
        self._reach.reads(consumer, ends)
        return consumer

    async def _begin_anew(self) -> None:
        fresh = Scratch(self._tables.create)
        await fresh.open()
        former, self.scratch = self.scratch, fresh
        self._tables.history.begin(filling=True)
        self._reach.begin_anew()
        self.begun = {}
        self._broken = self.whole = False
        await former.close()

    def _follow(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], begins: Offsets) -> None:
        """From where the tables stand, what comes."""
        for partition in partitions:
            consumer.seek(partition, max(self._reach.of(partition), begins[partition]))
        consumer.resume(*partitions)
        self._live += tuple(partitions)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        """While some are written the next ones are decoded."""
        portions = Portions()
        loop = asyncio.get_running_loop()
        loading = loop.create_task(self._load(consumer), name="the view's first reading")
        writing = loop.create_task(self._write(portions), name="the view's writing")
        writing.add_done_callback(lambda _: portions.close())
        try:
            while not writing.done():
                async with within(POLL + ANSWER, "reading Kafka's topics"):
                    batch = await consumer.getmany(timeout_ms=round(POLL * 1000), max_records=MOST)
                    heads = {partition: await consumer.position(partition) for partition in self._live}
                portions.add(batch, heads)
                await portions.room()
                if loading.done():
                    loading.result()
                if self._lookout.stuck:
                    raise Unavailable(self._lookout.stuck)
                if sum(map(len, batch.values())) < MOST:
                    await self._pause()
            await writing
        finally:
            for task in (loading, writing):
                task.cancel()
            await asyncio.gather(loading, writing, return_exceptions=True)

    async def _pause(self) -> None:
        """Unless somebody waits for what comes next."""
        try:
            async with asyncio.timeout(STREAM_PACE if self._bells.events.waiting else PACE):
                await self._reach.wanted.wait()
        except TimeoutError:
            return

    async def _write(self, portions: Portions) -> None:
        """One transaction after the other."""
        while True:
            batches, heads = await portions.take()
            if batches or self._tables.restless:
                now = self._clock.monotonic()
                await self.scratch.write(partial(self._tables.apply, batches=batches, now=now))
            self._tries = 0
            self._reach.wrote(heads)
            # One portion that could be read does not yet mean that what could not be read is behind us.
            if self.trouble is not None and self._made_good():
                log.info("view_reads_again")
                self.trouble = None
            self._ring()

    def _ring(self) -> None:
        self._bells.reach({"events": self._tables.events, "facts": self._tables.facts})

    def _made_good(self) -> bool:
        """Whether the shards' records that were there when it began again are in the tables."""
        return all(self._reach.of(partition) >= self._ends[partition] for partition in self._places.shards)

    # --- what there is at first --------------------------------------------------------------------------------------

    async def _load(self, consumer: AIOKafkaConsumer) -> None:
        """What is in the tables already is followed at once."""
        begins, ends = dict(self.kept), self._ends
        missing = [place for place in self._places.orders if not self._reach.caught_up(place)]
        if missing:
            while not self._hurried and self._gives_way():
                await asyncio.sleep(PACE)
            await self._loading.orders(self.scratch, missing, begins, ends)
        self._follow(consumer, self._places.orders, begins)
        if not self.whole:
            await self._turn()
            await self._loading.history(self.scratch, self._places.history, begins, ends)
            self.whole = True
            self._ring()
        self._follow(consumer, self._places.history, begins)
        self._reach.ring()

    def _gives_way(self) -> bool:
        return self._clock.monotonic() < self._waits_until

    async def _turn(self) -> None:
        while self._gives_way():
            await asyncio.sleep(PACE)

    async def _gone(self, begins: Offsets) -> None:
        """Events before these offsets are no longer kept."""
        self.kept |= begins
        offsets = {partition.partition: offset for partition, offset in begins.items()}
        await self.scratch.write(lambda connection: self._tables.prune(connection, offsets))
