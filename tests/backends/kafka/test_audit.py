"""`notifier verify` on real topics: silent about sound ones, and finds each harm when it is planted."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec.structs import replace

from notifier import codec
from notifier.backends.kafka.audit import audit
from notifier.backends.kafka.records import event_record, number_header, state_key
from notifier.backends.partition import shard_of
from notifier.errors import Refused
from notifier.model import CloudEvent
from notifier.net.kafka.client import Clients
from notifier.net.kafka.settings import KafkaSecurity
from notifier.tracking.orders import begin
from tests.backends.test_audit import timeline
from tests.kafka.plugin import Kafka
from tests.test_envelope import WATCH

PARTITIONS = 3
HERE = shard_of(WATCH.key, PARTITIONS)


class Reachable:
    security = KafkaSecurity()

    def __init__(self, kafka: Kafka) -> None:
        self.bootstrap_servers = kafka.bootstrap_servers


class Written:
    """Both topics of a service."""

    def __init__(self, kafka: Kafka, prefix: str, producer: AIOKafkaProducer) -> None:
        self.clients = Clients(Reachable(kafka))
        self.events, self.shards = f"{prefix}.events", f"{prefix}.shards"
        self._producer = producer

    async def event(self, event: CloudEvent, partition: int = HERE) -> None:
        record = event_record(event)
        await self._producer.send_and_wait(
            self.events, record.value, record.key, partition=partition, headers=list(record.headers)
        )

    async def state(self, sequence: int, commit: int) -> None:
        state = replace(begin(WATCH.key, life()), sequence=sequence)
        await self._producer.send_and_wait(
            self.shards,
            codec.pack_state(state),
            state_key(WATCH.key),
            partition=HERE,
            headers=list(number_header(commit)),
        )

    async def found(self) -> list[tuple[str, int]]:
        result = await audit(self.clients, self.events, self.shards)
        return [(finding.kind, finding.sequence) for finding in result.findings]


def life() -> int:
    return int(orjson.loads(timeline()[0].data)["order"]["life"])


@pytest.fixture
async def written(kafka: Kafka, prefix: str) -> AsyncIterator[Written]:
    servers = ",".join(kafka.bootstrap_servers)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(f"{prefix}.{name}", PARTITIONS, 1) for name in ("events", "shards")])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    yield Written(kafka, prefix, producer)
    await producer.stop()


async def test_sound_topics_are_sound(written: Written) -> None:
    for event in timeline():
        await written.event(event)
    for sequence in (1, 4, 6):
        await written.state(sequence, commit=sequence)
    assert await written.found() == []


def _twice(events: list[CloudEvent]) -> None:
    events.append(events[2])


def _gap(events: list[CloudEvent]) -> None:
    del events[3]


def _swapped(events: list[CloudEvent]) -> None:
    events[2], events[3] = events[3], events[2]


@pytest.mark.parametrize(
    ("harm", "expected"), [(_twice, [("doubled", 3)]), (_gap, [("lost", 4)]), (_swapped, [("reordered", 3)])]
)
async def test_harm_in_the_events_is_found(
    written: Written, harm: Callable[[list[CloudEvent]], Any], expected: list[tuple[str, int]]
) -> None:
    events = timeline()
    harm(events)
    for event in events:
        await written.event(event)
    await written.state(6, commit=1)
    assert await written.found() == expected


async def test_a_state_beyond_the_events_is_a_loss_and_one_behind_them_a_fork(written: Written) -> None:
    for event in timeline():
        await written.event(event)
    await written.state(7, commit=1)
    assert await written.found() == [("lost", 7)]
    await written.state(5, commit=2)
    assert await written.found() == [("forked", 5)]


async def test_two_owners_of_a_shard_are_found(written: Written) -> None:
    for event in timeline():
        await written.event(event)
    for commit in (1, 3, 2):
        await written.state(6, commit)
    assert await written.found() == [("forked", 0)]


async def test_an_event_in_the_wrong_partition_is_found(written: Written) -> None:
    await written.event(timeline()[0], (HERE + 1) % PARTITIONS)
    assert await written.found() == [("misplaced", 1)]


async def test_topics_that_are_not_there(written: Written) -> None:
    with pytest.raises(Refused, match=r"there is no topic nothing\.events"):
        await audit(written.clients, "nothing.events", written.shards)
