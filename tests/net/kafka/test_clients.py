"""Clients on a broker that is there, away, hung or killed: what FACTS tells of aiokafka and this layer relies on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import MessageSizeTooLargeError, ProducerFenced

from notifier.errors import LeaseLost, Refused, Unavailable
from notifier.net.kafka.client import Clients
from notifier.net.kafka.deadline import within
from notifier.net.kafka.ending import end
from tests.kafka.cluster import Cluster
from tests.kafka.plugin import Clusters, Kafka
from tests.net.kafka.build import clients, create, read


@pytest.fixture
def made(kafka: Kafka) -> Clients:
    return clients(kafka.bootstrap_servers)


@pytest.fixture
async def topic(kafka: Kafka, prefix: str) -> str:
    await create(kafka.bootstrap_servers, f"{prefix}.t")
    return f"{prefix}.t"


@pytest.fixture(scope="module")
def own(module_clusters: Clusters) -> Cluster:
    return module_clusters()


@pytest.fixture
async def away(own: Cluster) -> AsyncIterator[Cluster]:
    """A broker that its test may kill or pause; it serves again after it."""
    yield own
    if own.running(1):
        own.resume(1)
    else:
        await asyncio.to_thread(own.restart, 1)


def leftovers() -> set[str]:
    """Tasks of a client that are still there."""
    return {str(task.get_coro()) for task in asyncio.all_tasks() if task is not asyncio.current_task()}


# --- a broker that serves --------------------------------------------------------------------------------------------


async def test_what_is_sent_is_read_without_what_was_aborted(made: Clients, topic: str, prefix: str) -> None:
    producer, consumer = await made.producer(f"{prefix}-0"), await made.consumer()
    for value, kept in ((b"kept", True), (b"aborted", False)):
        await producer.begin_transaction()
        await (await producer.send(topic, value, partition=0))
        await (producer.commit_transaction() if kept else producer.abort_transaction())

    assert [record.value for record in await read(consumer, topic)] == [b"kept"]
    await end(producer)
    await end(consumer)


async def test_a_successor_fences(made: Clients, topic: str, prefix: str) -> None:
    """Its next send or commit raises ProducerFenced, then begin and abort are AssertionErrors: all of it LeaseLost."""
    first = await made.producer(f"{prefix}-0")
    await first.begin_transaction()
    await (await first.send(topic, b"of the first", partition=0))
    second = await made.producer(f"{prefix}-0")

    with pytest.raises(LeaseLost) as caught:
        async with within(10, "committing"):
            await first.commit_transaction()
    assert isinstance(caught.value.__cause__, ProducerFenced)
    for call in (first.begin_transaction, first.abort_transaction):
        with pytest.raises(LeaseLost):
            async with within(10, "going on"):
                await call()

    for producer in (first, second):
        await end(producer)
    assert not leftovers()


async def test_a_record_of_seven_mebibytes_is_sent_as_far_as_we_are_concerned(
    made: Clients, kafka: Kafka, prefix: str
) -> None:
    """aiokafka itself would refuse more than 1 MB, and fetch no more than 1 MiB of a partition at once."""
    await create(kafka.bootstrap_servers, f"{prefix}.large", configs={"max.message.bytes": "8388608"})
    producer, consumer = await made.producer(), await made.consumer()
    value = bytes(range(256)) * 28_672

    await producer.send_and_wait(f"{prefix}.large", value, partition=0)
    assert [record.value for record in await read(consumer, f"{prefix}.large")] == [value]
    with pytest.raises(MessageSizeTooLargeError):
        await producer.send(f"{prefix}.large", bytes(9_000_000), partition=0)
    await end(producer)
    await end(consumer)


async def test_unknown_settings_of_a_transaction_are_refused(made: Clients, prefix: str) -> None:
    with pytest.raises(Refused, match="InvalidTransactionTimeout"):
        await made.producer(f"{prefix}-0", transaction_timeout_ms=3_600_000)
    assert not leftovers()


@pytest.mark.parametrize("sort", ["producer", "consumer", "admin"])
async def test_an_ended_client_leaves_nothing_running(made: Clients, topic: str, sort: str) -> None:
    client: Any = await getattr(made, sort)()
    if isinstance(client, AIOKafkaConsumer):
        await read(client, topic)
    await end(client)
    await end(client)

    assert not leftovers()


# --- a broker that does not ------------------------------------------------------------------------------------------


async def test_no_broker_is_unavailable_at_once(made: Clients) -> None:
    nowhere = clients(["127.0.0.1:1"])
    for make in (nowhere.producer, nowhere.consumer, nowhere.admin):
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1: the brokers cannot be reached \(Connection refused\)"):
            await make()
    assert not leftovers()


async def test_a_name_that_nobody_knows_is_told_as_such() -> None:
    with pytest.raises(Unavailable, match="host name not resolved"):
        await clients(["no-such-host.invalid:9092"]).producer()


async def test_one_live_broker_of_several_is_enough(kafka: Kafka) -> None:
    await end(await clients(["127.0.0.1:1", *kafka.bootstrap_servers]).producer())


@pytest.mark.slow
async def test_a_hung_broker_holds_nobody_up(away: Cluster) -> None:
    await asyncio.to_thread(away.pause, 1)
    made = clients(away.bootstrap_servers)

    with pytest.raises(Unavailable, match=r"no answer from the brokers within 0\.5 s"):
        await made.producer(seconds=0.5)
    assert not leftovers()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_sends_and_stops_without_a_broker_end_at_their_deadline(away: Cluster, prefix: str, how: str) -> None:
    """Each of them would wait for ever."""
    await create(away.bootstrap_servers, f"{prefix}.t")
    made = clients(away.bootstrap_servers)
    sender, owner = await made.producer(), await made.producer(f"{prefix}-0")
    consumer, admin = await made.consumer(), await made.admin()
    await read(consumer, f"{prefix}.t")
    await owner.begin_transaction()
    await (await owner.send(f"{prefix}.t", b"in a transaction", partition=0))
    await sender.send_and_wait(f"{prefix}.t", b"before", partition=0)
    await asyncio.to_thread(getattr(away, how), 1)

    with pytest.raises(Unavailable, match=r"sending: no answer from the brokers within 0\.3 s"):
        async with within(0.3, "sending"):
            await sender.send_and_wait(f"{prefix}.t", b"after", partition=0)
    with pytest.raises(Unavailable, match="committing"):
        async with within(0.3, "committing"):
            await owner.commit_transaction()
    stop = asyncio.create_task(sender.stop())
    assert not (await asyncio.wait([stop], timeout=0.5))[0], "aiokafka has learnt to stop: end() may be simpler"
    stop.cancel()

    clock = asyncio.get_running_loop().time
    begun = clock()
    for client in (sender, owner, consumer, admin):
        await end(client, 0.2)
    assert clock() - begun < 8
    await asyncio.gather(stop, return_exceptions=True)
    assert not leftovers()


@pytest.mark.slow
async def test_a_commit_outlives_a_restart_of_the_broker(away: Cluster, prefix: str) -> None:
    """Killed between send and commit, up again: the same call succeeds, every record once."""
    await create(away.bootstrap_servers, f"{prefix}.t")
    made = clients(away.bootstrap_servers)
    producer = await made.producer(f"{prefix}-0", transaction_timeout_ms=60_000)
    await producer.begin_transaction()
    await (await producer.send(f"{prefix}.t", b"once", partition=0))
    await asyncio.to_thread(away.kill, 1)
    commit = asyncio.create_task(producer.commit_transaction())
    await asyncio.to_thread(away.restart, 1)
    async with within(30, "committing"):
        await commit

    consumer = await made.consumer()
    assert [record.value for record in await read(consumer, f"{prefix}.t")] == [b"once"]
    await end(producer)
    await end(consumer)


# --- ends that aiokafka spoils ---------------------------------------------------------------------------------------


class Spoilt(AIOKafkaConsumer):  # type: ignore[misc]
    """stop() as it was seen on a broker that went away: a cancellation that nobody asked for, or no end at all."""

    how = ""

    async def stop(self) -> None:
        self._closed = True
        if self.how == "hangs":
            await asyncio.Event().wait()
        raise asyncio.CancelledError if self.how == "cancels" else RuntimeError("…")


@pytest.mark.parametrize("how", ["hangs", "cancels", "raises"])
async def test_a_spoilt_stop_breaks_no_shutdown(made: Clients, topic: str, how: str) -> None:
    consumer = await made.started(Spoilt(**made.options()))
    consumer.how = how
    await read(consumer, topic)

    await end(consumer, 0.1)
    assert not leftovers()


async def test_a_cancelled_end_is_cancelled(made: Clients) -> None:
    consumer = await made.started(Spoilt(**made.options()))
    consumer.how = "hangs"
    ending = asyncio.create_task(end(consumer, 60))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    await end(consumer, 0)


# --- rights ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_missing_rights_are_refused_with_the_right_that_is_missing(clusters: Clusters, prefix: str) -> None:
    cluster = await asyncio.to_thread(
        clusters,
        sasl=True,
        properties={
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        },
    )
    await create(cluster.internal_servers, f"{prefix}.t")
    made = clients(
        cluster.bootstrap_servers,
        protocol="SASL_PLAINTEXT",
        mechanism="PLAIN",
        username=cluster.user,
        password=cluster.password,
    )

    with pytest.raises(Refused, match=r"grant the right \(TransactionalIdAuthorizationFailed\)"):
        await made.producer(f"{prefix}-0")
    with pytest.raises(Refused, match=r"grant the right \(TransactionalIdAuthorizationFailed\)"):
        await made.transactions(f"{prefix}-0", 10)
    with pytest.raises(Refused, match="grant the right"):
        await made.producer()
    assert not leftovers()
