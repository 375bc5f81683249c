"""The ownership of one shard, from its fence to the first doubt: restore, commands, commits, the end of retention."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import structlog

from notifier import codec
from notifier.backends.base import Change, Stored
from notifier.backends.kafka.image import Image
from notifier.backends.kafka.incoming import Incoming, Told, Watches
from notifier.backends.kafka.inputs import retirement_record
from notifier.backends.kafka.intake import Intake
from notifier.backends.kafka.records import Record
from notifier.backends.kafka.topics import Topics
from notifier.backends.kafka.transactions import Reach, Transactions
from notifier.backends.kafka.writer import Writer
from notifier.clock import Clock
from notifier.errors import LeaseLost
from notifier.model import Command, Delivery, Instant

log = structlog.get_logger()

FORGET_ORDERS, FORGET_RECORDS = 50, 2_000  # of one transaction: others write in between


class Readings(Watches, Protocol):
    """What a lease wants of the view: all that is committed of these orders by now. Unavailable."""

    async def load(self, key: str, /) -> Stored | None: ...
    async def delivery(self, key: str, delivery_id: str, /) -> Delivery | None: ...
    async def ended(self, shard: int, before: Instant, /) -> Mapping[str, Sequence[str]]:
        """Orders of a shard that ended before and have nothing to be sent any more, with all their deliveries."""
        ...


class Replica(Reach, Told, Protocol):
    """What a lease wants of the replica that holds it."""

    def holds(self) -> bool:
        """Whether the group vouches for what this replica owns; asked before each look and send, it must not wait."""
        ...


class KafkaLease:
    """`restored`: its orders and deliveries were given out."""

    def __init__(
        self,
        shard: int,
        topics: Topics,
        writer: Writer,
        image: Image,
        intake: Intake,
        view: Readings,
        replica: Replica,
        clock: Clock,
    ) -> None:
        self.shard = shard
        self.released = False  # by its holder, before it was lost
        self.restored = False
        self._transactions = Transactions(shard, topics, writer, image, intake, replica, clock)
        self.ended = self._transactions.ended
        self._incoming = Incoming(self._transactions, view, replica)
        self._memory = self._transactions.memory
        self._leaving: str | None = None
        self._topics = topics
        self._image = image
        self._intake = intake
        self._view = view
        self._replica = replica
        self._touched: set[str] | None = None  # orders changed while it is decided which ones are forgotten

    @property
    def why(self) -> str:
        """It has ended."""
        return self._transactions.why

    @property
    def fenced(self) -> bool:
        """It ended because of another owner, or of a transaction that took too long: the two look alike."""
        return self._transactions.fenced

    # --- what the program asks -------------------------------------------------------------------------------------

    def held(self) -> str | None:
        if self.ended.is_set():
            return f"shard {self.shard} is no longer held: {self.why}"
        if not self._replica.holds():
            return "the group of replicas has not answered for so long that another one may take over"
        return self._leaving

    async def restore(self) -> AsyncIterator[Stored | Delivery]:
        self._transactions.check()
        followed = self._intake.followed(self._image.kept)
        self._image.kept.clear()
        async for each in self._image.give(followed):
            yield each
        self.restored = True

    async def commands(self) -> AsyncIterator[Command]:
        place = 0
        while True:
            self._transactions.check()
            seen = self._intake.bell.newest
            while place < len(self._intake.log):
                command = self._intake.log[place]
                place += 1
                if command is not None:
                    yield command
            if not await self._intake.bell.wait(seen):
                return

    async def load(self, key: str, /) -> Stored | None:
        if self._memory.new(key) and (asked := self._intake.asked(key)) is not None:
            return Stored(key, codec.pack_watch(asked.watch), None)
        return await self._transactions.patiently(lambda: self._view.load(key))

    async def delivery(self, key: str, delivery_id: str, /) -> Delivery | None:
        return await self._transactions.patiently(lambda: self._view.delivery(key, delivery_id))

    async def commit(self, changes: Sequence[Change], /) -> None:
        self._transactions.check()
        async with self._transactions.lock:
            batch = self._transactions.batch()
            try:
                for change in changes:
                    batch.add(change)
                records = batch.records()
            except Exception as error:
                log.exception("commit_failed", shard=self.shard)
                self.end(f"a fault of ours, {type(error).__name__}: see the log")
                raise LeaseLost(self.why) from error
            await self._transactions.write(batch, records)
            if self._touched is not None:
                self._touched.update(change.key for change in changes)

    async def forget(self, retired_before: Instant, /) -> int:
        """A slice at a time: each order goes with its watch in one transaction. Unavailable, too."""
        self._transactions.check()
        self._touched = set()
        try:
            ended = dict(await self._view.ended(self.shard, retired_before))
            total = 0
            while ended:
                part: dict[str, Sequence[str]] = {}
                while ended and len(part) < FORGET_ORDERS and sum(map(len, part.values())) < FORGET_RECORDS:
                    key, deliveries = ended.popitem()
                    part[key] = deliveries
                total += await self._forget(part)
            return total
        finally:
            self._touched = None

    async def release(self) -> None:
        self.released |= not self.ended.is_set()
        self.end("it was given back")

    # --- what its holder asks --------------------------------------------------------------------------------------

    async def take(self, records: Sequence[Record]) -> None:
        """New records of one input topic, in their order. LeaseLost."""
        await self._incoming.take(records)

    async def conclude(self, why: str, within: float) -> None:
        """No look and no send begins; a commit under way has so many seconds. Then it ends."""
        self._leaving = why
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within), self._transactions.lock:
                pass
        self.end(why)

    def end(self, why: str) -> None:
        """Nothing is begun by it from now on."""
        self._transactions.end(why)

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _forget(self, orders: Mapping[str, Sequence[str]]) -> int:
        """Those of which nothing is asked, and which are not followed again since it was decided."""
        async with self._transactions.lock:
            touched = self._touched or set()
            keys = [
                key
                for key in orders
                if key not in touched and key not in self._memory.watches and self._intake.asked(key) is None
            ]
            if not keys:
                return 0
            batch = self._transactions.batch()
            known = self._intake.retire(keys)
            for key in keys:
                batch.forget(key, orders[key])
                tombstone = retirement_record(key, known)
                batch.also(self._topics.watches, tombstone._replace(headers=(*tombstone.headers, *batch.number)))
            await self._transactions.write(batch, batch.records())
        return len(keys)
