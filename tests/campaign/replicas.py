"""The replicas: processes of the program, and what happens to them."""

import asyncio
import re
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from tests.outside.program import Program
from tests.outside.waiting import until

READY = 180  # seconds
OWNED = re.compile(r"^notifier_shards_owned (\S+)$", re.MULTILINE)


class Replica(Program):
    """One process with a name of its own; `held` while it is stopped by SIGSTOP."""

    def __init__(self, folder: Path, config: Mapping[str, Any], number: int) -> None:
        super().__init__(folder, config)
        self.number = number
        self.held = False

    async def start(self, limits: Sequence[str] = ()) -> None:
        """Until it is ready; on a machine that is busy with brokers and other replicas that may take its time."""
        await self.spawn(limits)
        await until(self.ready, lambda: f"the replica is not ready:\n{self.log()}", within=READY)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def owned(self) -> int:
        """Shards that it says it owns; 0 while it cannot be asked."""
        if not self.alive or self.held:
            return 0
        try:
            async with self.session.get(f"{self.url}/metrics", timeout=aiohttp.ClientTimeout(total=2)) as answer:
                found = OWNED.search(await answer.text())
        except (aiohttp.ClientError, TimeoutError):
            return 0
        return int(float(found[1])) if found else 0

    def hold(self) -> None:
        """SIGSTOP: it lives, and knows nothing of what goes on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        self.held = True

    def release(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)
        self.held = False


class Fleet:
    """All replicas of one service."""

    def __init__(self, replicas: Iterable[Replica], shards: int) -> None:
        self.replicas = list(replicas)
        self.shards = shards

    async def start(self) -> None:
        await asyncio.gather(*(replica.start() for replica in self.replicas))
        await self.whole()

    @property
    def running(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.alive and not replica.held]

    async def whole(self, within: float = READY) -> float:
        """Until the running replicas own every shard, each once; the seconds that it took."""
        began = time.monotonic()
        while True:
            owned = await asyncio.gather(*(replica.owned() for replica in self.running))
            if sum(owned) == self.shards:
                return time.monotonic() - began
            if time.monotonic() - began > within:
                raise AssertionError(
                    f"after {within} s the replicas own {owned} of {self.shards} shards:\n{self.logs()}"
                )
            await asyncio.sleep(0.1)

    def logs(self) -> str:
        return "\n".join(f"--- replica {replica.number}\n{replica.log()[-3000:]}" for replica in self.replicas)

    async def close(self) -> None:
        for replica in self.replicas:
            if replica.held:
                replica.release()
            await replica.close()
