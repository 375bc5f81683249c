"""What the sink promises beyond the contract: what stands in the topic, order over retries, and telling reasons."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from msgspec.structs import replace

from notifier.backends.partition import shard_of
from notifier.clock import SystemClock
from notifier.errors import Reason
from notifier.model import CloudEvent
from notifier.net.kafka.ending import end
from notifier.sinks.base import Message, Outcome
from notifier.sinks.kafka import BATCH, KafkaSink, KafkaSinkSettings, build
from tests.contracts.sink import KEY, T, published
from tests.kafka.cluster import Cluster
from tests.kafka.plugin import Clusters, Kafka
from tests.net.kafka.build import clients, create, read


@pytest.fixture
async def topic(kafka: Kafka, prefix: str) -> str:
    await create(kafka.bootstrap_servers, f"{prefix}.events")
    return f"{prefix}.events"


def sink_to(servers: tuple[str, ...], topic: str, **more: Any) -> KafkaSink:
    given = {"type": "kafka", "timeout": "10s", "bootstrap_servers": servers, "topic": topic, **more}
    return build("bus", KafkaSinkSettings.model_validate(given), SystemClock())


@pytest.fixture
async def sink(kafka: Kafka, topic: str) -> AsyncIterator[KafkaSink]:
    sink = sink_to(kafka.bootstrap_servers, topic)
    yield sink
    await sink.close()


async def told(sink: KafkaSink, event: CloudEvent) -> Outcome:
    return await sink.send(Message(f"d{event.sequence}", None, event), T)


async def records(servers: tuple[str, ...], topic: str) -> list[Any]:
    consumer = await clients(servers).consumer()
    try:
        return await read(consumer, topic)
    finally:
        await end(consumer)


async def sequences(servers: tuple[str, ...], topic: str) -> list[int]:
    return [int(dict(each.headers)["ce_sequence"]) for each in await records(servers, topic)]


async def test_a_record_is_a_cloudevent_in_binary_mode_under_its_order(
    sink: KafkaSink, kafka: Kafka, topic: str
) -> None:
    event = published()
    assert (await told(sink, event)).kind == "delivered"

    (record,) = await records(kafka.bootstrap_servers, topic)
    assert (record.key, record.value) == (KEY.encode(), event.data)
    by_sdk = from_kafka(KafkaMessage(dict(record.headers), None, record.value), JSONFormat())
    assert (by_sdk.get_id(), by_sdk.get_type()) == (event.id, event.attributes["type"])
    assert by_sdk.get_subject() == KEY


async def test_its_partition_is_that_of_the_java_client(kafka: Kafka, prefix: str) -> None:
    """As the kafka backend's topics are partitioned: consumers may join them by partition."""
    await create(kafka.bootstrap_servers, f"{prefix}.wide", partitions=7)
    sink = sink_to(kafka.bootstrap_servers, f"{prefix}.wide")
    keys = [f"trips/{number}" for number in range(20)]
    for number, key in enumerate(keys):
        event = published(number + 1)
        await told(sink, replace(event, attributes={**event.attributes, "subject": key}))
    await sink.close()

    consumer = await clients(kafka.bootstrap_servers).consumer()
    found = {each.key.decode(): p for p in range(7) for each in await read(consumer, f"{prefix}.wide", p)}
    await end(consumer)
    assert found == {key: shard_of(key, 7) for key in keys}


async def test_a_record_larger_than_the_topic_takes_is_dead_and_holds_up_no_other(
    sink: KafkaSink, kafka: Kafka, topic: str
) -> None:
    event = published()
    noise = b"".join(bytes(str(hash((n, "x"))), "ascii") for n in range(80_000))
    large = replace(event, data=b'"' + noise + b'"')
    assert len(large.data) > BATCH

    outcome = await told(sink, large)
    assert (outcome.kind, outcome.reason) == ("dead", Reason.TOO_LARGE)
    assert (await told(sink, published(2))).kind == "delivered"
    assert await sequences(kafka.bootstrap_servers, topic) == [2]


