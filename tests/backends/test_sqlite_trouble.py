"""A file that fails while it is used: the process stays up, says why, loses nothing, and goes on by itself."""

import asyncio
import os
import resource
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from notifier.backends.base import Change, EventQuery, Lease, OrderQuery
from notifier.backends.sqlite import SqliteBackend
from notifier.clock import SystemClock
from notifier.errors import LeaseLost, Refused, Unavailable
from notifier.model import Command
from tests.contracts.backend import restored
from tests.contracts.records import KEYS, T, a_put, a_step, an_event

KEY = KEYS[0]


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[SqliteBackend]:
    backend = SqliteBackend(tmp_path / "notifier.db", SystemClock())
    await backend.open()
    await backend.submit(a_put())
    yield backend
    await backend.close(5)


async def healthy(backend: SqliteBackend, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while backend.trouble() is not None:
            await asyncio.sleep(0.02)


async def next_lease(leases: AsyncIterator[Lease]) -> Lease:
    async with asyncio.timeout(15):
        return await anext(leases)


def large(sequence: int) -> Change:
    """A change of some 200 kB that no compression helps."""
    return a_step(sequence=sequence, unlogged=(os.urandom(100_000).hex(),))


# --- nothing is written ----------------------------------------------------------------------------------------------


async def test_a_full_file_is_unavailable_and_nothing_is_written(backend: SqliteBackend) -> None:
    lease = await anext(backend.leases())
    await lease.commit([a_step()])
    [pages] = await backend.write(lambda it: it.execute("PRAGMA page_count").fetchone())
    await backend.write(lambda it: it.execute(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(Unavailable, match="disk is full"):
        await lease.commit([large(2)])
    told = backend.trouble()
    assert told is not None
    assert str(backend.path) in told
    assert not lease.ended.is_set(), "the shard stays ours"
    assert (await backend.view.find(EventQuery(key=KEY))).items == (an_event(),)
    await backend.write(lambda it: it.execute("PRAGMA max_page_count = 1000000"))
    await lease.commit([large(2)])
    assert backend.trouble() is None
    assert len((await backend.view.find(EventQuery(key=KEY))).items) == 2


async def test_trouble_passes_without_anybody_writing(backend: SqliteBackend) -> None:
    lease = await anext(backend.leases())
    await backend.write(lambda it: it.execute("PRAGMA query_only = ON"))
    with pytest.raises(Unavailable, match="cannot be written"):
        await lease.commit([a_step()])
    with pytest.raises(Unavailable):
        await backend.submit(a_put(KEYS[1]))
    assert backend.trouble() is not None
    await asyncio.sleep(2.3)
    assert backend.trouble() is not None, "it asked by itself, in vain"
    await backend._file._writing.run(lambda: backend._file._connection.execute("PRAGMA query_only = OFF"))  # type: ignore[union-attr]
    await healthy(backend)
    assert await backend.submit(a_put(KEYS[1])) is True


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "none", folder], check=False).returncode:
        pytest.skip("a small disk cannot be mounted here: needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_a_disk_that_fills_up_and_is_cleared(small_disk: Path) -> None:
    backend = SqliteBackend(small_disk / "notifier.db", SystemClock())
    await backend.open()
    try:
        await fill_and_clear(backend, small_disk / "ballast")
    finally:
        await backend.close(5)


async def fill_and_clear(backend: SqliteBackend, ballast: Path) -> None:
    await backend.submit(a_put())
    leases = backend.leases()
    lease = await anext(leases)
    await asyncio.to_thread(fill, ballast)
    acknowledged = 0
    failure: Exception | None = None
    while failure is None and acknowledged < 50:
        try:
            await lease.commit([a_step(sequence=acknowledged + 1)])
            acknowledged += 1
        except (Unavailable, LeaseLost) as error:
            failure = error
    assert isinstance(failure, Unavailable), "a rollback is certain"
    assert "disk is full" in str(failure)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await lease.commit([large(acknowledged + 1)])
    await asyncio.sleep(2.5)
    assert backend.trouble() is not None, "it is still full"
    with pytest.raises(Unavailable):
        await backend.submit(a_put(labels={"long": os.urandom(40_000).hex()}))
    events = (await backend.view.find(EventQuery(key=KEY))).items
    assert [event.sequence for event in events] == list(range(1, acknowledged + 1)), "readable all the while"
    await asyncio.to_thread(ballast.unlink)
    await healthy(backend)
    assert not lease.ended.is_set()
    await lease.commit([a_step(sequence=acknowledged + 1)])
    assert await backend.submit(a_put(KEYS[5])) is True


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError:
            return


# --- nobody knows ----------------------------------------------------------------------------------------------------


@contextmanager
def failing_disk(size: int) -> Iterator[None]:
    """Writes beyond this size of any file fail: for SQLite an I/O error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_an_io_error_ends_the_lease_and_the_next_one_restores(backend: SqliteBackend) -> None:
    leases = backend.leases()
    lease = await anext(leases)
    await lease.commit([a_step()])
    size = sum(path.stat().st_size for path in backend.path.parent.iterdir())
    with failing_disk(size + 50_000):
        with pytest.raises(LeaseLost, match="disk reports an error"):
            await lease.commit([large(2)])
        assert lease.ended.is_set()
        told = backend.trouble()
        assert told is not None
        assert "IOERR" in told
        with pytest.raises(Unavailable):
            await backend.submit(a_put(KEYS[1], recipients=(), labels={"large": os.urandom(100_000).hex()}))
    fresh = await next_lease(leases)
    await healthy(backend)
    [order], [delivery] = await restored(fresh)
    assert (order.key, delivery.id) == (KEY, f"{KEY}-1")
    await fresh.commit([large(2)])
    assert len((await backend.view.find(EventQuery(key=KEY))).items) == 2


async def test_a_file_that_was_moved_away_is_not_made_anew(backend: SqliteBackend, tmp_path: Path) -> None:
    leases = backend.leases()
    lease = await anext(leases)
    await lease.commit([a_step()])
    away = tmp_path / "away"
    away.mkdir()
    for name in ("notifier.db", "notifier.db-wal", "notifier.db-shm"):
        (tmp_path / name).rename(away / name)
    with pytest.raises(LeaseLost, match="moved, replaced or deleted"):
        await lease.commit([a_step(sequence=2)])
    await asyncio.sleep(0.3)
    assert not backend.path.exists(), "an empty file in its place would have lost every order"
    assert backend.trouble() is not None
    for name in ("notifier.db-wal", "notifier.db-shm", "notifier.db"):
        if (away / name).exists():
            (away / name).rename(tmp_path / name)
    fresh = await next_lease(leases)
    await healthy(backend)
    [order], _ = await restored(fresh)
    assert order.key == KEY
    assert len((await backend.view.find(EventQuery(key=KEY))).items) == 1


async def test_a_folder_that_was_deleted_and_made_anew_is_the_new_ones_alone(
    backend: SqliteBackend, tmp_path: Path
) -> None:
    """The claim went with the folder: the old process would write into the file of the new one."""
    leases = backend.leases()
    lease = await anext(leases)
    await lease.commit([a_step()])
    for suffix in ("", "-wal", "-shm", ".lock"):
        (tmp_path / f"notifier.db{suffix}").unlink()
    other = SqliteBackend(backend.path, SystemClock())
    await other.open()
    with pytest.raises(LeaseLost):
        await lease.commit([a_step(sequence=2)])
    await asyncio.sleep(0.3)
    assert "in use by another notifier" in (backend.trouble() or "")
    with pytest.raises(Unavailable):
        await backend.submit(a_put(KEYS[1]))
    await other.submit(a_put(KEYS[2]))
    assert [one.watch.key for one in (await other.view.find(OrderQuery())).items] == [KEYS[2]]
    await other.close(5)


async def test_a_claim_that_was_deleted_is_noticed_at_the_next_write(backend: SqliteBackend, tmp_path: Path) -> None:
    leases = backend.leases()
    lease = await anext(leases)
    (tmp_path / "notifier.db.lock").unlink()
    with pytest.raises(LeaseLost, match="deleted"):
        await lease.commit([a_step()])
    fresh = await next_lease(leases)  # nobody has come in meanwhile
    await healthy(backend)
    await fresh.commit([a_step()])
    second = SqliteBackend(backend.path, SystemClock())
    with pytest.raises(Refused, match="in use"):
        await second.open()
    (tmp_path / "notifier.db.lock").unlink()
    await second.open()
    with pytest.raises(LeaseLost, match="deleted"):
        await fresh.commit([a_step(sequence=2)])
    await asyncio.sleep(0.3)
    assert "in use by another notifier" in (backend.trouble() or "")
    await second.close(5)
    await healthy(backend)


async def test_damage_while_it_is_used(backend: SqliteBackend) -> None:
    leases = backend.leases()
    lease = await anext(leases)
    keys = [f"trips/{number}" for number in range(400)]
    for key in keys:
        await backend.submit(a_put(key))
    await lease.commit([a_step(key) for key in keys])
    await backend.close(5)
    whole = bytearray(await asyncio.to_thread(backend.path.read_bytes))

    again = SqliteBackend(backend.path, SystemClock())
    await again.open()
    lease = await anext(again.leases())
    await asyncio.to_thread(backend.path.write_bytes, whole[:8192] + bytes(len(whole) - 8192))
    with pytest.raises(LeaseLost, match="damaged: stop, and restore a backup"):
        await restored(lease)
    assert lease.ended.is_set()
    told = again.trouble()
    assert told is not None
    assert "damaged" in told
    await again.close(5)
    with pytest.raises(Refused, match="damaged"):
        await SqliteBackend(backend.path, SystemClock()).open()


# --- together --------------------------------------------------------------------------------------------------------


async def test_many_submits_go_together_with_a_commit(backend: SqliteBackend) -> None:
    lease = await anext(backend.leases())
    transactions: list[int] = []
    write = backend._file.write  # type: ignore[union-attr]

    async def counted(works: list[object]) -> object:
        transactions.append(len(works))
        return await write(works)  # type: ignore[arg-type]

    backend._file.write = counted  # type: ignore[union-attr,method-assign]
    results = await asyncio.gather(
        lease.commit([a_step()]), *(backend.submit(a_put(f"trips/n{number}")) for number in range(100))
    )
    assert results == [None] + [True] * 100
    assert sum(transactions) == 101
    assert len(transactions) <= 2


async def test_one_that_is_at_fault_falls_alone(backend: SqliteBackend) -> None:
    lease = await anext(backend.leases())
    good, bad, other = await asyncio.gather(
        lease.commit([a_step()]),
        backend.submit(Command(kind="remove", key=KEY, at=2**70)),
        backend.submit(a_put(KEYS[1], at=T)),
        return_exceptions=True,
    )
    assert (good, other) == (None, True)
    assert isinstance(bad, OverflowError)
    assert backend.trouble() is None
    [order] = (await backend.view.find(OrderQuery(key=KEY))).items
    assert order.state is not None
    assert not order.removed


async def test_an_unopened_backend_is_unavailable(tmp_path: Path) -> None:
    backend = SqliteBackend(tmp_path / "notifier.db", SystemClock())
    with pytest.raises(Unavailable):
        await backend.submit(a_put())
    with pytest.raises(Unavailable):
        await backend.view.find(OrderQuery())
    await backend.close(1)


async def test_the_loop_goes_on_while_many_orders_are_restored(tmp_path: Path) -> None:
    backend = SqliteBackend(tmp_path / "notifier.db", SystemClock())
    await backend.open()
    keys = [f"trips/{number}" for number in range(5_000)]
    await asyncio.gather(*(backend.submit(a_put(key)) for key in keys))
    leases = backend.leases()
    lease = await anext(leases)
    for at in range(0, len(keys), 100):
        await lease.commit([a_step(key) for key in keys[at : at + 100]])
    await lease.release()
    turns = 0

    async def ticking() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    ticker = asyncio.create_task(ticking())
    orders, deliveries = await restored(await anext(leases))
    ticker.cancel()
    assert (len(orders), len(deliveries)) == (5_000, 5_000)
    assert turns > 20, "it got its turn between the slices"
    await backend.close(5)
