"""Whole partitions in a hurry: answers of the brokers as they come, decoded by whoever has the time, on any thread.

aiokafka's consumer makes an object of eleven fields of each record, on the loop, before anybody has asked what it is
about. That costs four times what decoding alone does, and where a shard is restored or a view is filled most of the
records have been replaced by later ones.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, StaleMetadata, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.memory_records import MemoryRecords

from notifier.backends.kafka.records import Plain
from notifier.errors import Unavailable
from notifier.net.kafka.client import MIB, Clients
from notifier.net.kafka.deadline import within

STALLED = 10.0  # seconds without an answer of use after which the brokers are taken for unavailable
STOP = 1.0  # seconds for the end of its connections
AGAIN = 0.1  # seconds between two tries
WAIT = 250  # ms for which a broker holds back an answer where there is nothing
MOST_BYTES = 2 * MIB  # of one answer, compressed: what is decoded of it may be twenty times as much
SLICE = 500  # records that are decoded in one go: less than a millisecond

_READ_COMMITTED = 1


class Answer(NamedTuple):
    """What a broker sent of a partition: the batches that begin at `begin` or hold it, and end before `end`.

    `aborted` are the transactions in it that count for nothing: producer and first offset.
    """

    partition: TopicPartition
    begin: int
    end: int
    data: bytes
    aborted: Sequence[tuple[int, int]]


def decode(answer: Answer) -> Iterator[Sequence[Plain]]:
    """What is committed of it, some hundred records at a time. Unavailable: it is damaged."""
    aborted = sorted(answer.aborted, key=lambda each: each[1])
    dropped: set[int] = set()
    for batch in _batches(answer.data):
        if not batch.validate_crc():
            place = answer.partition
            raise Unavailable(f"{place.topic} {place.partition}: a batch came damaged (CRC), and is asked for again")
        producer = batch.producer_id  # None: of a format that knew no transactions
        if producer is not None:
            while aborted and aborted[0][1] <= batch.base_offset:
                dropped.add(aborted.pop(0)[0])
            if batch.is_control_batch:
                if any(ControlRecord.parse(marker.key) == ABORT_MARKER for marker in batch):
                    dropped.discard(producer)
                continue
            if batch.is_transactional and producer in dropped:
                continue
        records = chain(batch)  # a batch takes it ill to be begun twice
        while some := list(islice(records, SLICE)):
            if some[0].offset < answer.begin:  # batches come whole
                some = [record for record in some if record.offset >= answer.begin]
            if some:
                yield some


def _batches(data: bytes) -> Iterator[Any]:
    batches = MemoryRecords(data)
    while batches.has_next():
        yield batches.next_batch()


class Fetcher:
    """Connections of its own. While one answer is made use of the next one is on its way."""

    def __init__(self, client: AIOKafkaClient) -> None:
        self._client = client
        self._asking: set[asyncio.Task[Answer]] = set()

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, clients: Clients, topics: Sequence[str]) -> "AsyncIterator[Fetcher]":
        """Refused, Unavailable."""
        client = AIOKafkaClient(**clients.options())
        fetcher = cls(client)
        try:
            async with within(STALLED, "connecting to Kafka"):
                await client.bootstrap()
                await client.set_topics(list(topics))
            yield fetcher
        finally:
            await fetcher._close()

    async def read(self, partition: TopicPartition, begin: int, end: int) -> AsyncIterator[Answer]:
        """All that there is from `begin` to `end`, and a bit more. Refused, Unavailable."""
        following = self._begin(partition, begin) if begin < end else None
        while following is not None:
            answer = await following
            following = self._begin(partition, answer.end) if answer.end < end else None
            yield answer

    def _begin(self, partition: TopicPartition, offset: int) -> "asyncio.Task[Answer]":
        task = asyncio.get_running_loop().create_task(self._fetch(partition, offset))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return task

    async def _close(self) -> None:
        """Also what was asked for and is of no use any more."""
        asking = list(self._asking)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP):
                await self._client.close()

    async def _fetch(self, partition: TopicPartition, offset: int) -> Answer:
        """Something of it."""
        async with within(STALLED, f"reading {partition.topic} {partition.partition}"):
            while True:
                try:
                    answer = await self._ask(partition, offset)
                    if answer.end > offset:
                        return answer
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    await self._client.force_metadata_update()
                    await asyncio.sleep(AGAIN)

    async def _ask(self, partition: TopicPartition, offset: int) -> Answer:
        leader = self._client.cluster.leader_for_partition(partition)
        if leader is None or leader == -1:
            raise StaleMetadata(partition)
        asked = [(partition.topic, [(partition.partition, offset, MOST_BYTES)])]
        response = await self._client.send(leader, FetchRequest(WAIT, 1, MOST_BYTES, _READ_COMMITTED, asked))
        [(_, [(_, code, _, *rest)])] = response.topics
        if code:
            raise for_code(code)(f"{partition.topic} {partition.partition}")
        # Behind the high watermark: the last stable offset, from version 5 on where the log begins, what was aborted,
        # from version 11 on the replica to be preferred; the records come last.
        aborted, data = rest[2 if response.API_VERSION >= 5 else 1], rest[-1]
        end = offset
        for batch in _batches(data):
            end = max(end, batch.next_offset)
        return Answer(partition, offset, end, data, aborted or ())
