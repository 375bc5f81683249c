"""The stream of events: each once, in order for each order, from any replica on with the cursor of any other."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence

import pytest
from aiokafka.admin import RecordsToDelete

from notifier.backends.base import Change, CursorGone
from notifier.backends.kafka.follow import read_cursor, write_cursor
from notifier.backends.partition import shard_of
from notifier.model import CloudEvent
from tests.backends.kafka.replicas import SHARDS, Owner, Replica, replica
from tests.contracts.backend import taken
from tests.contracts.records import KEYS, T, a_watch, an_event
from tests.kafka.plugin import Kafka

KEY = KEYS[0]


async def happen(owner: Owner, count: int, first: int = 1) -> list[CloudEvent]:
    """So many events of each order, in transactions side by side."""
    events = [an_event(key, sequence) for sequence in range(first, first + count) for key in KEYS]
    shards = defaultdict(list)
    for event in events:
        shards[shard_of(event.key, SHARDS)].append(event)

    async def of_shard(mine: Sequence[CloudEvent]) -> None:
        for start in range(0, len(mine), 3):
            await owner.commit([Change(key=event.key, events=(event,)) for event in mine[start : start + 3]])

    await asyncio.gather(*map(of_shard, shards.values()))
    return events


def by_order(events: Sequence[CloudEvent]) -> dict[str, list[int]]:
    found = defaultdict(list)
    for event in events:
        found[event.key].append(event.sequence)
    return dict(found)


async def caught_up(it: Replica) -> None:
    await asyncio.gather(*map(it.view.reached, KEYS))


async def test_a_cursor_goes_on_at_every_replica(kafka: Kafka, prefix: str, owner: Owner) -> None:
    servers = kafka.bootstrap_servers
    async with replica(servers, prefix) as warm:
        await caught_up(warm)
        events = await happen(owner, 30)
        async with replica(servers, prefix) as fresh:  # reads partition by partition what the other saw come
            await caught_up(warm)
            await caught_up(fresh)
            chance = random.Random(5)
            for start, goes_on in ((warm, fresh), (fresh, warm), (fresh, fresh)):
                whole = await taken(start.view.follow(None, since=0), len(events))
                assert by_order([event for _, event in whole]) == {key: list(range(1, 31)) for key in KEYS}
                for place in chance.sample(range(len(events)), 8):
                    cursor = whole[place][0]
                    rest = await taken(goes_on.view.follow(cursor), len(events) - place - 1)
                    seen = [event for _, event in whole[: place + 1]] + [event for _, event in rest]
                    assert by_order(seen) == {key: list(range(1, 31)) for key in KEYS}, "each once, in order"


async def test_a_follower_sees_what_comes_whichever_replica_writes(kafka: Kafka, prefix: str, owner: Owner) -> None:
    async with replica(kafka.bootstrap_servers, prefix) as it:
        await caught_up(it)
        stream = it.view.follow(None)
        following = asyncio.create_task(taken(stream, len(KEYS) * 20))
        await happen(owner, 20)
        assert by_order([event for _, event in await following]) == {key: list(range(1, 21)) for key in KEYS}


async def test_a_replica_that_still_reads_tells_no_history_as_news(kafka: Kafka, prefix: str, owner: Owner) -> None:
    old = await happen(owner, 20)
    async with replica(kafka.bootstrap_servers, prefix) as it:
        live, since = it.view.follow(None), it.view.follow(None, since=T + 11)
        first = asyncio.create_task(taken(live, 1))
        await asyncio.sleep(0.2)
        await caught_up(it)
        [new] = [an_event(KEY, 21)]
        await owner.commit([Change(key=KEY, events=(new,))])
        assert [event for _, event in await first] == [new]
        wanted = len([event for event in old if event.sequence >= 11]) + 1
        assert by_order([event for _, event in await taken(since, wanted)])[KEY] == list(range(11, 22))


async def test_a_cursor_ahead_of_the_replica_waits_for_it(kafka: Kafka, prefix: str, owner: Owner) -> None:
    await happen(owner, 5)
    async with replica(kafka.bootstrap_servers, prefix) as one:
        await caught_up(one)
        cursor = (await taken(one.view.follow(None, since=0), 5 * len(KEYS)))[-1][0]
        async with replica(kafka.bootstrap_servers, prefix) as other:
            following = asyncio.create_task(taken(other.view.follow(cursor), len(KEYS)))
            await happen(owner, 1, first=6)
            assert {event.sequence for _, event in await following} == {6}


async def test_events_that_kafka_has_deleted_are_gone_everywhere(kafka: Kafka, prefix: str, owner: Owner) -> None:
    await happen(owner, 10)
    async with replica(kafka.bootstrap_servers, prefix) as warm:
        await caught_up(warm)
        seen = await taken(warm.view.follow(None, since=0), 10 * len(KEYS))
        [early, late] = [seen[0][0], seen[-1][0]]
        slow = warm.view.follow(early)
        await anext(slow)
        admin = await owner.clients.admin()
        partitions = warm.tail.partitions(warm.topics.events)
        ends = await warm.tail.ends.ends.of(partitions)
        await admin.delete_records({each: RecordsToDelete(before_offset=ends[each]) for each in partitions})
        await admin.close()
        await warm.tail._reader._lookout.prune()
        async with replica(kafka.bootstrap_servers, prefix) as fresh:
            await caught_up(fresh)
            for it in (warm, fresh):
                with pytest.raises(CursorGone):
                    await taken(it.view.follow(early), 1)
        with pytest.raises(CursorGone):
            await taken(slow, 10 * len(KEYS))
        following = asyncio.create_task(taken(warm.view.follow(late), 1))
        assert (await warm.tail.ends.begins.of(partitions)) == ends, "behind the cursor's last event, and its mark"
        await owner.commit([Change(key=KEY, events=(an_event(KEY, 11),))])
        assert [event.sequence for _, event in await following] == [11]


async def test_a_cursor_of_other_topics_is_gone(kafka: Kafka, prefix: str, owner: Owner) -> None:
    await owner.keep(a_watch(), 0)
    async with replica(kafka.bootstrap_servers, prefix) as it:
        for place in ([0, 0, 9], [0] * (SHARDS + 1), [0] * (SHARDS - 1)):
            with pytest.raises(CursorGone):
                await taken(it.view.follow(write_cursor(place)), 1)


def test_a_cursor_is_short_and_read_strictly() -> None:
    place = [123_456_789] * 12
    assert len(write_cursor(place)) < 100
    assert read_cursor(write_cursor(place), 12) == place
    for text in ("", "k", "=", write_cursor([1, 2]), write_cursor([-1, 0, 0]), "kwECAw==", "k wECAw", "oWEB"):
        with pytest.raises(CursorGone):
            read_cursor(text, 3 if text != "kwECAw==" else 2)
