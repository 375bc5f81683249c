"""100,000 orders with ten finished deliveries each, after an hour's changes: until a replica has them all restored."""

import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from bench.kafka_fill import fill
from bench.kafka_parts import Replica, Setting, cpu_of, load, percentile, replicas, upstream


async def restores(folder: Path, servers: Sequence[str], broker: int, orders: int) -> str:
    """`broker` is its pid: it shares the cores."""
    prefix = f"restore{time.time_ns() // 1_000_000}"
    async with AsyncExitStack() as stack:
        port, _ = stack.enter_context(upstream("same"))
        setting = Setting(servers, prefix, port, "1h")
        began = time.perf_counter()
        records = await fill(folder, setting, orders)
        filled = time.perf_counter() - began
        lines = [f"{orders} orders, {records} records written in {filled:.0f} s", imports()]
        begun, theirs = time.perf_counter(), cpu_of(broker)

        def now(replica: Replica) -> str:
            return (
                f"{time.perf_counter() - begun:.1f} s after the start of the process ({replica.cpu:.1f} s of CPU,"
                f" the broker {cpu_of(broker) - theirs:.1f}, {replica.memory():.0f} MB) · {load()}"
            )

        async with replicas(folder, setting) as (replica,):
            followed = await replica.figure("notifier_orders")
            lines.append(f"{followed:.0f} orders restored: ready {now(replica)}")
            probe = await stack.enter_async_context(Probe(replica))
            order = f"{0:032x}"
            while (await replica.get(f"/v1/orders/trips/{order}")).get("as_of", "1970") < replica.started:
                if time.perf_counter() - begun > 240:
                    return "\n".join([*lines, "the view has not all orders after 240 s"])
                await asyncio.sleep(0.1)
            lines.append(f"the view has all orders {now(replica)}")
            while "items" not in await replica.get(f"/v1/orders/trips/{order}/events"):
                if time.perf_counter() - begun > 240:
                    return "\n".join([*lines, "the view is not caught up after 240 s"])
                await asyncio.sleep(0.1)
            lines += [f"the view has all deliveries and events {now(replica)}", probe.line()]
        return "\n".join(lines)


def imports() -> str:
    """What a process takes before it does anything."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import notifier.cli.main, notifier.cli.serve"], check=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"Python and its imports alone: {wall:.1f} s ({cpu:.1f} s of CPU)"


class Probe:
    """How long a replica's loop lets a small question wait, while it restores and reads."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._took: list[float] = []

    async def __aenter__(self) -> "Probe":
        self._task = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _ask(self) -> None:
        while True:
            began = time.perf_counter()
            await self._replica.get("/healthz")
            self._took.append(time.perf_counter() - began)
            await asyncio.sleep(0.05)

    def line(self) -> str:
        took = sorted(self._took)
        at = ", ".join(
            f"{name} {percentile(took, part) * 1000:.0f}" for name, part in (("median", 0.5), ("99 %", 0.99))
        )
        return f"asked meanwhile {len(took)} times how it is, it answered in ms: {at}, at most {took[-1] * 1000:.0f}"
