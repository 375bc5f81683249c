"""How transactions behave under aiokafka on a real broker: what the backend's protocol rests on (FACTS, 'aiokafka')."""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import MessageSizeTooLargeError, ProducerFenced

from notifier.net.kafka.client import Clients
from notifier.net.kafka.deadline import within
from notifier.net.kafka.ending import end
from tests.kafka.plugin import Kafka
from tests.net.kafka.build import clients, create, read


@pytest.fixture
def made(kafka: Kafka) -> Clients:
    return clients(kafka.bootstrap_servers)


@pytest.fixture
async def topic(kafka: Kafka, prefix: str) -> str:
    await create(kafka.bootstrap_servers, f"{prefix}.t", configs={"max.message.bytes": "2000"})
    return f"{prefix}.t"


LARGE = bytes(range(256)) * 40  # more than the topic takes, packed too


async def values(made: Clients, topic: str) -> list[Any]:
    consumer = await made.consumer()
    try:
        return [record.value for record in await read(consumer, topic)]
    finally:
        await end(consumer)


async def test_a_commit_succeeds_although_a_send_failed_that_nobody_awaited(
    made: Clients, topic: str, prefix: str
) -> None:
    """Good records of the same batch are lost with it: so every send is awaited before the commit."""
    producer = await made.producer(f"{prefix}-0", compression_type=None)
    await producer.begin_transaction()
    good = await producer.send(topic, b"good", partition=0)
    bad = await producer.send(topic, LARGE, partition=0)
    async with within(10, "committing"):
        await producer.commit_transaction()

    for sent in (good, bad):
        assert isinstance(sent.exception(), MessageSizeTooLargeError)
    assert await values(made, topic) == []
    await end(producer)


async def test_after_a_failed_send_and_a_clean_abort_the_next_commit_may_be_empty(
    made: Clients, topic: str, prefix: str
) -> None:
    """The producer counts records that never arrived: it must never be used again."""
    producer = await made.producer(f"{prefix}-0", compression_type=None)
    await producer.begin_transaction()
    with pytest.raises(MessageSizeTooLargeError):
        await (await producer.send(topic, LARGE, partition=0))
    await producer.abort_transaction()

    await producer.begin_transaction()
    sent = await producer.send(topic, b"afterwards", partition=0)
    async with within(10, "committing"):
        await producer.commit_transaction()
    assert sent.exception() is not None
    assert await values(made, topic) == []
    await end(producer)


async def test_a_successor_ends_an_open_transaction_at_once(made: Clients, topic: str, prefix: str) -> None:
    """Which hid behind it what others committed."""
    first, other = await made.producer(f"{prefix}-0"), await made.producer(f"{prefix}-other")
    await first.begin_transaction()
    await (await first.send(topic, b"open", partition=0))
    await other.begin_transaction()
    await (await other.send(topic, b"behind it", partition=0))
    await other.commit_transaction()
    assert await values(made, topic) == []

    clock = asyncio.get_running_loop().time
    begun = clock()
    second = await made.producer(f"{prefix}-0")
    while await values(made, topic) != [b"behind it"]:
        assert clock() - begun < 5
    for producer in (first, other, second):
        await end(producer)


async def test_the_end_under_read_committed_is_reached_over_aborted_tails(
    made: Clients, topic: str, prefix: str
) -> None:
    """`end_offsets` is the last stable offset, and `while position < end` ends there."""
    producer, consumer = await made.producer(f"{prefix}-0"), await made.consumer()
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    for number in range(3):
        await producer.begin_transaction()
        await (await producer.send(topic, b"aborted", partition=0))
        if number < 2:
            await producer.abort_transaction()
    assert (await consumer.end_offsets([partition]))[partition] == 4  # two records, two markers; the third is open

    assert await read(consumer, topic) == []
    assert await consumer.position(partition) == 4
    await producer.abort_transaction()
    assert await read(consumer, topic) == []
    assert await consumer.position(partition) == 6
    await end(producer)
    await end(consumer)


@pytest.mark.slow
async def test_a_transaction_that_took_too_long_looks_like_a_new_owner(made: Clients, topic: str, prefix: str) -> None:
    """ProducerFenced, though there is none; and it hides what others committed until then."""
    producer, other = (
        await made.producer(f"{prefix}-0", transaction_timeout_ms=1_000),
        await made.producer(f"{prefix}-1"),
    )
    await producer.begin_transaction()
    await (await producer.send(topic, b"open", partition=0))
    await other.begin_transaction()
    await (await other.send(topic, b"behind it", partition=0))
    await other.commit_transaction()
    assert await values(made, topic) == []

    async with asyncio.timeout(30):
        while await values(made, topic) != [b"behind it"]:
            await asyncio.sleep(0.1)
    with pytest.raises(ProducerFenced):
        async with asyncio.timeout(10):
            await producer.commit_transaction()
    for each in (producer, other):
        await end(each)
