"""The producer of a shard on a real broker: every fact that the protocol rests on."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaConnectionError, ProducerFenced
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import EndTxnRequest

from notifier.backends.kafka.reading import end_of, read_up_to
from notifier.backends.kafka.records import Outgoing
from notifier.backends.kafka.writer import Writer
from notifier.errors import LeaseLost
from notifier.net.kafka.client import Clients
from notifier.net.kafka.ending import end
from notifier.net.kafka.requests import Commit, Produce
from tests.backends.kafka.bench import settings
from tests.kafka.plugin import Clusters, Kafka


class Shard:
    """One topic of one partition."""

    def __init__(self, servers: tuple[str, ...], topic: str) -> None:
        self.clients = Clients(settings(servers, topic))
        self.topic = topic

    async def create(self) -> None:
        admin = await self.clients.admin()
        await admin.create_topics([NewTopic(self.topic, 1, 1), NewTopic(f"{self.topic}.small", 1, 1, topic_configs={
            "max.message.bytes": "1000"})])  # fmt: skip
        await end(admin)

    async def fence(self, timeout: float = 10) -> Writer:
        return await Writer.fence(self.clients, f"{self.topic}-0", 0, timeout)

    async def committed(self) -> list[bytes]:
        """As a read_committed consumer sees them."""
        consumer = await self.clients.consumer()
        try:
            place = TopicPartition(self.topic, 0)
            consumer.assign([place])
            consumer.seek(place, 0)
            found: list[bytes] = []
            async for records in read_up_to(consumer, place, await end_of(consumer, place)):
                found += [record.value or b"" for record in records]
            return found
        finally:
            await end(consumer)

    async def half(self, writer: Writer, value: bytes) -> None:
        """Stopped in the midst of a transaction."""
        place, producer = TopicPartition(self.topic, 0), writer._producer
        await producer._begin([place])
        for batch in producer._batches(place, [(b"key", value, ())]):
            await producer._leaders.send({place: batch}, producer._request)

    def records(self, *values: bytes, topic: str | None = None) -> list[tuple[str, Outgoing]]:
        return [(topic or self.topic, Outgoing(b"key", value)) for value in values]


@pytest.fixture(scope="module")
def older(module_clusters: Clusters) -> Kafka:
    """Brokers whose transactions are those of before Kafka 4."""
    return Kafka(module_clusters(features={"transaction.version": 1}).bootstrap_servers)


@pytest.fixture(params=["kafka", "older"])
def both(request: pytest.FixtureRequest) -> Kafka:
    found: Kafka = request.getfixturevalue(request.param)
    return found


@asynccontextmanager
async def shard(servers: tuple[str, ...], topic: str) -> AsyncIterator[Shard]:
    it = Shard(servers, topic)
    await it.create()
    yield it
    await it.clients.close()


async def until(condition: Callable[[], bool], within: float = 10) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


async def test_all_of_a_transaction_or_none_and_one_after_the_other(both: Kafka, prefix: str) -> None:
    async with shard(both.bootstrap_servers, prefix) as it:
        writer = await it.fence()
        await writer.write(it.records(b"1", b"2"))
        await writer.write(it.records(b"3"))
        assert await it.committed() == [b"1", b"2", b"3"]
        await writer.close()


async def test_each_sort_of_brokers_gets_its_own_transactions(kafka: Kafka, older: Kafka, prefix: str) -> None:
    for brokers, epochs in ((kafka, True), (older, False)):
        async with shard(brokers.bootstrap_servers, prefix) as it:
            writer = await it.fence()
            assert writer._producer._epochs is epochs
            await writer.close()


async def test_a_successor_fences_the_former(both: Kafka, prefix: str) -> None:
    async with shard(both.bootstrap_servers, prefix) as it:
        zombie = await it.fence()
        await zombie.write(it.records(b"before"))
        writer = await it.fence()
        with pytest.raises(LeaseLost):
            await zombie.write(it.records(b"after"))
        assert zombie.fenced
        with pytest.raises(LeaseLost):
            await zombie.write(it.records(b"again"))
        await writer.write(it.records(b"new"))
        assert await it.committed() == [b"before", b"new"]
        await asyncio.gather(zombie.close(), writer.close())


async def test_a_successor_ends_the_formers_open_transaction(both: Kafka, prefix: str) -> None:
    """What it had sent is aborted, and hides nothing for longer than the fence takes."""
    async with shard(both.bootstrap_servers, prefix) as it:
        zombie = await it.fence()
        await it.half(zombie, b"half")
        began = time.monotonic()
        writer = await it.fence()
        await writer.write(it.records(b"whole"))
        assert await it.committed() == [b"whole"]
        assert time.monotonic() - began < 5
        await asyncio.gather(zombie.close(), writer.close())


async def test_one_record_that_is_refused_takes_all_others_with_it_and_the_producer_is_spent(
    both: Kafka, prefix: str
) -> None:
    """aiokafka's own producer would commit the rest; and after an abort its next commit would succeed empty."""
    async with shard(both.bootstrap_servers, prefix) as it:
        writer = await it.fence()
        large = it.records(b"x" * 5_000, topic=f"{it.topic}.small")
        incompressible = [(topic, record._replace(value=_noise(5_000))) for topic, record in large]
        with pytest.raises(LeaseLost):
            await writer.write([*it.records(b"good"), *incompressible, *it.records(b"good, too")])
        assert writer.spent
        assert not writer.fenced
        with pytest.raises(LeaseLost, match="spent"):
            await writer.write(it.records(b"later"))
        successor = await it.fence()
        await successor.write(it.records(b"from the successor"))
        assert await it.committed() == [b"from the successor"]
        await asyncio.gather(writer.close(), successor.close())