async def test_a_topic_that_does_not_exist_is_named(kafka: Kafka, prefix: str) -> None:
    sink = sink_to(kafka.bootstrap_servers, f"{prefix}.nowhere", timeout="500ms")
    outcome = await told(sink, published())
    assert (outcome.kind, outcome.reason) == ("again", Reason.NOT_FOUND)
    assert f"{prefix}.nowhere" in outcome.detail

    await create(kafka.bootstrap_servers, f"{prefix}.nowhere")
    while (await told(sink, published())).kind == "again":
        pass  # each attempt waits for the topic, up to its time-out
    assert await sequences(kafka.bootstrap_servers, f"{prefix}.nowhere") == [1]
    await sink.close()


async def test_no_broker_is_told_at_once() -> None:
    sink = sink_to(("127.0.0.1:1",), "events")
    outcome = await told(sink, published())
    assert (outcome.kind, outcome.reason) == ("again", Reason.CONNECTION)
    assert outcome.detail == "the brokers cannot be reached (Connection refused)"
    await sink.close()


# --- brokers that hang, and passwords that change --------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(module_clusters: Clusters) -> Cluster:
    return module_clusters(sasl=True)


def login(cluster: Cluster, **password: str) -> dict[str, str]:
    return {"protocol": "SASL_PLAINTEXT", "mechanism": "SCRAM-SHA-512", "username": cluster.user, **password}


@pytest.mark.slow
async def test_what_was_too_late_is_not_sent_again_but_waited_for(own: Cluster, prefix: str) -> None:
    """So the topic holds each event once, and an order's in order, after a broker that hung."""
    topic = f"{prefix}.events"
    await create(own.internal_servers, topic)
    sink = sink_to(own.bootstrap_servers, topic, timeout="700ms", security=login(own, password=own.password))
    assert (await told(sink, published(1))).kind == "delivered"
    own.pause(1)
    try:
        for _ in range(2):
            outcome = await told(sink, published(2))
            assert (outcome.kind, outcome.reason) == ("again", Reason.TIMEOUT)
    finally:
        own.resume(1)
    while (await told(sink, published(2))).kind == "again":
        pass  # each attempt waits for the broker, up to its time-out
    assert (await told(sink, published(3))).kind == "delivered"
    await sink.close()

    assert await sequences(own.internal_servers, topic) == [1, 2, 3]


@pytest.mark.slow
async def test_a_broker_that_was_killed_breaks_no_order(own: Cluster, prefix: str) -> None:
    topic = f"{prefix}.events"
    await create(own.internal_servers, topic)
    sink = sink_to(own.bootstrap_servers, topic, timeout="1s", security=login(own, password=own.password))
    assert (await told(sink, published(1))).kind == "delivered"
    await asyncio.to_thread(own.kill, 1)
    assert (await told(sink, published(2))).kind == "again"
    await asyncio.to_thread(own.restart, 1)
    while (await told(sink, published(2))).kind == "again":
        pass
    assert (await told(sink, published(3))).kind == "delivered"
    await sink.close()

    assert await sequences(own.internal_servers, topic) == [1, 2, 3]


@pytest.mark.slow
async def test_a_wrong_password_is_told_and_the_right_one_taken_from_its_file(
    own: Cluster, prefix: str, tmp_path: Path
) -> None:
    topic = f"{prefix}.events"
    await create(own.internal_servers, topic)
    (tmp_path / "password").write_text("wr0ng")
    sink = sink_to(own.bootstrap_servers, topic, security=login(own, password_file=str(tmp_path / "password")))
    outcome = await told(sink, published())
    assert (outcome.kind, outcome.reason) == ("again", Reason.UNAUTHORIZED)
    assert "wr0ng" not in outcome.detail

    (tmp_path / "password").write_text(own.password)
    assert (await told(sink, published())).kind == "delivered"
    await sink.close()
