"""What a replica has read of the topics, how far it is, and who waits for it to be further."""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from aiokafka import TopicPartition

from notifier.backends.bell import Bells
from notifier.backends.kafka.apply import Tables
from notifier.backends.kafka.ends import Ends
from notifier.backends.kafka.inputs import Parse
from notifier.backends.kafka.orders import Outcome
from notifier.backends.kafka.reach import GRACE, Reach
from notifier.backends.kafka.reader import Reader
from notifier.backends.kafka.topics import Places, Topics
from notifier.clock import Clock
from notifier.errors import Unavailable
from notifier.model import Instant
from notifier.net.kafka.client import Clients

T = TypeVar("T")

PATIENCE = 1.0  # seconds that a reader waits at most for what he wants to see


class Tail:
    """`bells` ring for new events and facts. Kafka's topics must be there before it is opened."""

    def __init__(self, clients: Clients, topics: Topics, shards: int, parse: Parse, clock: Clock) -> None:
        self.shards = shards
        self.topics = topics
        self.bells = Bells()
        self.ends = Ends(clients)
        self._clock = clock
        self._places = Places(topics, shards)
        self._tables = Tables(topics, shards, parse)
        self._reach = Reach(clock, self._places.orders)
        self._reader = Reader(clients, self._places, self._tables, self._reach, self.ends, self.bells, clock)

    def partitions(self, topic: str) -> tuple[TopicPartition, ...]:
        return self._places.of(topic)

    async def open(self) -> None:
        """Refused: no temporary file can be made. Reading begins, and may take its time."""
        await self._reader.open()

    def give_way(self, seconds: float) -> None:
        """For so long it reads no more than facts and what somebody waits for: what is restored meanwhile is there
        sooner."""
        self._reader.give_way(seconds)

    async def close(self, within: float) -> None:
        """Who waits goes on at once; the file is gone after so many seconds at most."""
        self.bells.close()
        self._reach.ring()
        await self._reader.close(within)

    # --- what is known -----------------------------------------------------------------------------------------------

    async def read(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """Sees all that was read so far. Unavailable."""
        return await self._reader.scratch.read(work)

    def trouble(self) -> str | None:
        """Why nothing new is read just now."""
        return self._reader.trouble

    def as_of(self) -> Instant:
        """All that was committed of orders by then is in the tables. 0: not even what there was at the start."""
        return self._reach.as_of

    def heads(self, topic: str) -> Sequence[int] | None:
        """How far each partition of a topic is in the tables; None while that is less than what was there at first."""
        return self._reach.heads(self.partitions(topic))

    def begun(self, topic: str) -> Sequence[int]:
        """Where reading began, or what Kafka had deleted before it was read. Unavailable: no reading has begun yet."""
        if not self._reader.begun:
            raise self._not_yet()
        return [self._reader.begun[partition] for partition in self.partitions(topic)]

    def kept(self, topic: str) -> Sequence[int]:
        """The first offsets that Kafka keeps, as was found lately."""
        return [self._reader.kept.get(partition, 0) for partition in self.partitions(topic)]

    def outcome(self, partition: int, offset: int) -> Outcome | None:
        """What a record of `watches` met that was applied lately."""
        return self._tables.outcome(partition, offset)

    # --- waiting -----------------------------------------------------------------------------------------------------

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

    async def whole(self) -> None:
        """Until all that was there at the start is in the tables, however long that takes; or it is closed."""
        await self._reach.until(lambda: self._reader.whole or self.bells.events.closed)

    def _wanted(self, partitions: Collection[TopicPartition]) -> None:
        """Who waits for more than facts is not put off any longer."""
        topics = {partition.topic for partition in partitions}
        if topics & {self.topics.deliveries, self.topics.events}:
            self._reader.give_way(0)
        elif topics != {self.topics.facts}:
            self._reader.hurry()

    def _not_yet(self) -> Unavailable:
        return Unavailable(self.trouble() or "the view has not read so far yet")