@pytest.mark.parametrize("lost", [(Produce, ProduceRequest), (Commit, EndTxnRequest)])
async def test_what_was_done_but_not_answered_is_asked_for_again_and_done_once(
    both: Kafka, prefix: str, lost: tuple[type[Any], ...]
) -> None:
    async with shard(both.bootstrap_servers, prefix) as it:
        writer = await it.fence()
        await writer.write(it.records(b"before"))
        client, lose = writer._producer.client, [True]
        send = client.send

        async def forgetful(node: int, request: Any, **options: Any) -> Any:
            answer = await send(node, request, **options)
            if isinstance(request, lost) and lose:
                lose.clear()
                raise KafkaConnectionError("the answer was lost")
            return answer

        client.send = forgetful
        await writer.write(it.records(b"1", b"2"))
        await writer.write(it.records(b"3"))
        assert not lose
        assert await it.committed() == [b"before", b"1", b"2", b"3"]
        await writer.close()


def _noise(length: int) -> bytes:
    state, out = 1, bytearray()
    for _ in range(length):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        out.append(state >> 16 & 0xFF)
    return bytes(out)


@pytest.mark.parametrize("turns", [1, 3, 6, 10, 20])
async def test_a_cancelled_commit_leaves_a_spent_producer_and_all_or_nothing(
    both: Kafka, prefix: str, turns: int
) -> None:
    async with shard(both.bootstrap_servers, prefix) as it:
        writer = await it.fence()
        commit = asyncio.create_task(writer.write(it.records(b"1", b"2")))
        for _ in range(turns):
            await asyncio.sleep(0)
        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit
        assert writer.spent
        successor = await it.fence()
        first = await it.committed()
        assert first in ([], [b"1", b"2"])
        await writer.close()
        assert await it.committed() == first, "what the successor read is final"
        await successor.close()


@pytest.mark.slow
async def test_a_transaction_that_took_too_long_looks_like_a_fence(kafka: Kafka, prefix: str) -> None:
    async with shard(kafka.bootstrap_servers, prefix) as it:
        writer = await it.fence(timeout=1)
        await it.half(writer, b"too slow")

        async def go_on() -> None:
            async with asyncio.timeout(30):  # the coordinator looks every 10 s
                while True:
                    await it.half(writer, b"still")
                    await asyncio.sleep(0.2)

        with pytest.raises(ProducerFenced):  # although there is no new owner
            await go_on()
        with pytest.raises(LeaseLost):
            await writer.write(it.records(b"too late"))
        assert writer.fenced
        successor = await it.fence()
        await successor.write(it.records(b"new"))
        assert await it.committed() == [b"new"]
        await asyncio.gather(writer.close(), successor.close())


@pytest.mark.slow
async def test_a_broker_that_hangs_is_not_waited_for_longer_than_the_deadline(clusters: Clusters, prefix: str) -> None:
    cluster = clusters()
    async with shard(cluster.bootstrap_servers, prefix) as it:
        writer = await it.fence(timeout=2)
        await writer.write(it.records(b"before"))
        cluster.pause(1)
        began = time.monotonic()
        with pytest.raises(LeaseLost, match="within 2 s"):
            await writer.write(it.records(b"lost?"))
        assert 1.5 < time.monotonic() - began < 4
        began = time.monotonic()
        await writer.close()
        assert time.monotonic() - began < 8
        cluster.resume(1)
        successor = await it.fence()
        await successor.write(it.records(b"after"))
        seen = await it.committed()
        assert seen in ([b"before", b"after"], [b"before", b"lost?", b"after"])
        await successor.close()


@pytest.mark.slow
async def test_a_broker_killed_in_the_midst_and_up_again(clusters: Clusters, prefix: str) -> None:
    """The same commit succeeds when the broker is back in time, every record once."""
    cluster = clusters()
    async with shard(cluster.bootstrap_servers, prefix) as it:
        writer = await it.fence(timeout=60)
        await writer.write(it.records(b"before"))
        cluster.kill(1)
        commit = asyncio.create_task(writer.write(it.records(b"1", b"2")))
        await asyncio.to_thread(cluster.restart, 1)
        await commit
        assert await it.committed() == [b"before", b"1", b"2"]
        await writer.close()
