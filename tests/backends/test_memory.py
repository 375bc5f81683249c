"""The backend in memory: the contract, and the faults that tests ask for."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from notifier.backends.base import EventQuery, Lease
from notifier.backends.partition import shard_of
from notifier.errors import LeaseLost, Unavailable
from notifier.testing.backend import MemoryBackend, Storage
from notifier.testing.virtual import VirtualClock, run
from tests.contracts.backend import BackendContract, restored
from tests.contracts.records import KEYS, T, a_put, a_step, an_event
from tests.contracts.view import ViewContract

KEY = KEYS[0]
SHARD = shard_of(KEY, 3)


class Bench:
    def __init__(self) -> None:
        self.storage = Storage(shards=3)
        self.backend = MemoryBackend(storage=self.storage)
        self._leases: AsyncIterator[Lease] = self.backend.leases()
        self._held: dict[int, Lease] = {}

    async def lease(self, key: str) -> Lease:
        shard = shard_of(key, self.backend.shards)
        while shard not in self._held or self._held[shard].ended.is_set():
            async with asyncio.timeout(5):
                lease = await anext(self._leases)
            self._held[lease.shard] = lease
        return self._held[shard]

    async def lose(self, key: str) -> None:
        shard = shard_of(key, self.backend.shards)
        self.backend.take(shard)
        self.backend.give(shard)

    async def restart(self) -> None:
        await self.backend.close(5)
        self.backend = MemoryBackend(storage=self.storage)
        self._leases = self.backend.leases()
        self._held = {}
        await self.backend.open()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.backend.open()
    yield bench
    await bench.backend.close(5)
    bench.storage.close()


class TestMemoryBackend(BackendContract, ViewContract):
    pass


async def test_every_shard_is_offered_and_holds_its_own_orders(bench: Bench) -> None:
    for key in KEYS:
        await bench.backend.submit(a_put(key))
    seen: dict[int, list[str]] = {}
    for key in KEYS:
        lease = await bench.lease(key)
        orders, _ = await restored(lease)
        seen[lease.shard] = [stored.key for stored in orders]
    assert set(seen) == {0, 1, 2}
    for shard, keys in seen.items():
        assert keys == [key for key in KEYS if shard_of(key, 3) == shard]


@pytest.mark.parametrize(("fault", "error", "written"), [
    ("unavailable", Unavailable, False),
    ("lost", LeaseLost, False),
    ("lost_after", LeaseLost, True),
])  # fmt: skip
async def test_faults(bench: Bench, fault: str, error: type[Exception], written: bool) -> None:
    await bench.backend.submit(a_put())
    lease = await bench.lease(KEY)
    bench.backend.fail(SHARD, fault)  # type: ignore[arg-type]
    with pytest.raises(error):
        await lease.commit([a_step()])
    events = (await bench.backend.view.find(EventQuery(key=KEY))).items
    assert events == ((an_event(),) if written else ())
    assert lease.ended.is_set() is (error is LeaseLost)
    again = await bench.lease(KEY)
    assert (again is lease) is (error is Unavailable)
    await again.commit([a_step(sequence=2)])


async def test_a_shard_taken_while_a_commit_is_under_way(bench: Bench) -> None:
    await bench.backend.submit(a_put())
    lease = await bench.lease(KEY)
    commit = asyncio.create_task(lease.commit([a_step()]))
    await asyncio.sleep(0)
    bench.backend.take(SHARD)
    with pytest.raises(LeaseLost):
        await commit
    assert (await bench.backend.view.find(EventQuery(key=KEY))).items == ()


async def test_a_shard_that_was_taken_is_not_offered_until_it_is_given(bench: Bench) -> None:
    for key in KEYS:
        await bench.lease(key)
    bench.backend.take(SHARD)
    waiting = asyncio.create_task(bench.lease(KEY))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    bench.backend.give(SHARD)
    assert (await waiting).shard == SHARD


async def test_two_replicas_over_one_storage_fence_each_other(bench: Bench) -> None:
    other = MemoryBackend(storage=bench.storage)
    for shard in range(3):
        other.take(shard)
    await other.open()
    await other.submit(a_put())
    first = await bench.lease(KEY)
    other.give(SHARD)
    async with asyncio.timeout(5):
        second = await anext(other.leases())
    assert first.ended.is_set()
    with pytest.raises(LeaseLost):
        await first.commit([a_step()])
    await second.commit([a_step()])
    assert (await bench.backend.view.find(EventQuery(key=KEY))).items == (an_event(),)
    await other.close(1)


async def test_a_breakdown_stops_every_write(bench: Bench) -> None:
    lease = await bench.lease(KEY)
    bench.backend.break_down("the disk is full")
    assert bench.backend.trouble() == "the disk is full"
    with pytest.raises(Unavailable, match="full"):
        await bench.backend.submit(a_put())
    with pytest.raises(Unavailable):
        await lease.commit([a_step()])
    bench.backend.break_down(None)
    assert await bench.backend.submit(a_put()) is True


def test_it_runs_on_virtual_time() -> None:
    async def main() -> int:
        clock = VirtualClock(start=T)
        backend = MemoryBackend(clock=clock)
        await backend.open()
        await asyncio.sleep(3600)
        await backend.submit(a_put())
        now = backend.view.as_of()
        await backend.close(1)
        backend.storage.close()
        return now

    assert run(main) == T + 3_600_000
