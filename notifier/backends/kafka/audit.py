"""`notifier verify` on Kafka: reads every event and every order's stored state, while replicas may be at work.

Events up to a mark, then the states, then the events that came meanwhile: so a state is never taken for lost events
that were written while the audit read, nor events for a fork.
"""

from collections.abc import AsyncIterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from notifier import codec
from notifier.backends.audit import Audit
from notifier.backends.kafka.records import Record, number_of, split_key
from notifier.errors import Refused
from notifier.net.kafka.client import Clients
from notifier.net.kafka.deadline import within
from notifier.net.kafka.ending import end

CALL = 30.0  # seconds for one call
POLL = 0.5

Positions = Mapping[TopicPartition, int]


async def audit(clients: Clients, events: str, shards: str) -> Audit:
    """`events` and `shards` are topics. Refused where they are not there, Unavailable where they cannot be read."""
    of_events, of_shards = await _partitions(clients, events, shards)
    if len(of_events) != len(of_shards):
        raise Refused(f"{events} has {len(of_events)} partitions, {shards} {len(of_shards)}: they must be equal")
    consumer = await clients.consumer()
    try:
        found = Audit(events, len(of_events))
        consumer.assign([*of_events, *of_shards])
        for partition, begin in (await _offsets(consumer, of_events, first=True)).items():
            if begin > 0:
                found.cut(partition.partition)
        places = await _read_events(consumer, found, of_events, {})
        found.mark()
        states = await _states(consumer, found, of_shards)
        await _read_events(consumer, found, of_events, places)
        for record in states.values():
            if record.value is not None:
                _state(found, record)
        found.finish()
        return found
    finally:
        await end(consumer, CALL)


def _state(found: Audit, record: Record) -> None:
    state = codec.unpack_state(record.value or b"")
    place = f"{record.topic}[{record.partition}]@{record.offset}"
    found.state(record.partition, split_key(record.key or b"")[1], state.life, state.sequence, place)


async def _partitions(clients: Clients, *topics: str) -> list[list[TopicPartition]]:
    admin = await clients.admin()
    try:
        async with within(CALL, "looking for the topics"):
            described = {each["topic"]: each["partitions"] for each in await admin.describe_topics()}
    finally:
        await end(admin)
    for topic in topics:
        if topic not in described:
            raise Refused(f"there is no topic {topic}: is topic_prefix right, and did the service ever run?")
    return [[TopicPartition(topic, number) for number in range(len(described[topic]))] for topic in topics]


async def _offsets(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], first: bool) -> Positions:
    async with within(CALL, "asking for offsets"):
        offsets: Positions = await (consumer.beginning_offsets if first else consumer.end_offsets)(partitions)
    return offsets


async def _read_events(
    consumer: AIOKafkaConsumer, found: Audit, partitions: Sequence[TopicPartition], places: Positions
) -> Positions:
    """From `places`, or the beginning, to what is the end now; the places reached."""
    async for record in _read(consumer, partitions, places):
        types = [value for name, value in record.headers if name == "ce_type"]
        found.event(
            record.partition,
            record.offset,
            record.key.decode(errors="replace") if record.key else None,
            types[-1].decode(errors="replace") if types else "",
            record.value or b"",
        )
    return {partition: await consumer.position(partition) for partition in partitions}


async def _states(
    consumer: AIOKafkaConsumer, found: Audit, partitions: Sequence[TopicPartition]
) -> Mapping[bytes, Record]:
    """The newest record of each order. The commits of a shard rise: one that does not is of a second owner."""
    newest: dict[bytes, Record] = {}
    numbers: dict[int, int] = {}
    async for record in _read(consumer, partitions, {}):
        number, last = number_of(record), numbers.get(record.partition, 0)
        if number < last:
            found.forked_shard(f"{record.topic}[{record.partition}]@{record.offset}", f"commit {number} after {last}")
        numbers[record.partition] = max(number, last)
        if record.key is not None and split_key(record.key)[0] == "o":
            newest[record.key] = record
    return newest


async def _read(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], places: Positions
) -> AsyncIterator[Record]:
    """Committed records of these partitions, each partition's in its order."""
    ends = await _offsets(consumer, partitions, first=False)
    begins = places or await _offsets(consumer, partitions, first=True)
    consumer.pause(*consumer.assignment())
    for partition in partitions:
        consumer.seek(partition, begins[partition])
    consumer.resume(*partitions)
    while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
        async with within(CALL, "reading"):
            batches = await consumer.getmany(*partitions, timeout_ms=int(POLL * 1000))
        for batch in batches.values():
            for record in batch:
                yield record
