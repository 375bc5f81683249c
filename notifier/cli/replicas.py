"""The demo's service as several processes that share the orders through Kafka, each with an API and a dashboard."""

import asyncio
import itertools
import socket
import sys
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from prometheus_client.parser import text_string_to_metric_families

from notifier import demo as play
from notifier.cli.ask import Address, Service, ServiceError
from notifier.cli.show import line
from notifier.errors import Refused

HOST = "127.0.0.1"
FIRST_PORT = 8080
TO_START, TO_STOP = 60.0, 12.0  # seconds
COUNT_EVERY = 1.0  # seconds
AGAIN = 0.3  # seconds

Counts = Mapping[tuple[str, str], int]


class Replicas:
    """Processes of `notifier run`; one that dies is told of, and its orders are the others' soon after."""

    def __init__(self, servers: Sequence[str], number: int) -> None:
        self._servers = servers
        self._number = number
        self._replicas: list[_Replica] = []
        self._turns = itertools.count()
        self._failed: asyncio.Future[None] | None = None

    async def start(self, stack: AsyncExitStack, folder: Path, places: Mapping[str, str]) -> str:
        prefix = f"demo-{uuid.uuid4().hex[:8]}"  # topics of its own: the next run begins anew
        backend = play.KAFKA.format(servers=", ".join(f'"{each}"' for each in self._servers), prefix=prefix)
        self._failed = asyncio.get_running_loop().create_future()
        for number, port in enumerate(_ports(self._number), 1):
            file = folder / f"replica-{number}.yaml"
            file.write_text(play.CONFIG.format(backend=backend, port=port, **places))
            replica = _Replica(number, file, f"http://{HOST}:{port}")
            self._replicas.append(replica)
        stack.push_async_callback(self._stop)
        line(f"Starting {self._number} replicas on Kafka at {', '.join(self._servers)}, topics {prefix}.* …")
        for replica in self._replicas:
            await replica.start()
        await asyncio.gather(*(replica.ready() for replica in self._replicas))
        watching = [
            asyncio.create_task(self._watch(replica), name=f"replica {replica.number}") for replica in self._replicas
        ]
        stack.push_async_callback(_cancelled, watching)
        for replica in self._replicas:
            line(f"Replica {replica.number}: {replica.url}  (kill -9 {replica.pid}: the others take its orders over)")
        return " ".join(replica.url for replica in self._replicas)

    async def put(self, body: Mapping[str, Any]) -> None:
        """To each in turn: whichever gets it, the owner of the order follows it. Until one has taken it."""
        while True:
            replica = self._replicas[next(self._turns) % self._number]
            try:
                return await replica.put(orjson.dumps(body))
            except ServiceError:
                await asyncio.sleep(AGAIN)

    def counts(self) -> Counts:
        """As each was asked last; a dead one follows nothing."""
        total: Counter[tuple[str, str]] = Counter()
        for replica in self._replicas:
            total.update(replica.counts)
        return total

    @property
    def failed(self) -> "asyncio.Future[None]":
        assert self._failed is not None  # begun by start()
        return self._failed

    async def _watch(self, replica: "_Replica") -> None:
        while replica.alive:
            await replica.count()
            await asyncio.sleep(COUNT_EVERY)
        replica.counts = {}
        line(f"Replica {replica.number} has ended; its log: {replica.log}")
        if not any(each.alive for each in self._replicas) and not self.failed.done():
            self.failed.set_result(None)

    async def _stop(self) -> None:
        await asyncio.gather(*(replica.stop() for replica in self._replicas))


class _Replica:
    def __init__(self, number: int, file: Path, url: str) -> None:
        self.number = number
        self.url = url
        self.counts: Counts = {}
        self.log = file.with_suffix(".log")
        self._file = file
        self._process: asyncio.subprocess.Process | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        with self.log.open("wb") as log:
            # In a session of its own: Ctrl-C is for the demo, which then stops it in its turn.
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "notifier", "run", "-c", str(self._file)),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def ready(self) -> None:
        """Refused with the end of its log."""
        async with aiohttp.ClientSession() as session:
            loop = asyncio.get_running_loop()
            deadline = loop.time() + TO_START
            while self.alive and loop.time() < deadline:
                with suppress(aiohttp.ClientError, OSError):
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.1)
        said = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
        raise Refused(f"replica {self.number} did not become ready:\n{said}")

    async def put(self, body: bytes) -> None:
        async with Service(Address(self.url, None), timeout=5) as service:
            await service.post("/v1/watches", body)

    async def count(self) -> None:
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
                session.get(f"{self.url}/metrics") as answer,
            ):
                self.counts = _orders(await answer.text())

    async def stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), TO_STOP)
        except TimeoutError:
            process.kill()
            await process.wait()


def _orders(metrics: str) -> Counts:
    return {
        (sample.labels["source"], sample.labels["phase"]): round(sample.value)
        for family in text_string_to_metric_families(metrics)
        if family.name == "notifier_orders"
        for sample in family.samples
    }


def _ports(number: int) -> list[int]:
    """The usual one and those after it, if they are free; else any."""
    usual = range(FIRST_PORT, FIRST_PORT + number)
    return list(usual) if all(map(_is_free, usual)) else [_any() for _ in usual]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _any() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def _cancelled(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
