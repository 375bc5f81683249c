"""The way in: commands and facts, durable in their topics and shown by this replica's view when it says so."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import RecordMetadata
from msgspec.structs import replace

from notifier.backends import tables
from notifier.backends.base import OrderQuery
from notifier.backends.kafka.inputs import command_record, removal_record, watch_record
from notifier.backends.kafka.records import Outgoing, fact_record
from notifier.backends.kafka.skew import PROBE, Skew
from notifier.backends.kafka.tail import PATIENCE, Tail
from notifier.backends.kafka.view import KafkaView
from notifier.backends.partition import shard_of
from notifier.clock import Clock
from notifier.errors import BackendError, Unavailable
from notifier.model import Command, Fact
from notifier.net.kafka.client import Clients
from notifier.net.kafka.deadline import within
from notifier.net.kafka.ending import end

log = structlog.get_logger()

APPEND = 1.0  # seconds until a record must be durable
START = 5.0  # seconds to connect
APPENDED = 1  # the type of a timestamp that is the broker's
LAST_PAUSE = 2.0  # seconds between tries to read the facts
MIND_CLOCK = 300.0  # seconds between two looks at how far this clock is off the brokers'


class Inbox:
    """One idempotent producer: what is sent first is written first, also after errors."""

    def __init__(
        self,
        clients: Clients,
        tail: Tail,
        view: KafkaView,
        clock: Clock,
        ahead: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`ahead` hears by how many seconds this clock is ahead of the brokers', see `Skew`."""
        self._clients = clients
        self._tail = tail
        self._view = view
        self._clock = clock
        self._topics = tail.topics
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._skew = Skew(clock, ahead)
        self._minding: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connects, so that the first who asks need not wait; without brokers he will."""
        try:
            await self._started()
        except Unavailable as error:
            log.warning("inbox_not_connected", error=str(error))
        self._minding = asyncio.get_running_loop().create_task(self._mind_clock(), name="inbox's clock")

    async def close(self, within: float) -> None:
        if self._minding is not None:
            self._minding.cancel()
            await asyncio.wait([self._minding])
        producer, self._producer = self._producer, None
        if producer is not None:
            await end(producer, within)

    async def submit(self, command: Command) -> bool:
        """Durable and shown on return, within a second. Unavailable: nothing is known to be kept; safe to repeat.

        True: for `put` the watch is new or was removed; for `remove` and `retry` it was there.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._submit(command if command.at else replace(command, at=self._clock.now()))
        except TimeoutError:
            raise Unavailable(f"not kept and shown within {PATIENCE:g} s") from None

    async def _submit(self, command: Command) -> bool:
        match command.kind:
            case "put":
                if command.watch is None:
                    raise ValueError("a put needs its watch")
                return not await self._input(command.key, watch_record(command.watch, command.at))
            case "remove":
                found = await self._view.find(OrderQuery(key=command.key, limit=1))
                if not found.items or found.items[0].removed:
                    return False
                return await self._input(command.key, removal_record(command.key, command.at))
            case "retry":
                if command.delivery is None or await self._view.delivery(command.key, command.delivery) is None:
                    return False
                await self._append(
                    self._topics.commands, shard_of(command.key, self._tail.shards), command_record(command)
                )
                return True

    async def tell(self, fact: Fact) -> None:
        """Durable, and known here. Unavailable."""
        written = await self._append(self._topics.facts, 0, fact_record(fact))
        await self._tail.shows(TopicPartition(self._topics.facts, 0), written.offset)

    async def known_facts(self) -> tuple[Fact, ...]:
        """All that are durable now, the newest of each subject. Unavailable."""
        await self._tail.reached([TopicPartition(self._topics.facts, 0)])
        return tuple(fact for _, fact in await self._tail.read(partial(tables.facts, after=0)))

    async def facts(self) -> AsyncIterator[Fact]:
        """Known ones first, then as they come; ends when the backend is closed."""
        number = 0
        bell = self._tail.bells.facts
        while True:
            seen = bell.newest
            try:
                told = await self._tail.read(partial(tables.facts, after=number))
            except Unavailable:
                if bell.closed:
                    return
                await asyncio.sleep(LAST_PAUSE)
                continue
            for number, fact in told:  # noqa: B007
                yield fact
            if not await bell.wait(seen):
                return

    async def _input(self, key: str, record: Outgoing) -> bool:
        """Whether the order was followed before this record."""
        shard = shard_of(key, self._tail.shards)
        written = await self._append(self._topics.watches, shard, record)
        await self._tail.shows(TopicPartition(self._topics.watches, shard), written.offset)
        met = self._tail.outcome(shard, written.offset)
        # Where the owner was so quick that only his own record of it was read, and of a later one: it was there.
        return met is None or met.there

    async def _append(self, topic: str, partition: int, record: Outgoing) -> RecordMetadata:
        producer = await self._started()
        try:
            async with within(APPEND, f"writing to {topic}"):
                sent = self._clock.now()
                written: RecordMetadata = await producer.send_and_wait(
                    topic, record.value, key=record.key, partition=partition, headers=list(record.headers)
                )
        except Unavailable:
            raise
        except BackendError as error:
            # Fatal for this producer. What it still had is written or dropped before another one writes.
            if self._producer is producer:
                self._producer = None
                await end(producer)
            raise Unavailable(str(error)) from error
        if written.timestamp_type == APPENDED and written.timestamp is not None:
            self._skew.heard(sent, written.timestamp, self._clock.now())
        return written

    async def _mind_clock(self) -> None:
        """Also where nobody writes."""
        while True:
            with contextlib.suppress(Unavailable):
                await self._append(self._topics.facts, 0, PROBE)
            await asyncio.sleep(MIND_CLOCK)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                try:
                    self._producer = await self._clients.producer(seconds=START)
                except BackendError as error:
                    raise Unavailable(str(error)) from error
            return self._producer
