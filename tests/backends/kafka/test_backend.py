"""Replicas on a real broker, and what can go wrong: fences, lost outcomes, brokers that die, records that are bad."""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import orjson
import pytest
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from notifier import codec
from notifier.backends.base import Change, OrderQuery
from notifier.backends.kafka.reading import end_of, read_up_to
from notifier.backends.kafka.records import Outgoing, Record, number_of, split_key
from notifier.backends.partition import shard_of
from notifier.clock import SystemClock
from notifier.errors import LeaseLost, Unavailable
from notifier.net.kafka import ending
from notifier.net.kafka.ending import end
from notifier.net.kafka.transactions import Transactions
from tests.backends.kafka.bench import SHARDS, Bench
from tests.contracts.backend import restored, taken
from tests.contracts.records import KEYS, T, a_delivery, a_put, a_state, a_step, a_watch, an_event, delivered
from tests.kafka.plugin import Clusters, Kafka

KEY = KEYS[0]
SHARD = shard_of(KEY, SHARDS)
MATES = [key for key in KEYS if shard_of(key, SHARDS) == SHARD]
STRAY = next(key for key in KEYS if shard_of(key, SHARDS) != SHARD)


@pytest.fixture
async def bench(kafka: Kafka, prefix: str) -> AsyncIterator[Bench]:
    bench = Bench(kafka.bootstrap_servers, prefix)
    await bench.open()
    yield bench
    await bench.close()


async def until(condition: Callable[[], bool], within: float = 15) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


async def topic(bench: Bench, name: str, shard: int = SHARD) -> list[Record]:
    """What a read_committed consumer sees."""
    clients = bench.backend._clients
    consumer = await clients.consumer()
    try:
        place = TopicPartition(f"{bench.settings.topic_prefix}.{name}", shard)
        consumer.assign([place])
        consumer.seek(place, 0)
        found: list[Record] = []
        async for records in read_up_to(consumer, place, await end_of(consumer, place)):
            found += records
        return found
    finally:
        await end(consumer)


async def say(bench: Bench, *records: Outgoing, shard: int = SHARD, name: str = "watches") -> None:
    """As any other service writes."""
    producer = await bench.backend._clients.producer()
    for record in records:
        await producer.send_and_wait(
            f"{bench.settings.topic_prefix}.{name}", record.value, record.key, shard, headers=list(record.headers)
        )
    await end(producer)


def body(key: str = KEY, **more: object) -> Outgoing:
    order = key.rpartition("/")[2]
    return Outgoing(key.encode(), orjson.dumps({"source": "trips", "ids": {"order_id": order}, **more}))


# --- what is in the topics -------------------------------------------------------------------------------------------


async def test_one_transaction_carries_state_deliveries_events_and_dead_letters(bench: Bench) -> None:
    await bench.backend.submit(a_put())
    lease = await bench.lease(KEY)
    [put] = await taken(lease.commands(), 1)
    dead = a_delivery(sequence=2, state="dead", reason="refused", to="anna@example.org", due=None, finished_at=T)
    step = a_step(done=(put,))
    await lease.commit([msgspec.structs.replace(step, deliveries=(*step.deliveries, dead))])
    shards = await topic(bench, "shards")
    assert sorted(split_key(each.key or b"")[0] for each in shards) == ["c", "d", "o", "w"]
    [finished] = await topic(bench, "deliveries")
    assert codec.unpack_delivery(finished.value or b"") == dead
    assert {number_of(each) for each in (*shards, finished)} == {1}
    [event] = await topic(bench, "events")
    assert (event.key, event.value) == (KEY.encode(), an_event().data)
    [letter] = await topic(bench, "dead-letters")
    told = orjson.loads(letter.value or b"")
    assert (told["key"], told["reason"], told["delivery"]["to"]) == (KEY, "refused", "a***@example.org")
    assert b"anna" not in (letter.value or b"")


