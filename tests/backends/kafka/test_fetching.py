"""Whole partitions: what is decoded of an answer, and what a real broker answers."""

import pytest
from aiokafka import TopicPartition

from notifier.backends.kafka.fetching import SLICE, Fetcher, decode
from notifier.backends.kafka.records import Outgoing, state_key
from notifier.errors import Unavailable
from tests.backends.kafka.logs import answer, batch, log_of
from tests.backends.kafka.replicas import Owner
from tests.contracts.records import KEYS
from tests.kafka.plugin import Kafka

PLACE = TopicPartition("t", 0)


def some(count: int, what: str = "r") -> list[Outgoing]:
    return [Outgoing(f"{what}{number}".encode(), b"v", (("n", b"1"),)) for number in range(count)]


def test_records_come_in_slices_with_all_that_is_theirs() -> None:
    slices = list(decode(log_of(PLACE, some(SLICE + 20), SLICE + 20)))
    assert list(map(len, slices)) == [SLICE, 20]
    [first] = slices[0][:1]
    assert (first.offset, first.key, first.value, list(first.headers)) == (0, b"r0", b"v", [("n", b"1")])
    assert [record.offset for records in slices for record in records] == list(range(SLICE + 20))


def test_a_batch_comes_whole_and_what_was_not_asked_for_is_left_out() -> None:
    data = batch(10, some(5))
    assert [record.offset for records in decode(answer(PLACE, data, 12, 15)) for record in records] == [12, 13, 14]
    assert list(decode(answer(PLACE, data, 15, 16))) == []


def test_a_batch_that_is_cut_off_at_the_end_is_not_read() -> None:
    data = batch(0, some(5)) + batch(5, some(5))[:-3]
    assert [record.offset for records in decode(answer(PLACE, data, 0, 5)) for record in records] == list(range(5))


def test_what_came_damaged_is_not_taken_for_anything() -> None:
    data = bytearray(batch(0, some(5)))
    data[-2] ^= 1
    with pytest.raises(Unavailable, match="damaged"):
        list(decode(answer(PLACE, bytes(data), 0, 5)))


async def test_a_broker_s_transactions(kafka: Kafka, prefix: str, owner: Owner) -> None:
    """Of two producers, aborted and committed in turn, and one that is open: what is committed, and where that ends."""
    topic = owner.topics.shards
    shard, other = 0, TopicPartition(topic, 0)
    committed = []
    for number in range(30):
        producer = await owner.producer(shard)
        await producer.begin_transaction()
        key = state_key(f"{number}")
        await owner.send(producer, shard, (topic, Outgoing(key, bytes(2_000))), (topic, Outgoing(key, b"last")))
        if number % 3:
            await producer.commit_transaction()
            committed += [(key, bytes(2_000)), (key, b"last")]
        else:
            await producer.abort_transaction()
    consumer = await owner.clients.consumer()
    end = (await consumer.end_offsets([other]))[other]
    await consumer.stop()
    async with Fetcher.of(owner.clients, [topic]) as fetcher:
        for begin in (0, 1, 4, end - 1, end):
            found = []
            async for each in fetcher.read(other, begin, end):
                found += [(record.offset, record.key, record.value) for records in decode(each) for record in records]
                last = each.end
            if begin < end:
                assert last == end, "the marks of transactions are passed over"
            assert [offset for offset, *_ in found] == sorted(offset for offset, *_ in found)
            assert all(offset >= begin for offset, *_ in found)
            if begin == 0:
                assert [(key, value) for _, key, value in found] == committed


async def test_a_long_partition_is_read_in_many_answers(
    kafka: Kafka, prefix: str, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifier.backends.kafka.fetching.MOST_BYTES", 1_000)
    topic = owner.topics.shards
    producer = await owner.producer(0)
    for number in range(40):
        async with producer.transaction():
            await owner.send(producer, 0, (topic, Outgoing(state_key(KEYS[0]), number.to_bytes(500, "big"))))
    place = TopicPartition(topic, 0)
    async with Fetcher.of(owner.clients, [topic]) as fetcher:
        answers = [each async for each in fetcher.read(place, 0, 80)]
    assert len(answers) > 5
    assert [each.begin for each in answers[1:]] == [each.end for each in answers[:-1]], "each where the other ended"
    values = [record.value for each in answers for records in decode(each) for record in records]
    assert values == [number.to_bytes(500, "big") for number in range(40)]


async def test_who_reads_what_is_no_longer_kept_is_told(kafka: Kafka, prefix: str, owner: Owner) -> None:
    place = TopicPartition(owner.topics.shards, 0)
    async with Fetcher.of(owner.clients, [place.topic]) as fetcher:
        with pytest.raises(Unavailable, match="OffsetOutOfRange"):
            async for _ in fetcher.read(place, 1_000, 2_000):
                pass
