"""Clients of the tests, and what they may do to a broker's data."""

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


async def create(servers: Sequence[str], *topics: str, **configs: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=list(servers))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=configs) for topic in topics])
    finally:
        await admin.close()


async def read(consumer: AIOKafkaConsumer, topic: str) -> list[Any]:
    """All records of its partition 0 that a read_committed consumer may see now."""
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    last = (await consumer.end_offsets([partition]))[partition]
    found: list[Any] = []
    while await consumer.position(partition) < last:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            found.extend(records)
    return found
