"""The example consumers of docs/examples on a real broker: killed and started again they miss and repeat nothing."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec.structs import replace

from notifier.backends.kafka.records import event_record
from notifier.backends.partition import shard_of
from notifier.envelope import seal
from notifier.model import CloudEvent, EventType, Phase
from tests.kafka.plugin import Kafka
from tests.test_envelope import WATCH, an_event

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
PARTITIONS = 3
ORDERS = 40


def ride(key: str) -> list[CloudEvent]:
    """The events of one order: followed, and arrived."""
    watch = replace(WATCH, key=key)
    tracked = an_event(
        EventType.TRACKED, key=key, sequence=1, before=None, after={"status": "driving", "phase": "assigned"}
    )
    status = an_event(
        EventType.STATUS_CHANGED, key=key, sequence=2, before={"status": "driving"}, after={"status": "waiting"}
    )
    phase = an_event(
        EventType.PHASE_CHANGED, key=key, sequence=3, before={"phase": "assigned"}, after={"phase": "arrived"}
    )
    return [
        seal(replace(event, phase=Phase.ARRIVED, inferred=False, late=False), watch, personal_data=False)
        for event in (tracked, status, phase)
    ]


class Topic:
    """Written as the service does: in transactions, into each order's partition."""

    def __init__(self, kafka: Kafka, name: str, producer: AIOKafkaProducer) -> None:
        self.servers = ",".join(kafka.bootstrap_servers)
        self.name = name
        self._producer = producer

    async def write(self, events: Sequence[CloudEvent], commit: bool = True) -> None:
        await self._producer.begin_transaction()
        for event in events:
            record = event_record(event)
            await self._producer.send_and_wait(
                self.name,
                record.value,
                record.key,
                partition=shard_of(event.key, PARTITIONS),
                headers=list(record.headers),
            )
        await (self._producer.commit_transaction() if commit else self._producer.abort_transaction())


@pytest.fixture
async def topic(kafka: Kafka, prefix: str) -> AsyncIterator[Topic]:
    servers = ",".join(kafka.bootstrap_servers)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(f"{prefix}.events", PARTITIONS, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id=prefix)
    await producer.start()
    yield Topic(kafka, f"{prefix}.events", producer)
    await producer.stop()


@asynccontextmanager
async def example(name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / name), *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def follow(topic: Topic, ledger: Path, idle: str) -> tuple[int, dict[str, Any]]:
    arguments = ("--servers", topic.servers, "--topic", topic.name, "--group", topic.name, "--ledger", str(ledger))
    async with example("follow_events.py", *arguments, "--idle", idle) as process:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return process.returncode, json.loads(out)


async def test_following_proves_what_was_read(topic: Topic, tmp_path: Path) -> None:
    ledger = tmp_path / "orders.db"
    rides = [ride(f"trips/{number}") for number in range(ORDERS)]
    await topic.write([events[0] for events in rides])
    await topic.write([events[2] for events in rides], commit=False)  # never happened
    assert await follow(topic, ledger, "2") == (0, {"events": ORDERS, "missing": 0, "repeated": 0, "orders": ORDERS})
    await topic.write([event for events in rides for event in events[1:]])
    arguments = ("--servers", topic.servers, "--topic", topic.name, "--group", topic.name, "--ledger", str(ledger))
    async with example("follow_events.py", *arguments) as process:
        process.kill()  # at whatever moment this is
        await process.wait()
    code, proof = await follow(topic, ledger, "4")
    assert code == 0
    assert proof["missing"] == proof["repeated"] == 0
    assert proof["events"] <= 2 * ORDERS


async def test_following_notices_a_gap_and_a_repeat(topic: Topic, tmp_path: Path) -> None:
    tracked, status, phase = ride("trips/885e")
    await topic.write([tracked, phase, status])
    code, proof = await follow(topic, tmp_path / "orders.db", "2")
    assert code == 1
    assert (proof["missing"], proof["repeated"]) == (1, 1)


async def test_an_arrival_is_sent_on_once_and_again_only_by_its_key(topic: Topic) -> None:
    taken: dict[str, str] = {}
    refusals = [503, 429]

    async def take(request: web.Request) -> web.Response:
        if refusals:
            return web.Response(status=refusals.pop())
        taken.setdefault(request.headers["Idempotency-Key"], (await request.json())["order"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/arrived", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    rides = [ride(f"trips/{number}") for number in range(5)]
    await topic.write([event for events in rides for event in events])
    arguments = ("--servers", topic.servers, "--topic", topic.name, "--group", f"{topic.name}.a")
    try:
        async with example("driver_arrived.py", *arguments, "--url", f"http://127.0.0.1:{port}/arrived") as process:
            assert process.stdout is not None
            for _ in rides:
                line = await asyncio.wait_for(process.stdout.readline(), 30)
                assert line.startswith(b"sent on: trips/")
            process.send_signal(signal.SIGTERM)
            out, _ = await asyncio.wait_for(process.communicate(), 30)
            assert out.endswith(b"stopped\n")
    finally:
        await runner.cleanup()
    assert sorted(taken.values()) == sorted(events[0].key for events in rides)
    assert set(taken) == {events[2].id for events in rides}
