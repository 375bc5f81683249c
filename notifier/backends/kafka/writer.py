"""The transactional producer of one shard: whoever starts one fences the former. One transaction at a time.

aiokafka would commit a transaction whose batch failed unless each send was awaited, and after a failed send and a clean
abort the same producer's next commit succeeds empty. So whatever goes wrong between begin and commit, the producer is
spent: nothing is known of what it wrote until its successor has fenced it and reads.
"""

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced

from notifier.backends.kafka.records import Outgoing
from notifier.errors import LeaseLost, Refused
from notifier.net.kafka.client import Clients
from notifier.net.kafka.ending import end
from notifier.net.kafka.errors import MAPPED, failure

log = structlog.get_logger()

PATIENCE = 0.5  # seconds for a producer to stop by itself; what it has pending is lost anyway


class Writer:
    """`fenced` is set when a commit failed because of a new owner, or of its own time-out: the two look alike."""

    def __init__(self, producer: AIOKafkaProducer, shard: int, deadline: float) -> None:
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
        producer = await clients.producer(transactional_id, transaction_timeout_ms=round(timeout * 1000))
        return cls(producer, shard, timeout)

    async def write(self, records: Iterable[tuple[str, Outgoing]]) -> None:
        """All of them, each into its topic, or none; durable on return. LeaseLost: spent, the outcome is unknown."""
        if self.spent:
            raise LeaseLost("this producer is spent")
        self.spent = True  # until everything has gone well, a cancellation included
        sent: list[asyncio.Future[object]] = []
        try:
            async with asyncio.timeout(self._deadline):
                await self._producer.begin_transaction()
                for topic, record in records:
                    sent.append(await self._send(topic, record))
                for each in sent:
                    await each
                await self._producer.commit_transaction()
        except MAPPED as error:
            raise self._lost(error) from error
        finally:
            _forget(sent)
        self.spent = False

    async def close(self) -> None:
        """Bounded; what is under way is lost."""
        patience, self.spent = (0.0 if self.spent else PATIENCE), True
        await end(self._producer, patience)

    async def _send(self, topic: str, record: Outgoing) -> "asyncio.Future[object]":
        future: asyncio.Future[object] = await self._producer.send(
            topic, record.value, record.key, partition=self._shard, headers=list(record.headers)
        )
        return future

    def _lost(self, error: BaseException) -> LeaseLost:
        self.fenced = isinstance(error, ProducerFenced)
        if isinstance(error, TimeoutError):
            return LeaseLost(f"shard {self._shard}: no commit within {self._deadline:g} s")
        said = failure(error, f"committing to shard {self._shard}")
        if isinstance(said, Refused):
            log.error("commit_refused", shard=self._shard, reason=str(said))
        return LeaseLost(str(said))


def _forget(sent: Sequence["asyncio.Future[object]"]) -> None:
    """Else asyncio would report each error that nobody has looked at."""
    for each in sent:
        if each.done():
            each.cancelled() or each.exception()
        else:
            each.add_done_callback(lambda done: done.cancelled() or done.exception())
