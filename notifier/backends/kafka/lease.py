"""The ownership of one shard, from its fence to the first doubt: restore, commands, commits, the end of retention."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

import structlog

from notifier import codec
from notifier.backends.base import Change, Stored
from notifier.backends.kafka.batch import Batch, Memory
from notifier.backends.kafka.image import Image
from notifier.backends.kafka.inputs import retirement_record
from notifier.backends.kafka.intake import Followed, Intake, of_chores
from notifier.backends.kafka.records import Outgoing, Record
from notifier.backends.kafka.topics import Topics
from notifier.backends.kafka.writer import Writer
from notifier.clock import Clock
from notifier.errors import LeaseLost, Unavailable
from notifier.model import Command, Delivery, Instant

log = structlog.get_logger()

T = TypeVar("T")

FORGET_ORDERS, FORGET_RECORDS = 50, 2_000  # of one transaction: others write in between
MOST_CHORES = 100
AGAIN = 0.2  # seconds between tries while the view, or all the brokers, cannot be reached


class Readings(Protocol):
    """What a lease wants of the view: all that is committed of these orders by now. Unavailable."""

    async def load(self, key: str, /) -> Stored | None: ...
    async def delivery(self, key: str, delivery_id: str, /) -> Delivery | None: ...
    async def watches(self, keys: Collection[str], /) -> Mapping[str, bytes]:
        """Those that there are, packed; also of removed orders. All keys are of one shard."""
        ...

    async def ended(self, shard: int, before: Instant, /) -> Mapping[str, Sequence[str]]:
        """Orders of a shard that ended before and have nothing to be sent any more, with all their deliveries."""
        ...


class Replica(Protocol):
    """What a lease wants of the replica that holds it."""

    def reachable(self) -> bool:
        """Whether any broker is."""
        ...

    def holds(self) -> bool:
        """Whether the group vouches for what this replica owns; asked before each look and send, it must not wait."""
        ...

    def rejected(self, reason: str) -> None:
        """An input record was bad; that is reported now."""
        ...


class KafkaLease:
    """`fenced`: it ended because of another owner, or of a transaction that took too long: the two look alike."""

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
        self.ended = asyncio.Event()
        self.why = ""
        self.restored = False
        self._leaving: str | None = None
        self._topics = topics
        self._writer = writer
        self._image = image
        self._intake = intake
        self._view = view
        self._replica = replica
        self._clock = clock
        self._memory = Memory.of(image)
        self._lock = asyncio.Lock()
        self._touched: set[str] | None = None  # orders changed while it is decided which ones are forgotten

    @property
    def fenced(self) -> bool:
        return self._writer.fenced

    # --- what the program asks -------------------------------------------------------------------------------------

    def held(self) -> str | None:
        if self.ended.is_set():
            return f"shard {self.shard} is no longer held: {self.why}"
        if not self._replica.holds():
            return "the group of replicas has not answered for so long that another one may take over"
        return self._leaving

    async def restore(self) -> AsyncIterator[Stored | Delivery]:
        self._check()
        followed = self._intake.followed(self._image.kept)
        self._image.kept.clear()
        async for each in self._image.give(followed):
            yield each
        self.restored = True

    async def commands(self) -> AsyncIterator[Command]:
        place = 0
        while True:
            self._check()
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
        return await self._asked(lambda: self._view.load(key))

    async def delivery(self, key: str, delivery_id: str, /) -> Delivery | None:
        return await self._asked(lambda: self._view.delivery(key, delivery_id))

    async def commit(self, changes: Sequence[Change], /) -> None:
        self._check()
        async with self._lock:
            batch = self._batch()
            try:
                for change in changes:
                    batch.add(change)
                records = batch.records()
            except Exception as error:
                log.exception("commit_failed", shard=self.shard)
                self.end(f"a fault of ours, {type(error).__name__}: see the log")
                raise LeaseLost(self.why) from error
            await self._write(batch, records)
            if self._touched is not None:
                self._touched.update(change.key for change in changes)

    async def forget(self, retired_before: Instant, /) -> int:
        """A slice at a time: each order goes with its watch in one transaction. Unavailable, too."""
        self._check()
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
        self.end("it was given back")

    async def conclude(self, why: str, within: float) -> None:
        """No look and no send begins; a commit under way has so many seconds. Then it ends."""
        self._leaving = why
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within), self._lock:
                pass
        self.end(why)

    def end(self, why: str) -> None:
        """Nothing is begun by it from now on."""
        if not self.ended.is_set():
            self.why = why
            self.ended.set()
            self._intake.bell.close()

    # --- what comes in ---------------------------------------------------------------------------------------------

    async def take(self, records: Sequence[Record]) -> None:
        """New records of one input topic, in their order. LeaseLost."""
        if records[0].topic == self._topics.commands:
            for record in records:
                self._intake.command(record)
        else:
            known = await self._known(records)
            for record in records:
                self._intake.watch(record, known.get((record.key or b"").decode(errors="replace")))
        while self._intake.chores:
            await self._write_chores()

    async def _known(self, records: Sequence[Record]) -> dict[str, Followed]:
        """What is followed of their orders, but for what is asked and not yet done."""
        keys = {(record.key or b"").decode(errors="replace") for record in records}
        if any(map(self._intake.is_retiring, keys)):
            async with self._lock:
                pass  # their orders are just being forgotten: then they are known no more
        watches, ended = self._memory.watches, self._memory.ended
        others = {key for key in keys if hash(key) in ended and self._intake.asked(key) is None}
        found: Mapping[str, bytes] = {}
        if others:
            found = await self._asked(lambda: self._view.watches(others))
        packed = {**found, **{key: watches[key] for key in keys if key in watches}}
        return {key: Followed(codec.unpack_watch(watch)) for key, watch in packed.items()}

    async def _write_chores(self) -> None:
        """Reports of bad records, and watches once more."""
        chores = self._intake.chores[:MOST_CHORES]
        async with self._lock:
            batch = self._batch()
            for chore in chores:
                batch.also(chore.topic, chore.record)
            batch.done(of_chores(chores, self._topics.watches))
            await self._patiently(batch)
        del self._intake.chores[: len(chores)]
        for chore in chores:
            if chore.reason is not None:
                log.warning(
                    "record_rejected",
                    topic=chore.source,
                    partition=self.shard,
                    offset=chore.offset,
                    reason=chore.reason,
                )
                self._replica.rejected(chore.reason)

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _forget(self, orders: Mapping[str, Sequence[str]]) -> int:
        """Those of which nothing is asked, and which are not followed again since it was decided."""
        async with self._lock:
            touched = self._touched or set()
            keys = [
                key
                for key in orders
                if key not in touched and key not in self._memory.watches and self._intake.asked(key) is None
            ]
            if not keys:
                return 0
            batch = self._batch()
            known = self._intake.retire(keys)
            for key in keys:
                batch.forget(key, orders[key])
                tombstone = retirement_record(key, known)
                batch.also(self._topics.watches, tombstone._replace(headers=(*tombstone.headers, *batch.number)))
            await self._write(batch, batch.records())
        return len(keys)

    def _batch(self) -> Batch:
        self._check()
        return Batch(self._topics, self._memory, self._intake, self._clock.now())

    async def _patiently(self, batch: Batch) -> None:
        while True:
            try:
                return await self._write(batch, batch.records())
            except Unavailable:
                await asyncio.sleep(AGAIN)
                self._check()

    async def _write(self, batch: Batch, records: Sequence[tuple[str, Outgoing]]) -> None:
        """Unavailable: nothing was begun. LeaseLost, or cancelled: it has ended, the outcome is unknown."""
        if not self._replica.reachable():
            raise Unavailable("no Kafka broker can be reached")
        try:
            await self._writer.write(records)
        except LeaseLost as lost:
            self.end(str(lost))
            raise
        except BaseException:
            self.end("a commit was broken off")
            raise
        batch.settle()

    async def _asked(self, ask: Callable[[], Awaitable[T]]) -> T:
        """As often as it takes: an order is not given up because the view has to catch up."""
        while True:
            self._check()
            try:
                return await ask()
            except Unavailable:
                await asyncio.sleep(AGAIN)

    def _check(self) -> None:
        if self.ended.is_set():
            raise LeaseLost(f"this lease has ended: {self.why}")
