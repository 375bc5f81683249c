"""An endpoint answers 410 while 100,000 deliveries wait for it: until all are given up, and who waits meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web
from msgspec.structs import replace

from bench.kafka_fill import Records, fill, records_of
from bench.kafka_parts import Setting, load, percentile, replicas, upstream
from notifier import codec
from notifier.backends.kafka.records import Outgoing, delivery_key, pack_delivery
from notifier.backends.kafka.topics import Topics
from notifier.errors import Reason
from notifier.sources.base import Source

HOUR = 3_600_000
PER_ORDER = (1, 100)  # deliveries of an order that wait: many lanes, or long ones
FEW = 20  # new ones come and go at once
MOST = 600.0  # seconds


def waiting(each: int) -> Records:
    """Orders of each of which so many deliveries wait for their next attempt."""

    def records(number: int, offset: int, topics: Topics, adapter: Source, now: int) -> Iterator[tuple[str, Outgoing]]:
        kept, opened = {}, []
        for topic, record in records_of(number, offset, topics, adapter, now):
            if topic == topics.shards and record.key.startswith(b"d:"):
                opened += [record] if record.value else []
            elif topic in (topics.watches, topics.shards):
                kept[topic, record.key] = record
        yield from ((topic, record) for (topic, _), record in kept.items())
        sample = codec.unpack_delivery(opened[0].value or b"")
        for place in range(each):
            id, attributes = f"{number}-{place}", {**sample.event.attributes, "sequence": f"{place + 1:020}"}
            event = replace(sample.event, attributes=attributes)
            waits = replace(sample, id=id, event=event, due=now + HOUR, held=Reason.RETRYING, tries=1)
            yield topics.shards, Outgoing(delivery_key(id), pack_delivery(waits), opened[0].headers)

    return records


@contextlib.asynccontextmanager
async def receiver() -> AsyncIterator[int]:
    """Its port; it is gone."""
    app = web.Application()
    app.router.add_post("/", _gone)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _gone(_request: web.Request) -> web.Response:
    return web.Response(status=410)


async def gone(folder: Path, servers: Sequence[str], deliveries: int, each: int) -> str:
    """`each`: how many of one order wait."""
    orders = deliveries // each
    prefix = f"gone{time.time_ns() // 1_000_000}"
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(receiver())
        port, _ = stack.enter_context(upstream("same"))
        setting = Setting(servers, prefix, port, "24h", hook=hook)  # their looks are not to be in the way
        await fill(folder, setting, orders, waiting(each))
        async with replicas(folder, setting) as (replica,):
            async with asyncio.timeout(MOST):
                while await replica.figure("notifier_deliveries_pending") < orders * each:
                    await asyncio.sleep(0.2)
                while (await replica.get(f"/v1/orders/trips/{0:032x}")).get("as_of", "1970") < replica.started:
                    await asyncio.sleep(0.5)  # who reads the topics at the start is not to be in the way
                spent = replica.cpu
                begun = time.perf_counter()
                await replica.put("last")
                answers, put_off = [], 0
                while await replica.figure("notifier_deliveries_pending") > FEW:
                    asked = time.perf_counter()
                    await replica.get("/v1/orders?limit=1")
                    answers.append(time.perf_counter() - asked)
                    put_off += "key" not in await replica.get("/v1/orders/trips/last")
                    await asyncio.sleep(0.1)
                took, spent = time.perf_counter() - begun, replica.cpu - spent
                commits = await replica.figure("notifier_commit_seconds_count")
            [dead] = (await replica.get("/v1/deliveries?state=dead&limit=1"))["items"]
            if dead["reason"] != Reason.ENDPOINT_DISABLED:
                raise RuntimeError(f"given up because of {dead['reason']}")
    return (
        f"410 for {orders * each} deliveries of {orders} orders: all given up after {took:.1f} s ({spent:.1f} s of CPU,"
        f" {commits:.0f} commits) · lists meanwhile: median {percentile(sorted(answers), 0.5) * 1000:.0f}, slowest"
        f" {max(answers, default=0) * 1000:.0f} ms; of {len(answers)} questions about one order {put_off} were put off"
        f" · {load()}"
    )
