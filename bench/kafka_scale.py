"""Unchanged polls a second with one replica and with two, each on a part of a core.

A budget is shared by all replicas, so neither slots nor latency grow with their number: what a replica adds is its CPU.
Broker, order API and two whole replicas do not fit on two cores. So each replica is held to a quarter of a core, as a
container is: stopped when it has used its share, continued when it has earned it back. All else has the rest.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bench.kafka_parts import Setting, cpu_of, follow, load, replicas, upstream

SHARE = 0.25  # of a core, for each replica
PERIOD = 0.005  # seconds between two looks at what it has used
SAVED = 0.02  # seconds of CPU that it may save up

ORDERS = 3_000
WARM_UP, SECONDS = 8.0, 16.0


async def scale(folder: Path, servers: Sequence[str], broker: int) -> str:
    """Orders always overdue, so that each replica polls as fast as it can."""
    rates: list[float] = []
    costs: list[float] = []
    lines = []
    for count in (1, 2):
        prefix = f"scale{time.time_ns() // 1_000_000}"
        with upstream("same") as (port, api):
            setting = Setting(servers, prefix, port, "50ms")
            async with replicas(folder, setting, count) as running:
                await follow(servers, prefix, ORDERS)
                while sum([await each.figure("notifier_looks_total", outcome="accepted") for each in running]) < ORDERS:
                    await asyncio.sleep(0.2)
                async with contextlib.AsyncExitStack() as stack:
                    for each in running:
                        await stack.enter_async_context(held_to(each.pid, SHARE))
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
        costs.append(sum(spent[f"replica {number}"] for number in range(1, count + 1)) / sum(polls) * 1e6)
        cores = ", ".join(f"{name} {seconds / took:.2f}" for name, seconds in spent.items())
        lines.append(
            f"{count} replica(s) of {SHARE:g} core: {rates[-1]:.0f} polls/s · {costs[-1]:.0f} us of CPU a poll"
            f" · cores in use: {cores} · {load()}"
        )
    more, dearer = rates[1] / rates[0], costs[1] / costs[0]
    lines.append(f"from 1 replica to 2: {more:.2f} times the polls, {dearer:.2f} times the CPU a poll")
    return "\n".join(lines)


@contextlib.asynccontextmanager
async def held_to(pid: int, share: float) -> AsyncIterator[None]:
    """A process uses no more than such a part of a core."""
    task = asyncio.create_task(_hold(pid, share))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        os.kill(pid, signal.SIGCONT)


async def _hold(pid: int, share: float) -> None:
    used, at, earned, stopped = _used(pid), time.perf_counter(), SAVED, False
    while True:
        await asyncio.sleep(PERIOD)
        now, uses = time.perf_counter(), _used(pid)
        earned = min(SAVED, earned + (now - at) * share - (uses - used))
        at, used = now, uses
        if stopped != (earned < 0):
            stopped = not stopped
            os.kill(pid, signal.SIGSTOP if stopped else signal.SIGCONT)


def _used(pid: int) -> float:
    """CPU seconds of all its threads: Linux's clock of a process, as clock_getcpuclockid(3) makes it."""
    return time.clock_gettime(~pid << 3 | 2)
