"""What one transaction costs the replica: as it is written here, and by aiokafka's own producer. CPU, in one run."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from bench.kafka_parts import load, percentile
from notifier.backends.kafka.records import Outgoing, event_record, number_header
from notifier.backends.kafka.writer import Writer
from notifier.config.sections import KafkaSettings
from notifier.model import CloudEvent
from notifier.net.kafka.client import Clients
from notifier.net.kafka.ending import end

SIZES = (1, 10, 40)  # changes in one transaction
SHARDS = 4  # written at the same time
ROUNDS, TURNS = 5, 25  # of each way in turn, and transactions of each shard in one

Records = Sequence[tuple[str, Outgoing]]
Write = Callable[[int, Records], Awaitable[object]]


async def transactions(servers: Sequence[str]) -> str:
    prefix = f"transactions{time.time_ns() // 1_000_000}"
    clients = Clients(KafkaSettings(type="kafka", bootstrap_servers=list(servers), topic_prefix=prefix))
    admin = await clients.admin()
    topics = [f"{prefix}.events", f"{prefix}.shards"]
    await admin.create_topics([NewTopic(topic, SHARDS, 1) for topic in topics])
    await end(admin)
    writers = [await Writer.fence(clients, f"{prefix}-{shard}", shard, 10) for shard in range(SHARDS)]
    producers = [await clients.producer(f"{prefix}-aiokafka-{shard}") for shard in range(SHARDS)]
    try:
        return "\n".join([await _compare(prefix, changes, writers, producers) for changes in SIZES])
    finally:
        await asyncio.gather(*map(end, producers), *(writer.close() for writer in writers))
        await clients.close()


async def _compare(prefix: str, changes: int, writers: Sequence[Writer], producers: Sequence[AIOKafkaProducer]) -> str:
    records = _records(prefix, changes)

    async def by_aiokafka(shard: int, records: Records) -> None:
        producer = producers[shard]
        await producer.begin_transaction()
        sent = [
            await producer.send(topic, value, key, partition=shard, headers=list(headers))
            for topic, (key, value, headers) in records
        ]
        for each in sent:
            await each
        await producer.commit_transaction()

    ways: dict[str, Write] = {"here": lambda shard, those: writers[shard].write(those), "by aiokafka": by_aiokafka}
    cpu = dict.fromkeys(ways, 0.0)
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):  # the first one only warms up
        for name, write in ways.items():
            used, waited = await _turn(write, records)
            if turn:
                cpu[name] += used
                took[name] += waited
    count = ROUNDS * TURNS * SHARDS
    parts = (
        f"{name} {cpu[name] / count * 1e6:.0f} us CPU, median {percentile(sorted(took[name]), 0.5) * 1000:.1f} ms"
        for name in ways
    )
    return f"{changes} change(s) in a transaction: {'; '.join(parts)} · {load()}"


async def _turn(write: Write, records: Records) -> tuple[float, list[float]]:
    """CPU seconds, and how long each transaction took; one after the other in each shard."""

    async def shard(number: int) -> list[float]:
        took = []
        for _ in range(TURNS):
            began = time.perf_counter()
            await write(number, records)
            took.append(time.perf_counter() - began)
        return took

    began = time.process_time()
    found = await asyncio.gather(*map(shard, range(SHARDS)))
    return time.process_time() - began, [each for those in found for each in those]


def _records(prefix: str, changes: int) -> Records:
    """As many orders' events and states as a change of one field brings, and the shard's cursors."""
    noise = random.Random(1)
    number = number_header(1)
    events, states = [], []
    for change in range(changes):
        key = f"trips/{change:032x}"
        event = CloudEvent(
            attributes={
                "specversion": "1.0",
                "id": f"{noise.getrandbits(128):032x}",
                "source": "/sources/trips",
                "type": "notifier.order.cost_changed.v1",
                "subject": key,
                "time": "2026-11-21T11:00:01.003Z",
                "sequence": f"{change:020d}",
                "datacontenttype": "application/json",
                "dataschema": "/schemas/notifier.order.cost_changed.v1.json",
            },
            data=b'{"id": "' + noise.randbytes(200).hex().encode() + b'"}' + b" " * 400,
        )
        events.append((f"{prefix}.events", event_record(event)))
        state = noise.randbytes(350) + bytes(200)
        states.append((f"{prefix}.shards", Outgoing(f"o:{key}".encode(), state, number)))
    return [*events, *states, (f"{prefix}.shards", Outgoing(b"c:", bytes(20), number))]
