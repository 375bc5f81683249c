"""What an unchanged poll costs with one replica and with two: where the cores are short, rates alone say nothing."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from bench.kafka_parts import Setting, cpu_of, follow, load, replicas, upstream

ORDERS = 6_000
WARM_UP, SECONDS = 6.0, 8.0


async def scale(folder: Path, servers: Sequence[str], broker: int) -> str:
    """Orders always overdue, so that each replica polls as fast as it can."""
    rates: list[float] = []
    lines = []
    for count in (1, 2):
        prefix = f"scale{time.time_ns() // 1_000_000}"
        with upstream("same") as (port, api):
            setting = Setting(servers, prefix, port, "50ms")
            async with replicas(folder, setting, count) as running:
                await follow(servers, prefix, ORDERS)
                await asyncio.sleep(WARM_UP)
                pids = {f"replica {number}": each.pid for number, each in enumerate(running, 1)}
                pids |= {"order API": api, "broker": broker}
                before = {name: cpu_of(pid) for name, pid in pids.items()}
                polls = [await each.figure("notifier_looks_total", outcome="unchanged") for each in running]
                began = time.perf_counter()
                await asyncio.sleep(SECONDS)
                polls = [await each.figure("notifier_looks_total", outcome="unchanged") - polls[number]
                         for number, each in enumerate(running)]  # fmt: skip
                took = time.perf_counter() - began
                spent = {name: cpu_of(pid) - before[name] for name, pid in pids.items()}
        rates.append(sum(polls) / took)
        cores = ", ".join(f"{name} {seconds / took:.2f}" for name, seconds in spent.items())
        ours = [spent[f"replica {number}"] / each * 1e6 for number, each in enumerate(polls, 1)]
        lines.append(
            f"{count} replica(s): {rates[-1]:.0f} polls/s · CPU us a poll: {', '.join(f'{each:.0f}' for each in ours)}"
            f" · cores in use: {cores} · {load()}"
        )
    lines.append(f"from 1 replica to 2: {rates[1] / rates[0]:.2f} times the polls")
    return "\n".join(lines)
