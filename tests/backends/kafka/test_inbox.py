"""The way in: durable, shown, told from a repeat; and what other services write beside it."""

import asyncio

import orjson
from aiokafka.partitioner import DefaultPartitioner

from notifier.backends.base import Change, OrderQuery, WatchQuery
from notifier.backends.kafka.inputs import read_command
from notifier.backends.partition import shard_of
from notifier.model import Command, Fact, Recipient
from notifier.net.kafka.ending import end
from tests.backends.kafka.replicas import SHARDS, Owner, Replica
from tests.contracts.backend import taken
from tests.contracts.records import KEYS, T, a_delivery, a_put, a_watch

KEY = KEYS[0]


async def test_of_many_who_add_an_order_at_once_one_is_first(two: tuple[Replica, Replica]) -> None:
    for key in KEYS:
        answers = await asyncio.gather(*(it.inbox.submit(a_put(key, at=T + n)) for n in range(5) for it in two))
        assert sorted(answers) == [False] * 9 + [True]
        removals = [it.inbox.submit(Command(kind="remove", key=key, at=T + 9)) for _ in range(3) for it in two]
        assert sum(await asyncio.gather(*removals)) == 1


async def test_an_account_stays_with_its_order(two: tuple[Replica, Replica], owner: Owner) -> None:
    one, other = two
    await one.inbox.submit(a_put())
    await other.inbox.submit(a_put(at=T + 5, ids={"order_id": "00", "client_id": "another"}, labels={}))
    [watch] = (await one.view.find(WatchQuery(key=KEY))).items
    assert watch == a_watch(updated_at=T + 5, labels={})


async def test_what_another_service_writes_is_followed_by_every_replica(
    two: tuple[Replica, Replica], owner: Owner
) -> None:
    producer = await owner.clients.producer(partitioner=DefaultPartitioner())  # as Java's client does
    body = {"source": "trips", "ids": {"order_id": 885}, "recipients": [{"phone": "+7 912 099-55-13"}]}
    written = await producer.send_and_wait(owner.topics.watches, orjson.dumps(body), key=b"trips/885")
    assert written.partition == shard_of("trips/885", SHARDS)
    for bad in (b"{", orjson.dumps({**body, "ids": {"order_id": 886}}), orjson.dumps({"source": "trips"})):
        await producer.send_and_wait(owner.topics.watches, bad, key=b"trips/bad")
    for it in two:
        [watch] = (await it.view.find(WatchQuery(key="trips/885"))).items
        assert watch.recipients == (Recipient(phone="+79120995513"),)
        assert watch.created_at == written.timestamp
        assert (await it.view.find(OrderQuery(key="trips/bad"))).items == ()
    await producer.send_and_wait(owner.topics.watches, None, key=b"trips/885")
    for it in two:
        assert (await it.view.find(WatchQuery(key="trips/885"))).items == ()
    await end(producer)


async def test_a_retry_is_durable_where_there_is_something_to_be_retried(
    two: tuple[Replica, Replica], owner: Owner
) -> None:
    one, _ = two
    dead = a_delivery(state="dead", due=None)
    await owner.commit([Change(key=KEY, deliveries=(dead,))])
    assert await one.inbox.submit(Command(kind="retry", key=KEY, delivery=dead.id, at=T + 3)) is True
    assert await one.inbox.submit(Command(kind="retry", key=KEY, delivery="nothing")) is False
    consumer = await owner.clients.consumer()
    partitions = one.tail.partitions(owner.topics.commands)
    consumer.assign(list(partitions))
    async with asyncio.timeout(5):
        record = await consumer.getone()
    assert read_command(record, SHARDS) == Command(kind="retry", key=KEY, delivery=dead.id, at=T + 3)
    assert sum((await consumer.end_offsets(partitions)).values()) == 1
    await end(consumer)


async def test_a_fact_is_known_everywhere_within_a_second(two: tuple[Replica, Replica]) -> None:
    one, other = two
    told = other.inbox.facts()
    waiting = asyncio.create_task(taken(told, 1))
    for at in range(5):
        fact = Fact(subject="endpoint:hook:https://a", held_until=T + at, at=T + at)
        await one.inbox.tell(fact)
        async with asyncio.timeout(1):
            assert await waiting == [fact]
            waiting = asyncio.create_task(taken(told, 1))
        assert await other.inbox.known_facts() == (fact,)
    await one.inbox.tell(Fact(subject="endpoint:hook:https://a", at=T))  # older: it does not count
    await other.inbox.tell(Fact(subject="credential:trips", at=T))
    async with asyncio.timeout(1):
        assert (await waiting)[0].subject == "credential:trips"
    assert len(await taken(one.inbox.facts(), 2)) == 2


async def test_its_layout_is_no_fact(two: tuple[Replica, Replica]) -> None:
    assert await two[0].inbox.known_facts() == (), "the number of partitions stands in the same topic"
