"""Any replica answers for all orders: what was written anywhere a moment before, and pages that go on elsewhere."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from notifier import codec
from notifier.backends.base import Change, DeliveryQuery, EventQuery, OrderQuery, Stored, WatchQuery
from notifier.backends.kafka.tail import PATIENCE
from notifier.backends.partition import shard_of
from notifier.errors import Unavailable
from notifier.model import CloudEvent, Command
from tests.backends.kafka.replicas import SHARDS, Owner, Replica, replica, until
from tests.contracts.records import KEYS, T, a_delivery, a_put, a_state, a_step, a_watch, an_event
from tests.kafka.plugin import Kafka

KEY = KEYS[0]


async def first_of(stream: AsyncIterator[tuple[str, CloudEvent]]) -> tuple[str, CloudEvent]:
    return await anext(stream)


async def test_what_was_put_here_is_there_at_once(two: tuple[Replica, Replica]) -> None:
    one, other = two
    for at, key in enumerate(KEYS):
        assert await one.inbox.submit(a_put(key, at=T + at)) is True
        [watch] = (await other.view.find(WatchQuery(key=key))).items
        assert watch == a_watch(key, at=T + at)
        assert await other.inbox.submit(Command(kind="remove", key=key, at=T + 50)) is True
        [order] = (await one.view.find(OrderQuery(key=key))).items
        assert order.removed


async def test_what_a_lease_asks_for(two: tuple[Replica, Replica], owner: Owner) -> None:
    one, other = two
    assert await other.view.load(KEY) is None
    await one.inbox.submit(a_put())
    await owner.commit([a_step(), Change(key=KEY, deliveries=(a_delivery(sequence=2, state="dead"),))])
    stored = Stored(KEY, codec.pack_watch(a_watch()), codec.pack_state(a_state()))
    assert await other.view.load(KEY) == stored
    assert await other.view.delivery(KEY, f"{KEY}-2") == a_delivery(sequence=2, state="dead")
    assert await other.view.delivery(KEYS[1], f"{KEY}-2") is None, "of another order"
    assert await other.view.delivery(KEY, "nothing") is None
    assert set(await other.view.ids_of(KEY)) == {f"{KEY}-1", f"{KEY}-2"}
    assert await other.view.ids_of(KEYS[1]) == ()


async def test_a_delivery_is_found_by_its_id_alone(two: tuple[Replica, Replica], owner: Owner) -> None:
    _, other = two
    for sequence in range(1, 20):
        delivery = a_delivery(sequence=sequence)
        await owner.commit([Change(key=KEY, deliveries=(delivery,))])
        assert (await other.view.find(DeliveryQuery(id=delivery.id))).items == (delivery,)
    dead = a_delivery(sequence=19, state="dead", due=None)
    await owner.commit([Change(key=KEY, deliveries=(dead,))])
    assert (await other.view.find(DeliveryQuery(id=dead.id))).items == (dead,)
    assert (await other.view.find(DeliveryQuery(id="nothing"))).items == ()


async def test_pages_go_on_at_a_replica_that_read_everything_in_another_order(
    kafka: Kafka, prefix: str, owner: Owner
) -> None:
    async with replica(kafka.bootstrap_servers, prefix) as one:
        for number, key in enumerate(KEYS):
            await owner.keep(a_watch(key), number)
            # Of one moment all of them: what sorts them must not be the order in which they were read.
            deliveries = tuple(a_delivery(key, sequence, created_at=T, state="dead") for sequence in (1, 2, 3))
            await owner.commit([Change(key=key, events=(an_event(key),), deliveries=deliveries)])
            await one.view.reached(key)
        async with replica(kafka.bootstrap_servers, prefix) as other:
            for key in KEYS:
                await other.view.reached(key)
            for query in (DeliveryQuery(limit=5), DeliveryQuery(limit=5, state="dead"), OrderQuery(limit=5)):
                pages: list[object] = []
                cursor, here = None, True
                while True:
                    at = one if here else other
                    page = await at.view.find(type(query)(limit=5, cursor=cursor))
                    pages += page.items
                    cursor, here = page.next, not here
                    if cursor is None:
                        break
                whole = await other.view.find(type(query)(limit=100))
                assert tuple(pages) == whole.items
            sequences = [each.event.sequence for each in (await other.view.find(DeliveryQuery(key=KEY))).items]
            assert sequences == [3, 2, 1], "the newest first"


async def test_while_it_still_reads_it_answers_about_orders_and_open_deliveries(
    kafka: Kafka, prefix: str, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is finished and what happened is read last, and may be millions: half of it would be told as all of it."""
    await owner.keep(a_watch(), 0)
    done = a_delivery(sequence=2, state="delivered", due=None, finished_at=T)
    await owner.commit([a_step(), Change(key=KEY, deliveries=(done,))])
    it = Replica(kafka.bootstrap_servers, prefix)
    loading = it.tail._reader._loading
    load, go = loading.history, asyncio.Event()

    async def held_back(*asked: Any) -> None:
        await go.wait()
        await load(*asked)

    monkeypatch.setattr(loading, "history", held_back)
    await it.open()
    following = asyncio.create_task(first_of(it.view.follow(None, since=T)))
    try:
        [order] = (await it.view.find(OrderQuery(key=KEY))).items
        assert order.state == a_state()
        assert (await it.view.find(DeliveryQuery(state="pending"))).items == (a_delivery(),)
        began = time.monotonic()
        for query in (DeliveryQuery(key=KEY), DeliveryQuery(), DeliveryQuery(state="dead"), EventQuery(key=KEY)):
            with pytest.raises(Unavailable):
                await it.view.find(query)
        with pytest.raises(Unavailable):
            await it.view.count_sent(None, T)
        assert time.monotonic() - began < 5 * PATIENCE + 1
        assert await it.inbox.submit(a_put(KEYS[1])) is True
        await owner.commit([Change(key=KEY, deliveries=(a_delivery(sequence=3),))])
        await owner.commit(
            [Change(key=KEY, deliveries=(a_delivery(state="dead", due=None),), events=(an_event(KEY, 2),))]
        )
        assert it.view.as_of() > 0, "as far as orders go"
        go.set()
        await until(lambda: it.tail._reader.whole)
        states = {each.id: each.state for each in (await it.view.find(DeliveryQuery(key=KEY))).items}
        assert states == {f"{KEY}-1": "dead", f"{KEY}-2": "delivered", f"{KEY}-3": "pending"}
        assert [event.sequence for event in (await it.view.find(EventQuery(key=KEY))).items] == [1, 2]
        assert (await following)[1] == an_event()
    finally:
        following.cancel()
        await it.close()


async def test_many_who_ask_at_once_ask_the_brokers_once(two: tuple[Replica, Replica]) -> None:
    one, _ = two
    asked = 0
    question = one.tail.ends.ends
    ask = question._ask

    async def counted(partitions: object) -> object:
        nonlocal asked
        asked += 1
        return await ask(partitions)  # type: ignore[arg-type]

    question._ask = counted  # type: ignore[assignment]
    await asyncio.gather(*(one.view.reached(f"trips/{number}") for number in range(300)))
    assert asked <= 3
    assert {shard_of(f"trips/{number}", SHARDS) for number in range(300)} == set(range(SHARDS))
