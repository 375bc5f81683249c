"""Events into a topic of one's own: CloudEvents in binary mode, key = order key (INTERFACE, 'Kafka').

One idempotent producer writes all of them, and stays as long as it can: what an attempt that was too late left on its
way is not sent again but waited for by the next, so no older copy ever follows a newer event of the same order.
"""

import asyncio
from functools import partial
from typing import Any, Literal

import structlog
from aiokafka import AIOKafkaProducer

from notifier.clock import Clock
from notifier.envelope import binary_headers
from notifier.errors import BackendError, Reason
from notifier.model import CloudEvent, Instant
from notifier.net.kafka.client import Clients
from notifier.net.kafka.deadline import within
from notifier.net.kafka.ending import end
from notifier.net.kafka.errors import row
from notifier.net.kafka.settings import BootstrapServers, KafkaSecurity, TopicName
from notifier.sinks.base import Address, Message, Outcome, SinkSettings
from notifier.sinks.reach import Reached

log = structlog.get_logger()

BATCH = 64 * 1024
"""Bytes that go together at most: a broker that takes only small batches refuses all that is in one."""

_TO_ASK_WHY = 1.0  # seconds
_TO_END = 4.0
_TO_FINISH = 1.0  # seconds in which what is on its way at the end may still arrive


class KafkaSinkSettings(SinkSettings):
    """`topic` must exist, unless the brokers create topics by themselves."""

    type: Literal["kafka"]
    bootstrap_servers: BootstrapServers
    topic: TopicName
    security: KafkaSecurity = KafkaSecurity()


class KafkaSink:
    people = False
    at_most_once = False
    address: Address | None = None

    def __init__(self, settings: KafkaSinkSettings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        self._timeout = settings.timeout / 1000
        self._producer: AIOKafkaProducer | None = None
        self._password = ""  # that the producer logged in with
        self._opening: asyncio.Task[AIOKafkaProducer | BackendError] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._on_the_way: dict[str, asyncio.Future[Any]] = {}  # by delivery

    def endpoint(self, _to: str | None) -> str:
        return f"{','.join(self._settings.bootstrap_servers)}/{self._settings.topic}"

    async def send(self, message: Message, _now: Instant) -> Outcome:
        try:
            async with within(self._timeout, "sending"):
                await self._written(message.id, message.event)
        except BackendError as error:
            if error.__cause__ is None:
                return await self._late()
            return self._failed(error.__cause__, message.event)
        return Outcome("delivered")

    async def close(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.wait([opening])
        self._drop(_TO_FINISH)
        if self._ending:
            _, late = await asyncio.wait(self._ending, timeout=_TO_END)
            for task in late:
                task.cancel()
        await self._clients.close()

    # --- inside --------------------------------------------------------------------------------------------------

    async def _written(self, id: str, event: CloudEvent) -> None:
        on_the_way = self._on_the_way.get(id)
        if on_the_way is None:
            producer = await self._open()
            on_the_way = await producer.send(
                self._settings.topic, event.data, key=event.key.encode(), headers=binary_headers(event)
            )
            self._on_the_way[id] = on_the_way
            on_the_way.add_done_callback(partial(self._arrived, id))
        await asyncio.shield(on_the_way)  # a cancelled attempt does not call the record back

    def _arrived(self, id: str, future: "asyncio.Future[Any]") -> None:
        del self._on_the_way[id]
        if not future.cancelled():
            future.exception()  # perhaps nobody waits for it any more

    async def _open(self) -> AIOKafkaProducer:
        """One start for all who wait for it."""
        if self._producer is not None:
            return self._producer
        if self._opening is None:
            self._opening = asyncio.create_task(self._opened(), name="kafka sink")
        found = await asyncio.shield(self._opening)
        if isinstance(found, BackendError):
            # Of each who waited its own: one exception object must not be raised in several tasks.
            raise type(found)(*found.args) from found.__cause__
        return found

    async def _opened(self) -> AIOKafkaProducer | BackendError:
        password = self._settings.security.secret.get()
        try:
            producer = await self._clients.producer(
                seconds=self._timeout, max_batch_size=BATCH, request_timeout_ms=self._settings.timeout
            )
        except BackendError as error:
            return error
        finally:
            self._opening = None
        self._producer, self._password = producer, password
        return producer

    def _drop(self, patience: float) -> None:
        """The next attempt makes a new producer; what is still on the way of this one may arrive."""
        producer, self._producer = self._producer, None
        if producer is not None:
            task = asyncio.create_task(end(producer, patience), name="kafka sink ends")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def _failed(self, error: BaseException, event: CloudEvent) -> Outcome:
        """After an error of a record the producer's count of records no longer fits that of the broker."""
        self._drop(self._timeout)
        reason, words = row(error).reason, self._clients.words(error)
        # A smaller one may have been refused for those that went together with it.
        if reason is Reason.TOO_LARGE and len(event.data) > BATCH:
            return Outcome("dead", reason=reason, detail=words)
        return Outcome("again", reason=reason, detail=words)

    async def _late(self) -> Outcome:
        """aiokafka tries again for ever, and tells only its log why."""
        if self._settings.security.secret.get() != self._password:
            self._drop(0)
        error = await self._clients.cause(_TO_ASK_WHY)
        if error is not None:
            return Outcome("again", reason=row(error).reason, detail=self._clients.words(error))
        topic = self._settings.topic
        if self._producer is not None and self._producer.client.cluster.partitions_for_topic(topic) is None:
            return Outcome("again", reason=Reason.NOT_FOUND, detail=f"there is no topic {topic}, or it may not be seen")
        return Outcome("again", reason=Reason.TIMEOUT, detail="the brokers did not confirm in time")


async def reach(settings: KafkaSinkSettings, clock: Clock) -> Reached:
    """Whether the brokers take the client and know the topic. All are listed: asked for one, a broker may make it."""
    clients = Clients(settings, clock)
    try:
        producer = await clients.producer(seconds=settings.timeout / 1000)
        try:
            async with within(settings.timeout / 1000, "listing topics"):
                cluster = await producer.client.fetch_all_metadata()
        finally:
            await end(producer, 0)
    except BackendError as error:
        return Reached(False, str(error))
    finally:
        await clients.close()
    if settings.topic not in cluster.topics(exclude_internal_topics=False):
        make = "create it, or the right to see it, unless the brokers create topics by themselves"
        return Reached(True, f"connected; there is no topic {settings.topic}: {make}")
    return Reached(True, "connected, and the topic is there")


def build(_name: str, settings: KafkaSinkSettings, clock: Clock) -> KafkaSink:
    return KafkaSink(settings, Clients(settings, clock))
