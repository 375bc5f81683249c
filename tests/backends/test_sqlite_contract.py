"""The embedded backend keeps to the contract."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notifier.backends.base import Lease
from notifier.backends.sqlite import SqliteBackend
from notifier.clock import SystemClock
from tests.contracts.backend import BackendContract
from tests.contracts.view import ViewContract


class Bench:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.backend = SqliteBackend(path, SystemClock())
        self._leases: AsyncIterator[Lease] = self.backend.leases()
        self._held: Lease | None = None

    async def lease(self, key: str) -> Lease:
        if self._held is None or self._held.ended.is_set():
            async with asyncio.timeout(5):
                self._held = await anext(self._leases)
        return self._held

    async def lose(self, key: str) -> None:
        if self._held is not None:
            await self._held.release()

    async def restart(self) -> None:
        await self.backend.close(5)
        self.backend = SqliteBackend(self.path, SystemClock())
        self._leases, self._held = self.backend.leases(), None
        await self.backend.open()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "var" / "notifier.db")
    await bench.backend.open()
    yield bench
    await bench.backend.close(5)


class TestSqliteBackend(BackendContract, ViewContract):
    pass
