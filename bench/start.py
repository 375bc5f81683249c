"""200,000 watched orders: how long the start from the file takes, and how much memory they need, at once and at work.

The file is written by one process and opened by another, so that neither measures the other's leftovers.
"""

import asyncio
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from bench.polls import looks, serving
from bench.server import BODY
from notifier import codec, log
from notifier.app import App
from notifier.backends.base import Change
from notifier.backends.sqlite.backend import SqliteBackend
from notifier.clock import SystemClock
from notifier.config.load import load
from notifier.model import Command, Look, Watch
from notifier.sources import REGISTRY
from notifier.sources.lifecycles import TAXI
from notifier.tracking import advance, begin
from notifier.tracking.lifecycle import Tracking

ORDERS = 200_000
BATCH = 1_000

CONFIG = """
backend: {{type: sqlite, path: {folder}/bench.db}}
sources:
  trips:
    type: business_v2
    base_url: http://127.0.0.1:{port}
    token: bench
    poll: {{default: {interval}}}
    budget: {{requests_per_second: 1000000, concurrency: 100}}
"""
NOWHERE = 9  # a port where nobody listens


async def fill(folder: Path) -> None:
    """Orders as the service keeps them after their first look at a body of the document's size."""
    config = load(folder / "bench.yaml")
    settings = config.sources["trips"]
    adapter = REGISTRY["business_v2"].build(settings)
    clock = SystemClock()
    backend = SqliteBackend(str(folder / "bench.db"), clock)
    await backend.open()
    lease = await anext(aiter(backend.leases()))
    commands = aiter(lease.commands())
    for first in range(0, ORDERS, BATCH):
        now = clock.now()
        numbers = range(first, min(first + BATCH, ORDERS))
        await asyncio.gather(*(backend.submit(_put(number, now)) for number in numbers))
        changes = []
        for _ in numbers:
            command = await anext(commands)
            snapshot = adapter.read(BODY % (command.key.encode(), 500, 600))
            look = Look(began=now, ended=now + 5, snapshot=snapshot, digest=bytes(16), attended=now)
            state = advance(begin(command.key, now), look, TAXI, Tracking()).state
            changes.append(Change(key=command.key, state=codec.pack_state(state), done=(command,)))
        await lease.commit(changes)
    await lease.release()
    await backend.close(5)


def _put(number: int, now: int) -> Command:
    key = f"trips/{number:032x}"
    ids = {"order_id": f"{number:032x}"}
    watch = Watch(key=key, source="trips", ids=ids, created_at=now, updated_at=now)
    return Command(kind="put", key=key, watch=watch, at=now)


async def start(folder: Path) -> None:
    """Prints seconds until ready, and the memory of this process."""
    began = time.perf_counter()
    app = App(load(folder / "bench.yaml"))
    await app.start()
    while app.desk.trouble():
        await asyncio.sleep(0.02)
    ready = time.perf_counter() - began
    followed = sum(len(shard.orders) for shard in app.supervisor.shards.values())
    await asyncio.sleep(2)
    print(f"{followed} orders: ready after {ready:.1f} s, {memory()}", flush=True)
    await app.stop(5)


async def work(folder: Path) -> None:
    """Prints the memory of this process after every order's answer has changed once."""
    with serving(0) as port:
        app = App(load(configured(folder, port, "20s")))
        await app.start()
        while looks(app, "accepted") < ORDERS:
            await asyncio.sleep(1)
        print(f"{ORDERS} orders after each has changed once: {memory()}", flush=True)
        await app.stop(5)


def configured(folder: Path, port: int, interval: str) -> Path:
    file = folder / "bench.yaml"
    file.write_text(CONFIG.format(folder=folder, port=port, interval=interval))
    return file


def memory() -> str:
    status = Path("/proc/self/status").read_text()
    now, peak = (int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) / 1000 for name in ("VmRSS", "VmHWM"))
    return f"{now:.0f} MB resident (peak {peak:.0f} MB)"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        configured(Path(folder), NOWHERE, "1h")
        for step in ("fill", "start", "work"):
            subprocess.run([sys.executable, "-m", "bench.start", step, folder], check=True)


if __name__ == "__main__":
    log.set_up("error", "console")
    uvloop.run({"fill": fill, "start": start, "work": work}[sys.argv[1]](Path(sys.argv[2])))
