"""The producer of one transactional id, by Kafka's own requests: whoever starts one fences the former.

A transaction is one coroutine: its batches are sent and each of them confirmed, then it is committed. aiokafka's own
producer has a task for each of these steps and a future for each record, which costs twice as much; it waits 20 ms
wherever the marks of the transaction before are not yet written; and it commits although a batch has failed.

Where the brokers have transactions of version 2 (KIP-890, Kafka 4.0 and newer) a batch itself adds its partition to the
transaction, and each commit gives the producer another epoch: two requests, and nothing of one transaction that comes
late is ever taken for a part of the next. Elsewhere a request before them adds the partitions.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, OperationNotAttempted
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest

from notifier.net.kafka.batches import Batch, Message, Producer, batches
from notifier.net.kafka.codes import failure_of
from notifier.net.kafka.coordinator import Coordinator
from notifier.net.kafka.leaders import Leaders
from notifier.net.kafka.requests import Commit, Produce, Topics

ALL = -1  # replicas in sync that must have a batch before it counts
EPOCHS = 2  # the first version of transactions in which each has an epoch of its own
MARKS = 0.002  # seconds after a commit within which a leader would let the next batch wait for 20 ms

Messages: TypeAlias = Mapping[TopicPartition, Iterable[Message]]


class Transactions:
    """One transaction at a time. After any error nothing is known of it, and this producer is of no use any more."""

    def __init__(self, client: AIOKafkaClient, id: str, timeout: float) -> None:
        """`client`: not yet connected, nobody else's. `timeout`: seconds until the brokers abort a transaction."""
        self.client = client
        self._coordinator = Coordinator(client, id)
        self._leaders = Leaders(client)
        self._id = id
        self._timeout = round(timeout * 1000)
        self._producer = Producer(-1, -1)
        self._epochs = False
        self._ended = 0.0  # by the loop's clock, when the last one was committed
        self._sequences: defaultdict[TopicPartition, int] = defaultdict(int)

    async def start(self) -> None:
        """No former producer of this id commits anything from now on, and none has a transaction open. KafkaError."""
        await self.client.bootstrap()
        answer = await self._coordinator.ask(InitProducerIdRequest(self._id, self._timeout), _of_all)
        self._producer = Producer(answer.producer_id, answer.producer_epoch)
        self._epochs = await self._coordinator.version() >= EPOCHS

    async def stop(self) -> None:
        await self.client.close()

    async def write(self, messages: Messages) -> None:
        """All of them or none; durable on return. It waits as long as it takes: the caller has a deadline.

        ProducerFenced: a new owner, or the transaction took too long. Other KafkaErrors, OSError.
        """
        waiting = {place: self._batches(place, those) for place, those in messages.items()}
        await self._begin(waiting)
        while waiting:
            # A leader that adds its partitions while another one does is told to wait, which it does for 20 ms.
            some = {place: left.pop() for place, left in waiting.items()}
            await self._leaders.send(some, self._request, one_by_one=self._epochs)
            waiting = {place: left for place, left in waiting.items() if left}
        await self._commit()

    def _batches(self, place: TopicPartition, messages: Iterable[Message]) -> list[Batch]:
        """The last one first."""
        made = list(batches(messages, self._producer, self._sequences[place]))
        self._sequences[place] = made[-1].next
        return made[::-1]

    async def _begin(self, places: Iterable[TopicPartition]) -> None:
        if self._epochs:
            left = self._ended + MARKS - asyncio.get_running_loop().time()
            if left > 0:
                await asyncio.sleep(left)
            return
        partitions: defaultdict[str, list[int]] = defaultdict(list)
        for topic, partition in places:
            partitions[topic].append(partition)
        request = AddPartitionsToTxnRequest(self._id, *self._producer, list(partitions.items()))
        await self._coordinator.ask(request, _of_partitions)

    def _request(self, topics: Topics) -> Produce | ProduceRequest:
        if self._epochs:
            return Produce(self._id, ALL, self._timeout, topics)
        return ProduceRequest(self._id, ALL, self._timeout, topics)

    async def _commit(self) -> None:
        if not self._epochs:
            await self._coordinator.ask(EndTxnRequest(self._id, *self._producer, True), _of_all)
            return
        answer = await self._coordinator.ask(Commit(self._id, *self._producer), _of_all)
        self._ended = asyncio.get_running_loop().time()
        self._producer = Producer(answer.producer_id, answer.producer_epoch)
        self._sequences.clear()


def _of_all(answer: Any) -> KafkaError | None:
    return failure_of(answer.error_code)


def _of_partitions(answer: Any) -> KafkaError | None:
    """The one that says most: others were not attempted because of it."""
    errors = [failure_of(code, topic) for topic, partitions in answer.errors for _, code in partitions]
    found = [error for error in errors if error is not None]
    return next((error for error in found if not isinstance(error, OperationNotAttempted)), None) or next(
        iter(found), None
    )
