"""What the Kafka benchmarks share: the order API, replicas and their CPU time, watches by the thousand."""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
import yaml
from aiokafka import AIOKafkaProducer

from notifier.backends.partition import shard_of

TICK = os.sysconf("SC_CLK_TCK")
SHARDS = 12


def cpu_of(pid: int) -> float:
    """CPU seconds of a process so far."""
    return _cpu(Path(f"/proc/{pid}/stat"))


def cpu_of_loop(pid: int) -> float:
    """CPU seconds of its main thread, on which its event loop runs: that is never more than one core."""
    return _cpu(Path(f"/proc/{pid}/task/{pid}/stat"))


def _cpu(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def load() -> str:
    """The machine may be shared: figures of wall clocks mean little without it."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


@contextlib.contextmanager
def upstream(how: str) -> Iterator[tuple[int, int]]:
    """Port and pid."""
    command = [sys.executable, "-m", "bench.kafka_upstream", how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline()), server.pid
        finally:
            server.terminate()


class Setting(NamedTuple):
    servers: Sequence[str]
    prefix: str
    port: int
    poll: str
    at_once: int = 100
    rate: int = 1_000_000
    hook: int | None = None  # the port of who is told of everything

    def config(self, api: int) -> dict[str, Any]:
        source = {
            "type": "business_v2",
            "base_url": f"http://127.0.0.1:{self.port}",
            "token": "bench",
            "poll": {"default": self.poll},
            "budget": {"requests_per_second": self.rate, "concurrency": self.at_once},
        }
        told = {
            "sinks": {"hook": {
                "type": "webhook", "url": f"http://127.0.0.1:{self.hook}/", "allow_networks": ["127.0.0.0/8"],
                "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            }},
            "rules": [{"name": "all", "when": {}, "send": [{"sink": "hook"}]}],
        }  # fmt: skip
        return {
            **(told if self.hook else {}),
            "log": {"level": "warning"},
            "backend": {
                "type": "kafka",
                "bootstrap_servers": list(self.servers),
                "topic_prefix": self.prefix,
                "partitions": SHARDS,
                "replication_factor": 1,
            },
            "api": {"host": "127.0.0.1", "port": api},
            "sources": {"trips": source},
        }

    def yaml(self, api: int) -> str:
        return yaml.safe_dump(self.config(api))


class Replica:
    """One process of the program."""

    def __init__(self, folder: Path, setting: Setting, profile: Path | None = None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._file = folder / f"replica-{self.port}.yaml"
        self._file.write_text(setting.yaml(self.port))
        self._log = self._file.with_suffix(".log")
        self._profile = profile
        self._process: asyncio.subprocess.Process | None = None
        self.started = ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def cpu(self) -> float:
        return cpu_of(self.pid)

    def memory(self) -> float:
        """Resident, in MB."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1000 if found else 0.0

    async def start(self) -> None:
        self.started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        profiler = ("-m", "cProfile", "-o", str(self._profile)) if self._profile else ()
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *profiler, "-m", "notifier", "run", "-c", str(self._file), stdout=log, stderr=log
            )

    async def ready(self, within: float = 180) -> float:
        """Seconds that it took."""
        began = time.perf_counter()
        while True:
            if self._process is None or self._process.returncode is not None:
                raise RuntimeError(f"the program has ended:\n{self._log.read_text()[-3000:]}")
            with contextlib.suppress(aiohttp.ClientError):
                async with self._session() as session, session.get(f"{self._url}/readyz") as answer:
                    if answer.status == 200:
                        return time.perf_counter() - began
            if time.perf_counter() - began > within:
                raise RuntimeError(f"not ready after {within:g} s:\n{self._log.read_text()[-3000:]}")
            await asyncio.sleep(0.02)

    async def figure(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        async with self._session() as session, session.get(f"{self._url}/metrics") as answer:
            text = await answer.text()
        total = 0.0
        for found in re.finditer(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE):
            if all(f'{label}="{value}"' in (found[1] or "") for label, value in labels.items()):
                total += float(found[2])
        return total

    async def get(self, path: str) -> Any:
        async with self._session() as session, session.get(self._url + path) as answer:
            return orjson.loads(await answer.read())

    async def put(self, order: str) -> None:
        """A watch; 503 says that it may be sent again."""
        body = {"source": "trips", "ids": {"order_id": order}}
        while True:
            async with self._session() as session, session.post(f"{self._url}/v1/watches", json=body) as answer:
                if answer.status < 300:
                    return
                if answer.status != 503:
                    raise RuntimeError(f"the watch was answered with {answer.status}")
            await asyncio.sleep(0.2)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 20)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))


@contextlib.asynccontextmanager
async def replicas(
    folder: Path, setting: Setting, count: int = 1, profile: Path | None = None
) -> AsyncIterator[list[Replica]]:
    """Ready, all shards shared out."""
    running = [Replica(folder, setting, profile) for _ in range(count)]
    try:
        for each in running:
            await each.start()
        for each in running:
            await each.ready()
        async with asyncio.timeout(60):
            while sum([await each.figure("notifier_shards_owned") for each in running]) != SHARDS:
                await asyncio.sleep(0.1)
        yield running
    finally:
        await asyncio.gather(*(each.stop() for each in running))


@contextlib.asynccontextmanager
async def producer(servers: Sequence[str]) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(
        bootstrap_servers=list(servers), compression_type="lz4", max_batch_size=1_000_000, max_request_size=8 << 20
    )
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def follow(servers: Sequence[str], prefix: str, orders: int) -> None:
    """Watches, written as any service may write them."""
    async with producer(servers) as client:
        for number in range(orders):
            body = orjson.dumps({"source": "trips", "ids": {"order_id": f"{number:032x}"}})
            key = f"trips/{number:032x}"
            await client.send(f"{prefix}.watches", body, key.encode(), partition=shard_of(key, SHARDS))
        await client.flush()


def percentile(sorted_values: Sequence[float], part: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * part))]


def cpu_line(before: Mapping[str, float], after: Mapping[str, float], count: float, what: str) -> str:
    parts = (f"{name} {(after[name] - before[name]) / count * 1e6:.0f}" for name in before)
    return f"CPU us for one {what}: " + ", ".join(parts)


def cores_line(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> str:
    return "cores in use: " + ", ".join(f"{name} {(after[name] - before[name]) / seconds:.2f}" for name in before)
