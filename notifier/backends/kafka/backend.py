"""Many equal replicas that share the work through Kafka, and need nothing else."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Protocol

import structlog
from aiokafka.client import AIOKafkaClient

from notifier.backends.base import Lease, Stored
from notifier.backends.kafka.group import Membership, Names
from notifier.backends.kafka.holder import Holder, Means
from notifier.backends.kafka.inbox import Inbox
from notifier.backends.kafka.inputs import Parse
from notifier.backends.kafka.lease import KafkaLease
from notifier.backends.kafka.prepare import prepare
from notifier.backends.kafka.retention import ended, watches_of
from notifier.backends.kafka.tail import Tail
from notifier.backends.kafka.topics import Topics
from notifier.backends.kafka.view import KafkaView
from notifier.clock import Clock
from notifier.model import Command, Delivery, Fact, Instant
from notifier.net.kafka.client import Clients, Reachable
from notifier.net.kafka.deadline import within

log = structlog.get_logger()

CONNECT = 10.0  # seconds
SHARDS_FIRST = 30.0  # seconds at a start for which the view waits at most until the shards are restored


class Settings(Reachable, Protocol):
    """`config.sections.KafkaSettings`. Times in ms."""

    @property
    def topic_prefix(self) -> str: ...
    @property
    def partitions(self) -> int: ...
    @property
    def replication_factor(self) -> int: ...
    @property
    def group_id(self) -> str | None: ...
    @property
    def instance_id(self) -> str | None: ...
    @property
    def session_timeout(self) -> int: ...
    @property
    def transaction_timeout(self) -> int: ...


class KafkaBackend:
    """`parse` is what POST /v1/watches does with a body; `retention` in ms; `rejected` hears of bad input records,
    `ahead` by how many seconds this clock is ahead of the brokers' (negative: behind)."""

    def __init__(
        self,
        settings: Settings,
        parse: Parse,
        retention: int,
        clock: Clock,
        rejected: Callable[[str], None] = lambda _: None,
        ahead: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.shards = settings.partitions
        self._rejected = rejected
        self._settings = settings
        self._retention = retention
        self._clock = clock
        self._topics = Topics(settings.topic_prefix)
        self._clients = Clients(settings, clock)
        self._tail = Tail(self._clients, self._topics, self.shards, parse, clock)
        self._view = KafkaView(self._tail, clock)
        self._inbox = Inbox(self._clients, self._tail, self._view, clock, ahead)
        self._session = settings.session_timeout / 1000
        names = Names(
            settings.group_id or settings.topic_prefix,
            self._topics.shards,
            settings.instance_id or socket.gethostname(),
            settings.instance_id,
        )
        self._member = Membership(names, self.shards, self._session, self._connect, clock, self._share)
        self._means = Means(
            self._clients,
            self._topics,
            self.shards,
            parse,
            Readings(self._tail, self._view),
            self,
            clock,
            self._session,
            settings.transaction_timeout / 1000,
        )
        self._holders: dict[int, Holder] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._offers: asyncio.Queue[KafkaLease | None] = asyncio.Queue()
        self._closed = False

    @property
    def view(self) -> KafkaView:
        return self._view

    # --- opening and closing ---------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Refused, with what to do; Unavailable: no broker answers."""
        await prepare(
            self._clients,
            self._topics,
            self.shards,
            self._settings.replication_factor,
            self._retention,
        )
        self._tail.give_way(SHARDS_FIRST)
        await self._tail.open()
        await self._inbox.open()
        self._member.start()
        self._later(self._shards_first())

    async def close(self, within: float) -> None:
        """A commit under way is still written; then the group is left, so that others need not wait."""
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(within):
                holders, self._holders = list(self._holders.values()), {}
                await asyncio.gather(*(each.hand_over("the replica stops") for each in holders))
                await self._member.close(within / 3)
                await asyncio.gather(self._inbox.close(within / 3), self._tail.close(within / 3))
                if self._ending:
                    await asyncio.wait(self._ending)
                await self._clients.close()
        except TimeoutError:
            log.warning("kafka_not_closed", within=within)  # its connections end with the process
        finally:
            self._tail.bells.close()
            self._offers.put_nowait(None)

    # --- what the program asks -------------------------------------------------------------------------------------

    async def leases(self) -> AsyncIterator[Lease]:
        """Refused: the group does not take this replica, and will not."""
        while (lease := await self._offers.get()) is not None:
            if not lease.ended.is_set():
                yield lease
        if self._member.refused is not None:
            raise self._member.refused

    async def submit(self, command: Command, /) -> bool:
        return await self._inbox.submit(command)

    async def tell(self, fact: Fact, /) -> None:
        await self._inbox.tell(fact)

    def facts(self) -> AsyncIterator[Fact]:
        return self._inbox.facts()

    async def known_facts(self) -> tuple[Fact, ...]:
        return await self._inbox.known_facts()

    def trouble(self) -> str | None:
        troubles = [self._member.trouble(), *(holder.trouble for holder in self._holders.values())]
        return next((each for each in troubles if each), self._tail.trouble())

    # --- what leases and holders ask -------------------------------------------------------------------------------

    def reachable(self) -> bool:
        return self._member.reachable()

    def holds(self) -> bool:
        self._member.expire()
        return self._member.fresh()

    def rejected(self, reason: str) -> None:
        self._rejected(reason)

    async def steady(self, since: float, shard: int) -> None:
        await self._member.steady(since, shard)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _share(self) -> None:
        """What the group says is ours has changed."""
        if self._member.refused is not None:
            self._offers.put_nowait(None)
        owned = self._member.owned if not self._closed else frozenset()
        for shard in sorted(self._holders.keys() - owned):
            holder = self._holders.pop(shard)
            if self._member.owned:
                self._later(holder.hand_over("another replica has it now"))
            else:
                holder.drop(self._member.trouble() or "")
                self._later(holder.gone())
        for shard in sorted(owned - self._holders.keys()):
            self._holders[shard] = Holder(shard, self._means, self._offers.put_nowait)

    async def _shards_first(self) -> None:
        """To restore and to read the view at once takes twice as long, and nothing is polled until it is restored."""
        while not self._closed and not (self._member.assigned() and all(map(_is_restored, self._holders.values()))):
            await asyncio.sleep(0.05)
        self._tail.give_way(0)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _connect(self) -> AIOKafkaClient:
        """For the group: an answer to a join may take as long as a dead member's session."""
        client = AIOKafkaClient(**self._clients.options(), request_timeout_ms=round(self._session * 3000 + 10_000))
        try:
            async with within(CONNECT, "connecting to Kafka"):
                await client.bootstrap()
        except BaseException:
            await client.close()
            raise
        return client


def _is_restored(holder: Holder) -> bool:
    return holder.lease is not None and holder.lease.restored


class Readings:
    """What leases read of the view."""

    def __init__(self, tail: Tail, view: KafkaView) -> None:
        self._tail = tail
        self._view = view

    async def load(self, key: str, /) -> Stored | None:
        return await self._view.load(key)

    async def delivery(self, key: str, delivery_id: str, /) -> Delivery | None:
        return await self._view.delivery(key, delivery_id)

    async def watches(self, keys: Collection[str], /) -> Mapping[str, bytes]:
        await self._view.reached(next(iter(keys)))
        return await self._tail.read(lambda connection: watches_of(connection, keys))

    async def ended(self, shard: int, before: Instant, /) -> Mapping[str, Sequence[str]]:
        topics = self._tail.topics
        await self._tail.reached(
            [self._tail.partitions(topic)[shard] for topic in (topics.shards, topics.watches, topics.deliveries)]
        )
        return await self._tail.read(lambda connection: ended(connection, shard, self._tail.shards, before))
