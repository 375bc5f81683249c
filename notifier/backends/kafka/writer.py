"""The producer of one shard: whoever starts one fences the former. One transaction at a time.

Whatever goes wrong between begin and commit, the producer is spent: nothing is known of what it wrote until its
successor has fenced it and reads.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced

from notifier.backends.kafka.records import Outgoing
from notifier.errors import LeaseLost, Refused
from notifier.net.kafka.client import Clients
from notifier.net.kafka.ending import end
from notifier.net.kafka.errors import MAPPED, failure
from notifier.net.kafka.transactions import Transactions

log = structlog.get_logger()

PATIENCE = 0.5  # seconds for a producer to stop by itself; what it has pending is lost anyway


class Writer:
    """`fenced` is set when a commit failed because of a new owner, or of its own time-out: the two look alike."""

    def __init__(self, producer: Transactions, shard: int, deadline: float) -> None:
        """`deadline`: seconds from begin to commit."""
        self.fenced = False
        self.spent = False
        self._producer = producer
        self._shard = shard
        self._deadline = deadline

    @classmethod
    async def fence(cls, clients: Clients, transactional_id: str, shard: int, timeout: float) -> "Writer":
        """From now on no former producer of this id commits anything, and none has a transaction open.

        `timeout`: of a transaction, in seconds. Refused, Unavailable.
        """
        return cls(await clients.transactions(transactional_id, timeout), shard, timeout)

    async def write(self, records: Iterable[tuple[str, Outgoing]]) -> None:
        """All of them, each into its topic, or none; durable on return. LeaseLost: spent, the outcome is unknown."""
        if self.spent:
            raise LeaseLost("this producer is spent")
        self.spent = True  # until everything has gone well, a cancellation included
        sorted_out: defaultdict[TopicPartition, list[Outgoing]] = defaultdict(list)
        for topic, record in records:
            sorted_out[TopicPartition(topic, self._shard)].append(record)
        try:
            async with asyncio.timeout(self._deadline):
                await self._producer.write(sorted_out)
        except MAPPED as error:
            raise self._lost(error) from error
        self.spent = False

    async def close(self) -> None:
        """Bounded; what is under way is lost."""
        patience, self.spent = (0.0 if self.spent else PATIENCE), True
        await end(self._producer, patience)

    def _lost(self, error: BaseException) -> LeaseLost:
        self.fenced = isinstance(error, ProducerFenced)
        if isinstance(error, TimeoutError):
            return LeaseLost(f"shard {self._shard}: no commit within {self._deadline:g} s")
        said = failure(error, f"committing to shard {self._shard}")
        if isinstance(said, Refused):
            log.error("commit_refused", shard=self._shard, reason=str(said))
        return LeaseLost(str(said))