async def test_a_finished_delivery_changes_its_topic_and_a_retry_brings_it_back(bench: Bench) -> None:
    await bench.backend.submit(a_put())
    lease = await bench.lease(KEY)
    await lease.commit([a_step()])
    dead = a_delivery(state="dead", reason="refused", due=None, finished_at=T)
    await lease.commit([Change(key=KEY, deliveries=(dead,))])
    assert (await topic(bench, "shards"))[-2:][0].value is None
    again = msgspec.structs.replace(dead, state="pending", reason=None, due=T, retried=True)
    await lease.commit([Change(key=KEY, deliveries=(again,))])
    assert [each.value is None for each in await topic(bench, "deliveries")] == [False, True]
    await bench.restart()
    lease = await bench.lease(KEY)
    _, deliveries = await restored(lease)
    assert deliveries == [again]
    await lease.commit([Change(key=KEY, deliveries=(msgspec.structs.replace(again, state="delivered"),))])
    assert (await topic(bench, "shards"))[-2].value is None, "known as open from the restore"


# --- fences and lost outcomes ----------------------------------------------------------------------------------------


async def test_a_zombie_writes_nothing_and_waits_before_it_fences_the_rightful_owner(kafka: Kafka, prefix: str) -> None:
    """Two replicas that both believe in a shard: here the second has a group of its own."""
    first = Bench(kafka.bootstrap_servers, prefix)
    await first.open()
    await first.backend.submit(a_put())
    zombie = await first.lease(KEY)
    second = Bench(kafka.bootstrap_servers, prefix, group_id=f"{prefix}-other")
    await second.open()
    owner = await second.lease(KEY)
    began = time.monotonic()
    with pytest.raises(LeaseLost):
        await zombie.commit([a_step()])
    assert zombie.fenced
    await owner.commit([a_step()])
    again = await first.lease(KEY)
    assert time.monotonic() - began > 3, "half a session time-out"
    with pytest.raises(LeaseLost):
        await owner.commit([a_step(sequence=2)])
    [stored], _ = await restored(again)
    assert stored.state == codec.pack_state(a_state())
    assert [each.value for each in await topic(first, "events")] == [an_event().data]
    await asyncio.gather(first.close(), second.close())


async def test_a_lease_that_is_lost_comes_again_and_knows_what_became_of_its_last_commit(bench: Bench) -> None:
    await bench.backend.submit(a_put())
    for turns in (2, 5, 9, 14, 20, 30):
        lease = await bench.lease(KEY)
        commit = asyncio.create_task(lease._lease.commit([a_step(sequence=turns)]))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        commit.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await commit
        if not lease.ended.is_set():
            continue  # it was quicker
        assert "broken off" in lease.held()
        lease = await bench.lease(KEY)
        [stored], _ = await restored(lease)
        sequence = codec.peek_state(stored.state).sequence if stored.state else 0
        published = [orjson.loads(each.value or b"")["sequence"] for each in await topic(bench, "events")]
        assert (published or [0])[-1] == sequence
        assert sorted(set(published)) == published


async def test_two_replicas_share_the_shards_and_one_takes_over_what_the_other_leaves(
    kafka: Kafka, prefix: str
) -> None:
    first = Bench(kafka.bootstrap_servers, prefix, instance_id="a")
    await first.open()
    for key in KEYS:
        await first.backend.submit(a_put(key))
        await (await first.lease(key)).commit([a_step(key)])
    second = Bench(kafka.bootstrap_servers, prefix, instance_id="b")
    await second.backend.open()
    await until(lambda: bool(second.backend._holders) and all(h.lease for h in second.backend._holders.values()))
    owned = set(second.backend._holders)
    assert owned
    assert set(first.backend._holders).isdisjoint(owned)
    assert all(first._held[shard].ended.is_set() for shard in owned)
    others = set(range(SHARDS)) - owned
    assert not any(first._held[shard].ended.is_set() for shard in others), "those that stay never noticed"
    taken_over = [key for key in KEYS if shard_of(key, SHARDS) in owned]
    found = [stored for shard in owned for stored in (await restored((await second.holding(shard))._lease))[0]]
    assert sorted(stored.key for stored in found) == taken_over
    assert all(stored.state and codec.peek_state(stored.state).sequence == 1 for stored in found)
    assert await second.backend.submit(a_put("trips/from-b")) is True
    [order] = (await first.backend.view.find(OrderQuery(key="trips/from-b"))).items
    assert order.watch.key == "trips/from-b"
    await asyncio.gather(first.close(), second.close())


