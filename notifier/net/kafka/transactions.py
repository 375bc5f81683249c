"""The producer of one transactional id, by Kafka's own requests: whoever starts one fences the former.

A transaction is one coroutine: its partitions are added in one request, its batches sent and each of them confirmed,
then it is committed. aiokafka's own producer has a task for each of these steps and a future for each record, which
costs twice as much; it waits 20 ms wherever the marks of the transaction before are not yet written; and it commits
although a batch has failed.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    DuplicateSequenceNumber,
    InvalidProducerEpoch,
    KafkaError,
    NoError,
    OperationNotAttempted,
    ProducerFenced,
    TopicAuthorizationFailedError,
    UnknownError,
    for_code,
)
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest

from notifier.net.kafka.batches import Batch, Message, Producer, batches

FIRST_PAUSE, LAST_PAUSE = 0.001, 0.02  # seconds, while the transaction before is being ended
PAUSE = 0.1  # seconds before what the brokers could not do is asked again
FENCED = 90  # the error code of ProducerFenced, which aiokafka does not know
ALL = -1  # replicas in sync that must have a batch before it counts

Messages: TypeAlias = Mapping[TopicPartition, Iterable[Message]]


class Transactions:
    """One transaction at a time. After any error nothing is known of it, and this producer is of no use any more."""

    def __init__(self, client: AIOKafkaClient, id: str, timeout: float) -> None:
        """`client`: not yet connected, nobody else's. `timeout`: seconds until the brokers abort a transaction."""
        self.client = client
        self._id = id
        self._timeout = round(timeout * 1000)
        self._producer = Producer(-1, -1)
        self._node: int | None = None  # the coordinator
        self._sequences: defaultdict[TopicPartition, int] = defaultdict(int)

    async def start(self) -> None:
        """No former producer of this id commits anything from now on, and none has a transaction open. KafkaError."""
        await self.client.bootstrap()
        answer = await self._ask(
            InitProducerIdRequest(self._id, self._timeout), lambda answer: _error(answer.error_code)
        )
        self._producer = Producer(answer.producer_id, answer.producer_epoch)

    async def stop(self) -> None:
        await self.client.close()

    async def write(self, messages: Messages) -> None:
        """All of them or none; durable on return. It waits as long as it takes: the caller has a deadline.

        ProducerFenced: a new owner, or the transaction took too long. Other KafkaErrors, OSError.
        """
        waiting = {place: self._batches(place, those) for place, those in messages.items()}
        await self._begin(waiting)
        while waiting:
            await self._send({place: left.pop() for place, left in waiting.items()})
            waiting = {place: left for place, left in waiting.items() if left}
        await self._commit()

    def _batches(self, place: TopicPartition, messages: Iterable[Message]) -> list[Batch]:
        """The last one first."""
        made = list(batches(messages, self._producer, self._sequences[place]))
        self._sequences[place] = made[-1].next
        return made[::-1]

    # --- what the coordinator is asked -----------------------------------------------------------------------------

    async def _begin(self, places: Iterable[TopicPartition]) -> None:
        partitions: defaultdict[str, list[int]] = defaultdict(list)
        for topic, partition in places:
            partitions[topic].append(partition)
        topics = list(partitions.items())
        await self._ask(AddPartitionsToTxnRequest(self._id, *self._producer, topics), _of_partitions)

    async def _commit(self) -> None:
        await self._ask(EndTxnRequest(self._id, *self._producer, True), lambda answer: _error(answer.error_code))

    async def _ask(self, request: Any, error_of: Callable[[Any], KafkaError | None]) -> Any:
        """Again, where it may help: each of these requests may safely be repeated."""
        pause = FIRST_PAUSE
        while True:
            try:
                node = await self._coordinator()
                answer = await self.client.send(node, request, group=ConnectionGroup.COORDINATION)
            except KafkaError as failed:
                error = failed
            else:
                error = error_of(answer)
                if error is None:
                    return answer
            if isinstance(error, ConcurrentTransactions):
                await asyncio.sleep(pause)
                pause = min(pause * 3, LAST_PAUSE)
            elif error.retriable:
                self._node = None
                await self._look_anew()
            else:
                raise error

    async def _coordinator(self) -> int:
        if self._node is None:
            self._node = await self.client.coordinator_lookup(CoordinationType.TRANSACTION, self._id)
        return self._node

    async def _look_anew(self) -> None:
        """Before it is tried again, perhaps at another broker."""
        await asyncio.sleep(PAUSE)
        await self.client.force_metadata_update()

    # --- what the leaders of the partitions get --------------------------------------------------------------------

    async def _send(self, left: dict[TopicPartition, Batch]) -> None:
        """One batch for each partition, until each is confirmed: a repeated one is known by its sequence."""
        while left:
            at: defaultdict[int, dict[TopicPartition, Batch]] = defaultdict(dict)
            for place, batch in left.items():
                at[await self._leader(place)][place] = batch
            if len(at) == 1:
                [(node, those)] = at.items()
                errors = [await self._produce(node, those)]
            else:
                errors = await asyncio.gather(*(self._produce(node, those) for node, those in at.items()))
            failed = {place: error for each in errors for place, error in each.items()}
            for error in failed.values():
                if not error.retriable:
                    raise error
            left = {place: left[place] for place in failed}
            if left:
                await self._look_anew()

    async def _produce(self, node: int, those: Mapping[TopicPartition, Batch]) -> dict[TopicPartition, KafkaError]:
        """What keeps each from being confirmed; of those that were, nothing."""
        topics: defaultdict[str, list[tuple[int, bytearray]]] = defaultdict(list)
        for (topic, partition), batch in those.items():
            topics[topic].append((partition, batch.data))
        request = ProduceRequest(self._id, ALL, self._timeout, list(topics.items()))
        try:
            answer = await self.client.send(node, request)
        except KafkaError as failed:
            return dict.fromkeys(those, failed)
        left: dict[TopicPartition, KafkaError] = {place: UnknownError("no answer about it") for place in those}
        for topic, partitions in answer.topics:
            for partition, code, *_ in partitions:
                error = _error(code, topic)
                if error is None or isinstance(error, DuplicateSequenceNumber):  # an earlier try was written
                    del left[TopicPartition(topic, partition)]
                else:
                    left[TopicPartition(topic, partition)] = error
        return left

    async def _leader(self, place: TopicPartition) -> int:
        cluster = self.client.cluster
        leader: int | None = cluster.leader_for_partition(place)
        if leader is None:
            await self.client.add_topic(place.topic)
            leader = cluster.leader_for_partition(place)
        while leader is None or leader < 0:
            if place.topic in cluster.unauthorized_topics:
                raise TopicAuthorizationFailedError(place.topic)
            await self._look_anew()
            leader = cluster.leader_for_partition(place)
        return leader


def _of_partitions(answer: Any) -> KafkaError | None:
    """The one that says most: others were not attempted because of it."""
    errors = [_error(code, topic) for topic, partitions in answer.errors for _, code in partitions]
    found = [error for error in errors if error is not None]
    return next((error for error in found if not isinstance(error, OperationNotAttempted)), None) or next(
        iter(found), None
    )


def _error(code: int, topic: str | None = None) -> KafkaError | None:
    kind: type[KafkaError] = for_code(code)
    if kind is NoError:
        return None
    if kind is InvalidProducerEpoch or code == FENCED:
        return ProducerFenced()
    return kind(topic) if topic is not None and kind is TopicAuthorizationFailedError else kind()
