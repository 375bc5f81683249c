"""From the order API's answer to the event that a read_committed consumer gets; and how many changes a second go."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.kafka_parts import (
    SHARDS,
    Setting,
    cores_line,
    cpu_line,
    cpu_of,
    cpu_of_loop,
    follow,
    load,
    percentile,
    replicas,
    upstream,
)

WARM_UP = 5.0  # seconds


async def changes(
    folder: Path, servers: Sequence[str], broker: int, rate: int, seconds: float, profile: Path | None = None
) -> str:
    """Each order's every answer is a changed one, asked for once a second: so many orders, so many changes."""
    prefix = f"changes{rate}x{time.time_ns() // 1_000_000}"
    with upstream("stamped") as (port, api):
        setting = Setting(servers, prefix, port, "1s", at_once=400)
        async with replicas(folder, setting, profile=profile) as (replica,):
            consumer = AIOKafkaConsumer(
                bootstrap_servers=list(servers), isolation_level="read_committed", enable_auto_commit=False
            )
            await consumer.start()
            try:
                parts = [TopicPartition(f"{prefix}.events", shard) for shard in range(SHARDS)]
                consumer.assign(parts)
                await consumer.seek_to_beginning(*parts)
                await follow(servers, prefix, rate)
                await _read(consumer, WARM_UP)
                pids = {"service": replica.pid, "broker": broker, "order API": api, "reader": os.getpid()}

                def used() -> dict[str, float]:
                    loop = {"service's loop": cpu_of_loop(replica.pid)}
                    return loop | {name: cpu_of(pid) for name, pid in pids.items()}

                before = used()
                commits = await replica.figure("notifier_commit_seconds_count")
                began = time.perf_counter()
                ages = sorted(await _read(consumer, seconds))
                took = time.perf_counter() - began
                commits = await replica.figure("notifier_commit_seconds_count") - commits
                after = used()
            finally:
                await consumer.stop()
    if not ages:
        return f"{rate} changes/s asked for: none came"
    return (
        f"{rate} changes/s asked for: {len(ages) / took:.0f}/s readable, after median {percentile(ages, 0.5):.1f} ms, "
        f"p95 {percentile(ages, 0.95):.1f}, p99 {percentile(ages, 0.99):.1f}, most {ages[-1]:.0f} ms"
        f" · {commits / took:.0f} commits/s · {cpu_line(before, after, len(ages), 'change')}"
        f" · {cores_line(before, after, took)} · {load()}"
    )


async def _read(consumer: AIOKafkaConsumer, seconds: float) -> list[float]:
    """Of each event that tells a cost: how long before it the answer was given, in ms."""
    ages = []
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        batches = await consumer.getmany(timeout_ms=max(1, round(left * 1000)))
        now = time.time_ns() // 100_000
        for records in batches.values():
            stamps = (
                orjson.loads(record.value)["after"]["amount"] for record in records if b'"amount"' in record.value
            )
            ages += [(now - stamp) / 10 for stamp in stamps]
        await asyncio.sleep(0)
    return ages