# --- the input -------------------------------------------------------------------------------------------------------


async def test_any_service_may_write_watches(bench: Bench) -> None:
    lease = await bench.lease(KEY)
    commands = lease.commands()
    await say(bench, body(labels={"team": "ops"}), body(labels={"team": "sales"}), Outgoing(KEY.encode(), None))
    first, second, third = await taken(commands, 3)
    assert [each.kind for each in (first, second, third)] == ["put", "put", "remove"]
    assert (first.watch.key, first.watch.labels, second.watch.labels) == (KEY, {"team": "ops"}, {"team": "sales"})
    assert second.watch.created_at == first.watch.created_at == first.at
    assert abs(first.at - time.time() * 1000) < 60_000, "the broker's append time"
    await lease.commit([Change(key=KEY, state=codec.pack_state(a_state()), done=(first, second, third))])
    await bench.restart()
    orders, _ = await restored(await bench.lease(KEY))
    assert orders == []


async def test_bad_records_are_skipped_and_reported_once(bench: Bench) -> None:
    lease = await bench.lease(KEY)
    commands = lease.commands()
    await say(
        bench,
        body(STRAY),
        Outgoing(KEY.encode(), b"{"),
        Outgoing(KEY.encode(), b"[]"),
        Outgoing(b"trips/other" if shard_of("trips/other", SHARDS) == SHARD else MATES[1].encode(), body().value),
        Outgoing(KEY.encode(), body(labels={"a": "x" * 300_000}).value),
        Outgoing(KEY.encode(), b'{"source": "trips", "recipients": [{"email": "anna@example.org"}]}'),
        Outgoing(b"\xff", b"{}"),
        body(),
    )
    [put] = await taken(commands, 1)
    assert (put.kind, put.key) == ("put", KEY)
    reasons = ["wrong_partition", "bad_json", "bad_json", "key_mismatch", "too_large", "invalid", "bad_key"]
    await until(lambda: len(bench.rejected) == len(reasons))
    assert bench.rejected == reasons
    letters = [orjson.loads(each.value or b"") for each in await topic(bench, "dead-letters")]
    assert [letter["reason"] for letter in letters] == reasons
    assert letters[0]["record"] == {"topic": f"{bench.settings.topic_prefix}.watches", "partition": SHARD, "offset": 0}
    assert b"anna" not in b"".join(each.value or b"" for each in await topic(bench, "dead-letters"))
    await bench.restart()
    [again] = await taken((await bench.lease(KEY)).commands(), 1)
    assert again == put
    await say(bench, body(MATES[1], labels={}))
    await taken((await bench.lease(KEY)).commands(), 2)
    assert bench.rejected == reasons, "not again"
    assert len(await topic(bench, "dead-letters")) == len(reasons)


async def test_a_removal_whose_record_is_long_gone(kafka: Kafka, prefix: str) -> None:
    """A live order without a record in `watches` was removed, and nobody was there for a day."""
    bench = Bench(kafka.bootstrap_servers, prefix)
    await bench.open()
    for key in MATES[:2]:
        await bench.backend.submit(a_put(key))
    lease = await bench.lease(KEY)
    one, two = await taken(lease.commands(), 2)
    await lease.commit([a_step(MATES[0], done=(one,)), a_step(MATES[1], done=(two,))])
    await _lose_records(bench, before=1)
    await bench.restart()
    assert len((await restored(await bench.lease(KEY)))[0]) == 2, "nobody was away: it cannot have been removed"
    await bench.close()
    bench = Bench(kafka.bootstrap_servers, prefix, clock=Ahead())
    await bench.open()
    lease = await bench.lease(KEY)
    orders, _ = await restored(lease)
    assert [stored.key for stored in orders] == [MATES[1]]
    [removal] = await taken(lease.commands(), 1)
    assert (removal.kind, removal.key) == ("remove", MATES[0])
    await bench.restart()
    lease = await bench.lease(KEY)
    assert await taken(lease.commands(), 1) == [msgspec.structs.replace(removal, at=lease_at(lease))]
    await lease.commit([Change(key=MATES[0], done=(removal,))])
    await bench.restart()
    lease = await bench.lease(KEY)
    assert [stored.key for stored in (await restored(lease))[0]] == [MATES[1]]
    assert lease._lease._intake.log == []
    await bench.close()


