"""Polls of the service against a bare aiohttp loop that only fetches: CPU time a poll, interleaved rounds.

Both run in this process on one uvloop, against the same server in another process, with as many requests at once.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import uvloop

from notifier.app import App
from notifier.config.load import load

ORDERS = 5_000
AT_ONCE = 50
ROUND = 2.5  # seconds
ROUNDS = 7

CONFIG = """
backend: {{type: sqlite, path: {folder}/bench.db}}
sources:
  trips:
    type: business_v2
    base_url: http://127.0.0.1:{port}
    token: bench
    poll: {{default: 50ms}}
    budget: {{requests_per_second: 1000000, concurrency: {at_once}}}
sinks: {{}}
rules: []
"""


class Round(NamedTuple):
    polls: int
    cpu: float
    wall: float

    @property
    def microseconds(self) -> float:
        return self.cpu / self.polls * 1e6


class Result(NamedTuple):
    changed: float
    service: list[Round]
    bare: list[Round]
    committed: int

    @property
    def ratios(self) -> list[float]:
        """CPU of a bare poll over CPU of the service's, pair by pair: 1 would be free."""
        return [bare.microseconds / ours.microseconds for ours, bare in zip(self.service, self.bare, strict=True)]


class Service:
    """The whole program on the embedded backend, its orders always overdue."""

    def __init__(self, app: App) -> None:
        self.app = app

    def looks(self, *outcomes: str) -> int:
        return looks(self.app, *outcomes)

    async def follow(self) -> None:
        for number in range(0, ORDERS, 500):
            await asyncio.gather(
                *(
                    self.app.desk.put({"source": "trips", "ids": {"order_id": f"order-{number + step}"}})
                    for step in range(500)
                )
            )
        while self.looks("accepted") < ORDERS:
            await asyncio.sleep(0.1)

    async def round(self) -> Round:
        self.app.poller.pause(False)
        await asyncio.sleep(0.2)
        polls, cpu, wall = self.looks(), time.process_time(), time.perf_counter()
        await asyncio.sleep(ROUND)
        result = Round(self.looks() - polls, time.process_time() - cpu, time.perf_counter() - wall)
        self.app.poller.pause(True)
        await asyncio.sleep(0.2)
        return result


def looks(app: App, *outcomes: str) -> int:
    """How many ended so; without outcomes, all."""
    app.metrics.render()
    return sum(
        int(sample.value)
        for metric in app.metrics.looks.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and (not outcomes or sample.labels["outcome"] in outcomes)
    )


@contextmanager
def serving(changed: float) -> Iterator[int]:
    """The order API in a process of its own; its port."""
    command = [sys.executable, "-m", "bench.server", str(changed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.terminate()


async def bare(session: aiohttp.ClientSession, port: int) -> Round:
    """Workers that fetch and read, and do nothing with what they read."""
    urls = [f"http://127.0.0.1:{port}/integration/2.0/orders/info?order_id=bare-{n}" for n in range(ORDERS)]
    headers = {"Authorization": "Bearer bench", "Accept": "application/json"}
    end = asyncio.get_running_loop().time() + ROUND
    polls = 0

    async def worker(first: int) -> None:
        nonlocal polls
        number = first
        while asyncio.get_running_loop().time() < end:
            async with session.get(urls[number % ORDERS], headers=headers) as response:
                await response.read()
            polls += 1
            number += AT_ONCE

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(worker(number) for number in range(AT_ONCE)))
    return Round(polls, time.process_time() - cpu, time.perf_counter() - wall)


async def compare(changed: float) -> Result:
    with serving(changed) as port, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.yaml"
        file.write_text(CONFIG.format(folder=folder, port=port, at_once=AT_ONCE))
        app = App(load(file))
        await app.start()
        service = Service(app)
        try:
            await service.follow()
            before = service.looks("accepted")
            rounds: tuple[list[Round], list[Round]] = ([], [])
            connector = aiohttp.TCPConnector(limit=AT_ONCE)
            async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
                await service.round()  # warm-up of both, not counted
                await bare(session, port)
                for _ in range(ROUNDS):
                    rounds[0].append(await service.round())
                    rounds[1].append(await bare(session, port))
            return Result(changed, *rounds, service.looks("accepted") - before)
        finally:
            await app.stop(5)


def report(result: Result) -> str:
    ours = statistics.median(each.microseconds for each in result.service)
    theirs = statistics.median(each.microseconds for each in result.bare)
    rate = statistics.median(each.polls / each.wall for each in result.service)
    bare_rate = statistics.median(each.polls / each.wall for each in result.bare)
    ratios = result.ratios
    polls = sum(each.polls for each in result.service)
    return (
        f"{result.changed:4.0%} changed: service {rate:6.0f} polls/s, {ours:4.0f} us CPU a poll"
        f" · bare loop {bare_rate:6.0f} polls/s, {theirs:4.0f} us"
        f" · ratio median {statistics.median(ratios):.2f} (min {min(ratios):.2f}, max {max(ratios):.2f})"
        f" · {result.committed} changes committed in {polls} polls"
    )


def main() -> None:
    print(f"Polls: {ROUNDS} interleaved rounds of {ROUND:g} s, {ORDERS} orders, {AT_ONCE} requests at once")
    for changed in (0.0, 0.05):
        print(report(uvloop.run(compare(changed))), flush=True)
