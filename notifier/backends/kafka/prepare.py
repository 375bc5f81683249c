"""Topics are there and as they must be, or the backend is refused with what to do."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidReplicationFactorError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from notifier.backends.kafka.topics import Topic, Topics
from notifier.errors import Refused
from notifier.net.kafka.client import Clients
from notifier.net.kafka.deadline import within
from notifier.net.kafka.ending import end
from notifier.net.kafka.errors import failure

log = structlog.get_logger()

SECONDS = 15.0  # for each question

PARTITIONS = b"_partitions"
"""A key in `facts` that is no fact: the number of partitions that the shards were laid out for, in decimal."""

_NO_RIGHT = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)
_AT_LEAST = frozenset({"retention.ms", "max.message.bytes"})


async def prepare(clients: Clients, topics: Topics, partitions: int, replication: int, retention: int) -> None:
    """Creates what is missing, checks what is there. Refused (all problems at once), Unavailable. `retention` in ms."""
    wanted = topics.wanted(partitions, replication, retention)
    names = [topic.name for topic in wanted]
    admin = await clients.admin()
    try:
        there = await _partitions(admin, names)
        if missing := [topic for topic in wanted if topic.name not in there]:
            await _create(admin, missing, replication)
            there = await _visible(admin, names)
        problems = [*_counted(wanted, there, partitions), *await _configured(admin, wanted)]
    finally:
        await end(admin)
    if problems:
        raise Refused("\n".join(problems))
    await _laid_out(clients, topics.facts, partitions)


async def _partitions(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, int]:
    """Those of the topics that this user may see. Asked for all: by name it could create them."""
    async with within(SECONDS, "listing Kafka's topics"):
        described = await admin.describe_topics()
    return {
        each["topic"]: len(each["partitions"])
        for each in described
        if each["topic"] in names and all(part["leader"] >= 0 for part in each["partitions"])
    }


async def _visible(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, int]:
    """As above, once all are known to the brokers: that takes a moment after their creation."""
    async with within(SECONDS, "waiting for Kafka's new topics"):
        while len(there := await _partitions(admin, names)) < len(names):
            await asyncio.sleep(0.05)
    return there


async def _create(admin: AIOKafkaAdminClient, missing: Sequence[Topic], replication: int) -> None:
    """An error of one topic is in the answer, not raised. Another replica may be creating the same just now."""
    new = [NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.configs) for topic in missing]
    async with within(SECONDS, "creating Kafka's topics"):
        answer = await admin.create_topics(new)
    problems = []
    for name, code, *told in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            topic = next(each for each in missing if each.name == name)
            problems.append(_not_created(topic, replication, error, str(told[0]) if told and told[0] else ""))
    if problems:
        raise Refused("\n".join(problems))
    log.info("kafka_topics_created", topics=[topic.name for topic in missing])


def _not_created(topic: Topic, replication: int, error: type[Exception], told: str) -> str:
    if issubclass(error, _NO_RIGHT):
        return (
            f"{topic.name} does not exist, or this user may not see it, and it may not create it: grant Create and "
            f"Describe, or create it with {topic.partitions} partitions, replication factor {replication} and "
            + ", ".join(f"{key}={value}" for key, value in topic.configs.items())
        )
    if issubclass(error, InvalidReplicationFactorError):
        return f"{topic.name} cannot be created with replication_factor {replication}: {told or 'too few brokers'}"
    return str(failure(error(), f"creating {topic.name}")) + (f": {told}" if told else "")


def _counted(topics: Iterable[Topic], there: Mapping[str, int], partitions: int) -> list[str]:
    return [
        f"{topic.name} has {there[topic.name]} partitions, not {topic.partitions}: "
        + (
            f"set partitions: {there[topic.name]}, or choose another topic_prefix"
            if topic.partitions == partitions
            else "create it anew"
        )
        for topic in topics
        if there[topic.name] != topic.partitions
    ]


async def _configured(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> list[str]:
    """What differs. What only makes restores slower is logged."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    async with within(SECONDS, "reading the settings of Kafka's topics"):
        answers = await admin.describe_configs(asked)
    wanted = {topic.name: topic for topic in topics}
    problems = []
    for code, _, _, name, entries in (resource for answer in answers for resource in answer.resources):
        topic = wanted[name]
        if code:
            advice = ": grant DescribeConfigs on it" if issubclass(for_code(code), _NO_RIGHT) else ""
            problems.append(f"{failure(for_code(code)(), f'reading the settings of {name}')}{advice}")
            continue
        found = {entry[0]: entry[1] for entry in entries}
        differing = {key: value for key, value in topic.configs.items() if not _fits(key, found.get(key), value)}
        if serious := {key: value for key, value in differing.items() if key in topic.needed}:
            problems.append(_other_settings(name, serious, found))
        if slower := {key: found.get(key) for key in differing.keys() - serious.keys()}:
            log.warning("kafka_topic_setting_differs", topic=name, found=slower, wanted=dict(topic.tuning))
    return problems


def _fits(key: str, found: str | None, wanted: str) -> bool:
    if found is None:
        return False
    if key in _AT_LEAST:
        return int(found) == -1 or int(found) >= int(wanted)
    if key == "min.insync.replicas":
        return int(found) >= int(wanted)
    return float(found) == float(wanted) if key == "min.cleanable.dirty.ratio" else found == wanted


def _other_settings(name: str, wanted: Mapping[str, str], found: Mapping[str, str | None]) -> str:
    has = ", ".join(f"{key}={found.get(key)}" for key in wanted)
    config = ",".join(f"{key}={value}" for key, value in wanted.items())
    return (
        f"{name} has {has}: change it by "
        f"kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config {config}"
    )


# --- the number of partitions, for ever ------------------------------------------------------------------------------


async def _laid_out(clients: Clients, facts: str, partitions: int) -> None:
    """An order's shard follows from that number: were topics and settings changed together, all would be lost."""
    first = await _first_layout(clients, facts)
    if first is None:
        producer = await clients.producer()
        try:
            async with within(SECONDS, f"writing to {facts}"):
                await producer.send_and_wait(facts, str(partitions).encode(), key=PARTITIONS, partition=0)
        finally:
            await end(producer)
    elif first != partitions:
        raise Refused(
            f"the topics were laid out for {first} partitions, which cannot be changed, and now have {partitions}: "
            f"choose another topic_prefix with {partitions}, and put the watches in again"
        )


async def _first_layout(clients: Clients, facts: str) -> int | None:
    consumer = await clients.consumer()
    found: int | None = None
    try:
        partition = TopicPartition(facts, 0)
        async with within(SECONDS, f"reading {facts}"):
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            end_offset = (await consumer.end_offsets([partition]))[partition]
            while await consumer.position(partition) < end_offset:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        if record.key == PARTITIONS and record.value:
                            found = int(record.value)
    finally:
        await end(consumer)
    return found
