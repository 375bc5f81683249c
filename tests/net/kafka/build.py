"""Clients of the tests, and what they may do to a broker's data."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from notifier.net.kafka.client import Clients
from notifier.net.kafka.settings import KafkaSecurity


class Settings(NamedTuple):
    bootstrap_servers: Sequence[str]
    security: KafkaSecurity = KafkaSecurity()


def clients(servers: Sequence[str], **security: Any) -> Clients:
    return Clients(Settings(servers, KafkaSecurity(**security)))


async def create(
    servers: Sequence[str], *topics: str, partitions: int = 1, configs: dict[str, str] | None = None
) -> None:
    """They can be written to when it returns. One that exists stays as it is."""
    admin = AIOKafkaAdminClient(bootstrap_servers=list(servers))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs or {}) for topic in topics])
        while set(topics) - set(await admin.list_topics()):
            await asyncio.sleep(0.02)
    finally:
        await admin.close()


async def read(consumer: AIOKafkaConsumer, topic: str, number: int = 0) -> list[Any]:
    """All records of one partition that a read_committed consumer may see now."""
    partition = TopicPartition(topic, number)
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    last = (await consumer.end_offsets([partition]))[partition]
    found: list[Any] = []
    while await consumer.position(partition) < last:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            found.extend(records)
    return found
