"""Topics as an hour's changes leave them: orders with ten finished deliveries each.

They are written directly, in the records' own formats, as a replica would have: each order's watch and state, and of
the last hour three changes, each with its event and its delivery, open and then finished.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from bench.kafka_parts import SHARDS, Setting, producer
from bench.server import BODY
from notifier import codec
from notifier.backends.kafka.finished import finished_record
from notifier.backends.kafka.inputs import watch_record
from notifier.backends.kafka.prepare import prepare
from notifier.backends.kafka.records import (
    CURSORS_KEY,
    Cursors,
    Kept,
    Outgoing,
    delivery_key,
    event_record,
    number_header,
    pack_cursors,
    pack_delivery,
    pack_kept,
    state_key,
    watch_key,
)
from notifier.backends.kafka.topics import Topics
from notifier.backends.partition import shard_of
from notifier.clock import SystemClock
from notifier.config.load import load as load_config
from notifier.config.sections import KafkaSettings
from notifier.envelope import seal
from notifier.model import Attempt, Delivery, Look, Watch
from notifier.net.kafka.client import Clients
from notifier.sources import REGISTRY
from notifier.sources.base import Source
from notifier.sources.lifecycles import TAXI
from notifier.tracking import advance, begin
from notifier.tracking.lifecycle import Tracking

DELIVERIES = 10
CHANGES = 3  # of each order, within the last hour

Written = dict[str, list[Outgoing]]
Records = Callable[[int, int, Topics, Source, int], Iterable[tuple[str, Outgoing]]]


class Writer:
    """Records of one shard after the other, in batches built here: one by one they would take minutes."""

    def __init__(self, client: AIOKafkaProducer, topics: Topics) -> None:
        self._client = client
        self.topics = topics
        self.ends: dict[tuple[str, int], int] = {}

    async def write(self, shard: int, written: Mapping[str, Sequence[Outgoing]]) -> None:
        for topic, records in written.items():
            rest = iter(records)
            record = next(rest, None)
            while record is not None:
                batch = self._client.create_batch()
                while record is not None and batch.append(
                    key=record.key, value=record.value, timestamp=None, headers=list(record.headers)
                ):
                    record = next(rest, None)
                batch.close()
                await self._client.send_batch(batch, topic, partition=shard)
            self.ends[topic, shard] = self.ends.get((topic, shard), 0) + len(records)


def records_of(number: int, offset: int, topics: Topics, adapter: Source, now: int) -> Iterator[tuple[str, Outgoing]]:
    """What is in the topics of one order; `offset` is that of its watch."""
    order = f"{number:032x}"
    key = f"trips/{order}"
    watch = Watch(key=key, source="trips", ids={"order_id": order}, created_at=now, updated_at=now)
    look = Look(
        began=now,
        ended=now + 5,
        snapshot=adapter.read(BODY % (order.encode(), 500, 600)),
        digest=bytes(16),
        attended=now,
    )
    step = advance(begin(key, now), look, TAXI, Tracking())
    state = codec.pack_state(step.state)
    event = seal(step.events[0], watch, False)
    sent = Delivery(
        id="", key=key, event=event, rule="all", sink="hook", endpoint="https://example.org/hook", created_at=now
    )
    done = replace(
        sent, state="delivered", finished_at=now, attempts=(Attempt(at=now, outcome="delivered", status="204"),)
    )
    finished = pack_delivery(done)
    pending = pack_delivery(sent)
    n = number_header(1)
    yield topics.watches, watch_record(watch, now)
    yield topics.shards, Outgoing(watch_key(key), pack_kept(Kept(offset=offset, watch=codec.pack_watch(watch))), n)
    yield topics.shards, Outgoing(state_key(key), state, n)
    for each in range(DELIVERIES):
        id = f"{order}-{each}"
        attributes = {**event.attributes, "sequence": f"{each + 1:020}"}
        data = event.data.replace(b'"sequence":1,', b'"sequence":%d,' % (each + 1), 1)
        yield topics.events, event_record(replace(event, attributes=attributes, data=data))
        if each >= DELIVERIES - CHANGES:
            yield topics.shards, Outgoing(state_key(key), state, n)
            yield topics.shards, Outgoing(delivery_key(id), pending, n)
            yield topics.shards, Outgoing(delivery_key(id), None, n)
        yield topics.deliveries, finished_record(replace(done, id=id), finished, n)


async def fill(folder: Path, setting: Setting, orders: int, records: Records = records_of) -> int:
    """Makes the topics of that setting, and writes so many records into them; `records` are those of one order."""
    file = folder / "fill.yaml"
    file.write_text(setting.yaml(0))
    config = load_config(file)
    assert isinstance(config.backend, KafkaSettings)
    topics = Topics(setting.prefix)
    await prepare(Clients(config.backend, SystemClock()), topics, SHARDS, 1, config.retention)
    adapter = REGISTRY["business_v2"].build(config.sources["trips"])
    async with producer(setting.servers) as client:
        return await _fill(client, topics, adapter, orders, records)


async def _fill(client: AIOKafkaProducer, topics: Topics, adapter: Source, orders: int, records: Records) -> int:
    now = SystemClock().now()
    shards: list[list[int]] = [[] for _ in range(SHARDS)]
    for number in range(orders):
        shards[shard_of(f"trips/{number:032x}", SHARDS)].append(number)
    writer = Writer(client, topics)
    for shard, numbers in enumerate(shards):
        for first in range(0, len(numbers), 1_000):
            written: Written = {}
            for place, number in enumerate(numbers[first : first + 1_000], first):
                for topic, record in records(number, place, topics, adapter, now):
                    written.setdefault(topic, []).append(record)
            await writer.write(shard, written)
        cursors = Outgoing(CURSORS_KEY, pack_cursors(Cursors(n=1, watches=len(numbers))), number_header(1))
        await writer.write(shard, {topics.shards: [cursors]})
    await client.flush()
    return sum(writer.ends.values())
