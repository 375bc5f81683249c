"""Reading one partition of a topic up to what is committed now, with a deadline that any progress puts off."""

from collections.abc import AsyncIterator, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from notifier.backends.kafka.records import Record
from notifier.net.kafka.deadline import within

STALLED = 10.0  # seconds without a record after which the brokers are taken for unavailable


async def end_of(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int:
    """Of a read_committed consumer: the last stable offset; of another one: the high watermark. Unavailable."""
    async with within(STALLED, f"asking for the end of {partition.topic} {partition.partition}"):
        return int((await consumer.end_offsets([partition]))[partition])


async def beginning_of(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int:
    async with within(STALLED, f"asking for the beginning of {partition.topic} {partition.partition}"):
        return int((await consumer.beginning_offsets([partition]))[partition])


async def read_up_to(
    consumer: AIOKafkaConsumer, partition: TopicPartition, end: int
) -> AsyncIterator[Sequence[Record]]:
    """From its position, which must have been sought; aborted and compacted records are passed over. Unavailable.

    The last batch may hold records beyond `end`.
    """
    doing = f"reading {partition.topic} {partition.partition}"
    while True:
        async with within(STALLED, doing):
            if await consumer.position(partition) >= end:
                return
            batches = await consumer.getmany(partition, timeout_ms=1000)
        for records in batches.values():
            yield records
