"""Keeps one shard going while the group says that it is ours: fence, restore, offer a lease, again after each loss."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from notifier.backends.kafka.inputs import Parse
from notifier.backends.kafka.lease import KafkaLease, Readings, Replica
from notifier.backends.kafka.reading import end_of
from notifier.backends.kafka.restore import restore
from notifier.backends.kafka.topics import Topics
from notifier.backends.kafka.writer import Writer
from notifier.clock import Clock
from notifier.errors import BackendError, LeaseLost, Unavailable
from notifier.net.kafka.client import Clients
from notifier.net.kafka.deadline import within
from notifier.net.kafka.ending import end

log = structlog.get_logger()

FIRST_PAUSE, LAST_PAUSE = 0.1, 3.0  # seconds between tries, and between leases that are lost soon
LONG_ENOUGH = 5.0  # seconds after which a lease was not lost soon
POLL = 0.5  # seconds that one call for records lasts where there are none
LOOK = 5.0  # seconds between two looks whether the reader comes as far as the inputs go
STANDSTILL = 15.0  # seconds without progress, though there is more, after which the lease is given up
LAST_COMMIT = 1.0  # seconds for a commit under way when the shard goes to another replica
STOP = 1.0  # seconds for a reader to stop


class Group(Replica, Protocol):
    """What a holder wants of the membership, beside what a lease does."""

    async def steady(self, since: float, shard: int) -> None:
        """Until a heartbeat sent after `since` was answered without an error, with that shard assigned."""
        ...


class Means(NamedTuple):
    """What all shards of a replica share. Times in seconds."""

    clients: Clients
    topics: Topics
    shards: int
    parse: Parse
    view: Readings
    group: Group
    clock: Clock
    session: float
    transaction: float


class Holder:
    """`trouble` says why there is no lease just now."""

    def __init__(self, shard: int, means: Means, offer: Callable[[KafkaLease], None]) -> None:
        self.shard = shard
        self.lease: KafkaLease | None = None
        self.trouble: str | None = f"shard {shard} is being restored"
        self._means = means
        self._offer = offer
        self._taking = False  # what was read is being worked at, and may have to wait for the view
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"holder of shard {shard}")

    def drop(self, why: str) -> None:
        """At once: nobody vouches for it any more."""
        if self.lease is not None:
            self.lease.end(why)
        self._task.cancel()

    async def hand_over(self, why: str) -> None:
        """Another replica has it now: what is being committed may still succeed."""
        if self.lease is not None:
            await self.lease.conclude(why, LAST_COMMIT)
        self._task.cancel()
        await asyncio.wait([self._task])

    async def gone(self) -> None:
        """Until nothing of it runs any more; after `drop`."""
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            began = self._means.clock.monotonic()
            fenced = False
            try:
                fenced = await self._hold()
            except BackendError as error:
                self._note(str(error))
            except Exception as error:
                log.exception("shard_failed", shard=self.shard)
                self._note(f"shard {self.shard}: a fault of ours, {type(error).__name__}: see the log")
            if fenced:
                await self._wait_for_the_group()
            soon = self._means.clock.monotonic() - began < LONG_ENOUGH
            pause = min(max(pause * 2, FIRST_PAUSE), LAST_PAUSE) if soon else 0.0

    async def _hold(self) -> bool:
        """One lease, from the fence to its end; whether that was a fence. Refused, Unavailable: there was none."""
        means, shard = self._means, self.shard
        began = means.clock.monotonic()
        writer = await Writer.fence(means.clients, f"{means.topics.prefix}-{shard}", shard, means.transaction)
        consumer: AIOKafkaConsumer | None = None
        try:
            image, intake, consumer = await restore(
                means.clients, means.topics, shard, means.shards, means.parse, means.clock
            )
            lease = KafkaLease(shard, means.topics, writer, image, intake, means.view, means.group, means.clock)
            self.lease, self.trouble = lease, None
            log.info("shard_fenced", shard=shard, seconds=round(means.clock.monotonic() - began, 3))
            self._offer(lease)
            await self._feed(lease, consumer)
            if lease.released:
                self.trouble = f"shard {shard} was given back"  # by us, when the service stops: nothing to warn of
            else:
                self._note(f"shard {shard} was lost: {lease.why}")
            return writer.fenced
        finally:
            if self.lease is not None:
                self.lease.end("it was given up")
            self.lease = None
            await _whole(writer.close(), *([end(consumer, STOP)] if consumer else []))

    async def _wait_for_the_group(self) -> None:
        """A new owner, or a transaction of ours that took too long? At once would fence the rightful new owner."""
        since = self._means.clock.monotonic()
        await asyncio.sleep(self._means.session / 2)
        await self._means.group.steady(since, self.shard)

    # --- the tail of the inputs ------------------------------------------------------------------------------------

    async def _feed(self, lease: KafkaLease, consumer: AIOKafkaConsumer) -> None:
        """Until the lease has ended."""
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(self._read(lease, consumer), name=f"inputs of shard {self.shard}"),
            loop.create_task(self._watch(consumer), name=f"watchdog of shard {self.shard}"),
            loop.create_task(_ended(lease), name=f"end of shard {self.shard}"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (error := task.exception()) is not None and not isinstance(error, LeaseLost):
                    lease.end(str(error) or type(error).__name__)
                    raise error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _read(self, lease: KafkaLease, consumer: AIOKafkaConsumer) -> None:
        while True:
            async with within(POLL + STANDSTILL, f"reading what is asked of shard {self.shard}"):
                batches = await consumer.getmany(timeout_ms=round(POLL * 1000))
            for records in batches.values():
                self._taking = True
                await lease.take(records)
                self._taking = False

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        """A reader that stands still although there is more would leave what is asked unheard."""
        topics, clock = self._means.topics, self._means.clock
        places = [TopicPartition(topic, self.shard) for topic in (topics.watches, topics.commands)]
        moved = dict.fromkeys(places, (-1, clock.monotonic()))
        while True:
            await asyncio.sleep(LOOK)
            for place in places:
                try:
                    there, stable = await consumer.position(place), await end_of(consumer, place)
                except Unavailable:
                    moved[place] = (-1, clock.monotonic())  # the brokers are away: that is no standstill
                    continue
                now = clock.monotonic()
                if there >= stable or there != moved[place][0] or self._taking:
                    moved[place] = (there, now)
                elif now - moved[place][1] > STANDSTILL:
                    raise Unavailable(f"{place.topic} {place.partition} is not read beyond {there} of {stable}")

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("shard_not_held", shard=self.shard, reason=trouble)
            self.trouble = trouble


async def _whole(*endings: Awaitable[None]) -> None:
    """All of them, to their end, even when cancelled: a client that is cut off while it closes stays half open."""
    ending = asyncio.gather(*endings)
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        await asyncio.wait([ending])
        raise


async def _ended(lease: KafkaLease) -> None:
    await lease.ended.wait()
