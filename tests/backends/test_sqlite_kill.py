"""A process that is killed while it commits: what it acknowledged is there, whole; the file is free at once."""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from notifier import codec
from notifier.backends.base import EventQuery
from notifier.backends.sqlite import SqliteBackend
from notifier.clock import SystemClock
from notifier.errors import Refused
from tests.backends.committing import KEYS

ROOT = Path(__file__).parents[2]


@contextmanager
def committing(path: Path, first: int = 1) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.backends.committing", str(path), str(first)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        while (line := process.stdout.readline()) != "open\n":
            assert line, "it ended before it was open"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


async def test_every_acknowledged_commit_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    chance = random.Random(4)
    acknowledged = 0
    for _ in range(6):
        with committing(path, acknowledged + 1) as process:
            await asyncio.sleep(chance.uniform(0, 0.4))
            process.kill()
            assert process.stdout is not None
            lines = [int(line) for line in process.stdout.read().split()]
        acknowledged = max([acknowledged, *lines])
        found = await sequences(path)
        assert len(set(found)) == 1, "a commit is there for all of its orders, or for none"
        assert found[0] in (acknowledged, acknowledged + 1), "what was acknowledged, and at most the one under way"
        acknowledged = found[0]
    assert acknowledged > 6, "it did commit"


async def sequences(path: Path) -> list[int]:
    """The newest of each order; its events have no gap."""
    backend = SqliteBackend(path, SystemClock())
    await backend.open()
    lease = await anext(backend.leases())
    found = []
    for key in KEYS:
        stored = await lease.load(key)
        assert stored is not None
        sequence = codec.unpack_state(stored.state).sequence if stored.state else 0
        events = (await backend.view.find(EventQuery(key=key, limit=1000))).items
        assert [event.sequence for event in events] == list(range(1, sequence + 1))[:1000]
        found.append(sequence)
    await backend.close(5)
    return found


async def test_a_second_process_is_refused_and_a_kill_frees_the_file(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    second = SqliteBackend(path, SystemClock())
    with committing(path) as process:
        began = time.monotonic()
        with pytest.raises(Refused) as refused:
            await second.open()
        assert time.monotonic() - began < 5
        assert str(path) in str(refused.value)
        assert f"process {process.pid}" in str(refused.value)
        process.kill()
        process.wait(10)
        await second.open()
    assert len(await sequences_of(second)) == len(KEYS)
    await second.close(5)


async def sequences_of(backend: SqliteBackend) -> list[str]:
    lease = await anext(backend.leases())
    return [key for key in KEYS if await lease.load(key) is not None]


async def test_a_second_backend_in_one_process_is_refused(tmp_path: Path) -> None:
    first, second = (SqliteBackend(tmp_path / "notifier.db", SystemClock()) for _ in range(2))
    await first.open()
    with pytest.raises(Refused, match="in use"):
        await second.open()
    await first.close(5)
    await second.open()
    await second.close(5)
