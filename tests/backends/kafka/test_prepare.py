"""Topics on a real broker: created once, checked ever after, refused with what to do."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from notifier.backends.kafka.prepare import prepare
from notifier.backends.kafka.topics import DAY, Topics
from notifier.errors import Refused
from notifier.net.kafka.client import Clients
from notifier.net.kafka.settings import KafkaSecurity
from tests.kafka.plugin import Kafka

WEEK = 7 * DAY


@pytest.fixture
def clients(kafka: Kafka) -> Clients:
    return Clients(SimpleNamespace(bootstrap_servers=kafka.bootstrap_servers, security=KafkaSecurity()))


@pytest.fixture
def topics(prefix: str) -> Topics:
    return Topics(prefix)


@pytest.fixture
async def admin(clients: Clients) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = await clients.admin()
    yield admin
    await admin.close()


async def settings_of(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    ((_, _, _, _, entries),) = answer.resources
    return {entry[0]: entry[1] for entry in entries}


async def test_what_is_missing_is_created_and_is_right_at_the_next_start(
    clients: Clients, topics: Topics, admin: AIOKafkaAdminClient
) -> None:
    await prepare(clients, topics, 3, 1, WEEK)
    await prepare(clients, topics, 3, 1, WEEK)

    described = await admin.describe_topics()
    counts = {each["topic"]: len(each["partitions"]) for each in described}
    assert {name: counts[name] for name in vars(topics).values() if name != topics.prefix} == {
        topics.watches: 3,
        topics.commands: 3,
        topics.shards: 3,
        topics.deliveries: 3,
        topics.events: 3,
        topics.dead_letters: 3,
        topics.facts: 1,
    }
    watches, events = await settings_of(admin, topics.watches), await settings_of(admin, topics.events)
    assert watches["cleanup.policy"] == "compact"
    assert watches["message.timestamp.type"] == "LogAppendTime"
    assert (events["cleanup.policy"], events["retention.ms"]) == ("delete", str(WEEK))


async def test_replicas_that_start_together_do_not_disturb_each_other(clients: Clients, topics: Topics) -> None:
    await asyncio.gather(*(prepare(clients, topics, 2, 1, WEEK) for _ in range(3)))


async def test_other_partition_counts_are_refused_all_at_once(
    clients: Clients, topics: Topics, admin: AIOKafkaAdminClient
) -> None:
    await prepare(clients, topics, 2, 1, WEEK)

    with pytest.raises(Refused) as caught:
        await prepare(clients, topics, 3, 1, WEEK)

    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    assert f"{topics.events} has 2 partitions, not 3: set partitions: 2, or choose another topic_prefix" in lines


async def test_a_count_changed_everywhere_is_refused_all_the_same(
    clients: Clients, topics: Topics, admin: AIOKafkaAdminClient
) -> None:
    await prepare(clients, topics, 2, 1, WEEK)
    await admin.delete_topics([name for name in vars(topics).values() if name not in (topics.prefix, topics.facts)])

    async with asyncio.timeout(15):
        while len([each for each in await admin.list_topics() if each.startswith(topics.prefix)]) > 1:
            await asyncio.sleep(0.05)
    with pytest.raises(Refused, match="laid out for 2 partitions"):
        await prepare(clients, topics, 3, 1, WEEK)


async def test_settings_that_lose_data_are_refused_with_the_command_that_mends_them(
    clients: Clients, topics: Topics, admin: AIOKafkaAdminClient
) -> None:
    await admin.create_topics(
        [
            NewTopic(topics.shards, 2, 1, topic_configs={"cleanup.policy": "delete"}),
            NewTopic(topics.events, 2, 1, topic_configs={"retention.ms": "1000"}),
        ]
    )

    with pytest.raises(Refused) as caught:
        await prepare(clients, topics, 2, 1, WEEK)

    said = str(caught.value)
    assert f"{topics.shards} has cleanup.policy=delete: change it by kafka-configs.sh" in said
    assert f"--entity-name {topics.events} --add-config retention.ms={WEEK}" in said


async def test_events_may_be_kept_longer(clients: Clients, topics: Topics, admin: AIOKafkaAdminClient) -> None:
    for retention in ("-1", str(2 * WEEK)):
        await admin.create_topics([NewTopic(topics.events, 2, 1, topic_configs={"retention.ms": retention})])
        await prepare(clients, topics, 2, 1, WEEK)


async def test_more_copies_than_brokers_are_refused(clients: Clients, topics: Topics) -> None:
    with pytest.raises(Refused, match="replication_factor 3") as caught:
        await prepare(clients, topics, 2, 3, WEEK)

    assert len(str(caught.value).splitlines()) == 7


async def test_a_topic_that_exists_is_no_exception_but_a_code_in_the_answer(
    prefix: str, admin: AIOKafkaAdminClient, kafka: Kafka
) -> None:
    """aiokafka 0.14: `create_topics` does not raise."""
    new = [NewTopic(f"{prefix}.a", 1, 1)]
    assert [each[1] for each in (await admin.create_topics(new)).topic_errors] == [0]
    assert [each[1] for each in (await admin.create_topics(new)).topic_errors] == [36]


async def test_other_topics_under_other_prefixes_do_not_matter(clients: Clients, prefix: str, kafka: Kafka) -> None:
    async with AIOKafkaProducer(bootstrap_servers=list(kafka.bootstrap_servers)):
        await prepare(clients, Topics(f"{prefix}.inner"), 2, 1, WEEK)
        await prepare(clients, Topics(prefix), 3, 1, WEEK)
