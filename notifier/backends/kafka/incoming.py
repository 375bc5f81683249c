"""New records of the input topics, on their way to the intake: what is known of their orders, and what they cause."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import structlog

from notifier import codec
from notifier.backends.kafka.intake import Followed, of_chores
from notifier.backends.kafka.records import Record
from notifier.backends.kafka.transactions import Transactions

log = structlog.get_logger()

MOST_CHORES = 100


class Watches(Protocol):
    async def watches(self, keys: Collection[str], /) -> Mapping[str, bytes]:
        """Those that there are, packed; also of removed orders. All keys are of one shard. Unavailable."""
        ...


class Told(Protocol):
    def rejected(self, reason: str) -> None:
        """An input record was bad; that is reported now."""
        ...


class Incoming:
    """Of one shard."""

    def __init__(self, transactions: Transactions, view: Watches, told: Told) -> None:
        self._transactions = transactions
        self._intake = transactions.intake
        self._topics = transactions.topics
        self._view = view
        self._told = told

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
            async with self._transactions.lock:
                pass  # their orders are just being forgotten: then they are known no more
        watches, ended = self._transactions.memory.watches, self._transactions.memory.ended
        others = {key for key in keys if hash(key) in ended and self._intake.asked(key) is None}
        found: Mapping[str, bytes] = {}
        if others:
            found = await self._transactions.patiently(lambda: self._view.watches(others))
        packed = {**found, **{key: watches[key] for key in keys if key in watches}}
        return {key: Followed(codec.unpack_watch(watch)) for key, watch in packed.items()}

    async def _write_chores(self) -> None:
        """Reports of bad records, and watches once more."""
        chores = self._intake.chores[:MOST_CHORES]
        async with self._transactions.lock:
            batch = self._transactions.batch()
            for chore in chores:
                batch.also(chore.topic, chore.record)
            batch.done(of_chores(chores, self._topics.watches))
            await self._transactions.patiently(lambda: self._transactions.write(batch, batch.records()))
        del self._intake.chores[: len(chores)]
        for chore in chores:
            if chore.reason is not None:
                log.warning(
                    "record_rejected",
                    topic=chore.source,
                    partition=self._transactions.shard,
                    offset=chore.offset,
                    reason=chore.reason,
                )
                self._told.rejected(chore.reason)