def lease_at(lease: Any) -> int:
    [command] = lease._lease._intake.log
    return int(command.at)


class Ahead(SystemClock):
    """A day later."""

    def now(self) -> int:
        return super().now() + 86_400_000


async def _lose_records(bench: Bench, before: int) -> None:
    """As compaction does a day after a removal."""
    name = f"{bench.settings.topic_prefix}.watches"
    admin = await bench.backend._clients.admin()
    for policy in ("delete", "compact"):
        configs = {"cleanup.policy": policy, "message.timestamp.type": "LogAppendTime"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs)])
        if policy == "delete":
            await asyncio.sleep(0.2)
            await admin.delete_records({TopicPartition(name, SHARD): RecordsToDelete(before_offset=before)})
    await end(admin)


async def test_an_order_that_is_added_again_while_it_is_forgotten_is_kept(bench: Bench) -> None:
    """The race at the end of retention: a watch that the owner has not read lies before its tombstone."""
    await bench.backend.submit(a_put())
    lease = await bench.lease(KEY)
    [put] = await taken(lease.commands(), 1)
    await lease.commit([delivered(a_step(retired_at=T, retirement="terminal", done=(put,)))])
    inner = lease._lease
    read, take = asyncio.Event(), inner.take

    async def late(records: Sequence[Record]) -> None:
        await read.wait()
        await take(records)

    inner.take = late
    await say(bench, body(labels={"team": "again"}))
    assert await lease.forget(T + 1) == 1
    read.set()
    commands = lease.commands()
    first, second = await taken(commands, 2)
    assert [first.number, second.number] == [1, 4], "as it came, and written again after the tombstone and its marker"
    assert first.watch.labels == second.watch.labels == {"team": "again"}
    assert first.watch.created_at == second.watch.created_at > T, "a new life"
    records = await topic(bench, "watches")
    assert [each.value is None for each in records] == [False, False, True, False]
    await bench.restart()
    lease = await bench.lease(KEY)
    assert [each.number for each in await taken(lease.commands(), 2)] == [1, 4]
    assert len(await topic(bench, "watches")) == 4, "it was written again once"
    [order] = (await bench.backend.view.find(OrderQuery(key=KEY))).items
    assert (order.watch.labels, order.watch.created_at) == ({"team": "again"}, first.watch.created_at)


async def test_what_is_forgotten_leaves_a_tombstone_for_each_record(bench: Bench) -> None:
    await bench.backend.submit(a_put())
    lease = await bench.lease(KEY)
    [put] = await taken(lease.commands(), 1)
    step = delivered(a_step(retired_at=T, retirement="terminal", done=(put,)))
    await lease.commit([step])
    assert await lease.forget(T + 1) == 1
    last: dict[bytes | None, bytes | None] = {each.key: each.value for each in await topic(bench, "shards")}
    assert {key for key, value in last.items() if value is not None} == {b"c:"}
    [_, tombstone] = await topic(bench, "watches")
    assert tombstone.value is None
    assert dict(tombstone.headers)["retires"] == (0).to_bytes(8, "big")
    assert (await topic(bench, "deliveries"))[-1].value is None
    await bench.restart()
    assert await bench.backend.submit(a_put(at=T + 9)) is True, "a new life"
    [again] = await taken((await bench.lease(KEY)).commands(), 1)
    assert again.watch == a_watch(at=T + 9)


# --- brokers ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_the_broker_away_for_a_while(clusters: Clusters, prefix: str) -> None:
    """Commits fail in two ways only, the shards come back, and what was acknowledged is there once."""
    cluster = clusters()
    bench = Bench(cluster.bootstrap_servers, prefix, session_timeout="10s", transaction_timeout="3s")
    await bench.open()
    await bench.backend.submit(a_put())
    lease = await bench.lease(KEY)
    await lease.commit([a_step()])
    cluster.kill(1)
    began = time.monotonic()
    with pytest.raises((LeaseLost, Unavailable)):
        await lease._lease.commit([a_step(sequence=2)])
    assert time.monotonic() - began < 5
    with pytest.raises(Unavailable):
        await bench.backend.submit(a_put("trips/new"))
    await asyncio.to_thread(cluster.restart, 1)
    lease = await bench.lease(KEY)
    [stored], _ = await restored(lease)
    assert stored.state is not None
    sequence = codec.peek_state(stored.state).sequence
    await lease.commit([a_step(sequence=sequence + 1)])
    published = [orjson.loads(each.value or b"")["sequence"] for each in await topic(bench, "events")]
    assert published == list(range(1, sequence + 2))
    await until(lambda: bench.backend.trouble() is None)
    await bench.close()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_closing_with_the_broker_gone_is_bounded(clusters: Clusters, prefix: str, how: str) -> None:
    cluster = clusters()
    bench = Bench(cluster.bootstrap_servers, prefix)
    await bench.open()
    await bench.backend.submit(a_put())
    lease = await bench.lease(KEY)
    getattr(cluster, how)(1)
    commit = asyncio.create_task(lease._lease.commit([a_step()]))
    await asyncio.sleep(0.2)
    began = time.monotonic()
    await bench.backend.close(4)
    assert time.monotonic() - began < 5
    commit.cancel()
    with pytest.raises((LeaseLost, Unavailable, asyncio.CancelledError)):
        await commit


@pytest.mark.slow
async def test_a_hanging_transaction_is_named(kafka: Kafka, prefix: str) -> None:
    """None of ours: then the shard is refused, and says which partition it is about."""
    bench = Bench(kafka.bootstrap_servers, prefix)
    await bench.open()
    other = await bench.backend._clients.producer(f"{prefix}-somebody", transaction_timeout_ms=40_000)
    await other.begin_transaction()
    await other.send_and_wait(f"{prefix}.shards", b"x", b"x:", SHARD)
    await bench.lose(KEY)
    await until(lambda: f"{prefix}.shards {SHARD}" in (bench.backend.trouble() or ""), 25)
    await other.abort_transaction()
    await end(other)
    await bench.lease(KEY)
    await until(lambda: bench.backend.trouble() is None)
    await bench.close()


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_a_replica_that_stops_leaves_no_client_open_and_warns_of_nothing(kafka: Kafka, prefix: str) -> None:
    """Its leases were given back before: holders that were just closing their clients were cut off halfway."""
    before = {id(each) for each in _clients()}
    bench = Bench(kafka.bootstrap_servers, prefix)
    with structlog.testing.capture_logs() as logs:
        await bench.open()
        leases = [await bench.holding(shard) for shard in range(SHARDS)]
        ours = [each for each in _clients() if id(each) not in before]
        assert len(ours) > 2 * SHARDS, "what a shard is read and written with, and the replica's own"
        for lease in leases:
            await lease.release()  # as the service does before it closes the backend
        while any(each.lease is not None for each in bench.backend._holders.values()):
            await asyncio.sleep(0)  # the holders hear of it, and begin to close what they opened
        await bench.close()
    assert [each for each in ours if ending._lives(each)] == []
    assert [it for it in logs if it["log_level"] not in ("debug", "info")] == []


def _clients() -> list[AIOKafkaProducer | AIOKafkaConsumer | Transactions]:
    kinds = (AIOKafkaProducer, AIOKafkaConsumer, Transactions)
    return [it for it in gc.get_objects() if isinstance(it, kinds)]
