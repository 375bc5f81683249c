"""A backend in memory, with shards that tests take away and give back, and commits that fail as they are told.

The same tables as the real ones, in SQLite's memory, without threads: it runs on virtual time. Several backends may
share one `Storage`: they are then replicas, and a restart is a new backend over the old storage.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Literal, TypeVar

import msgspec

from notifier.backends import tables
from notifier.backends.base import Lease
from notifier.backends.bell import Bell, Bells
from notifier.backends.lease import TableLease
from notifier.backends.partition import shard_of
from notifier.backends.view import SqlView
from notifier.clock import Clock, SystemClock
from notifier.errors import LeaseLost, Unavailable
from notifier.model import Command, Fact

T = TypeVar("T")

Fault = Literal["unavailable", "lost", "lost_after"]
"""Nothing is written · the lease is lost, nothing is written · the lease is lost, everything was written."""


class Storage:
    """What outlives a backend: the tables, and who owns each shard."""

    def __init__(self, shards: int = 3) -> None:
        self.shards = shards
        self.owners: dict[int, TableLease] = {}
        self.listeners: list[Bells] = []
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.write(lambda connection: tables.create(connection, epoch=1))

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self.connection)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.connection.execute("BEGIN")
        try:
            result = work(self.connection)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        newest = tables.newest(self.connection)
        for bells in self.listeners:
            bells.reach(newest)
        return result

    def close(self) -> None:
        self.connection.close()


class MemoryBackend:
    """Owns every shard from `open` on, until `take` takes it; `give` offers it again."""

    def __init__(self, shards: int = 3, clock: Clock | None = None, storage: Storage | None = None) -> None:
        self.storage = storage or Storage(shards)
        self.shards = self.storage.shards
        self.faults: dict[int, deque[Fault]] = {shard: deque() for shard in range(self.shards)}
        self.bells = Bells()
        self._clock = clock or SystemClock()
        self._view = SqlView(self.read, self.bells.events, self._clock)
        self._leases: dict[int, TableLease] = {}
        self._away: set[int] = set()
        self._offers: asyncio.Queue[int | None] = asyncio.Queue()
        self._offered: set[int] = set()
        self._trouble: str | None = None

    @property
    def view(self) -> SqlView:
        return self._view

    def trouble(self) -> str | None:
        return self._trouble

    # --- what tests do --------------------------------------------------------------------------------------------

    def take(self, shard: int) -> None:
        """The shard is no longer ours: its lease ends, and what it still commits is refused."""
        self._away.add(shard)
        if lease := self._leases.pop(shard, None):
            lease.end()

    def give(self, shard: int) -> None:
        """Offers the shard again; a lease of it, here or in another replica, ends when the new one begins."""
        self._away.discard(shard)
        self._offer(shard)

    def fail(self, shard: int, *faults: Fault) -> None:
        """The next commits of the shard go this way, one after the other."""
        self.faults[shard].extend(faults)

    def break_down(self, reason: str | None) -> None:
        """Nothing can be written, for this reason (Unavailable); None: all is well again."""
        self._trouble = reason

    # --- Backend --------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Never Refused."""
        self.storage.listeners.append(self.bells)
        self.bells.reach(self.storage.read(tables.newest))
        for shard in range(self.shards):
            if shard not in self._away:
                self._offer(shard)

    async def leases(self) -> AsyncIterator[Lease]:
        while (shard := await self._offers.get()) is not None:
            self._offered.discard(shard)
            if shard in self._away:
                continue
            former = self.storage.owners.get(shard)
            lease = TableLease(shard, _Shard(self, shard), partial(self._is_of, shard), self._ended)
            self._leases[shard] = self.storage.owners[shard] = lease
            if former is not None:
                former.end()
            yield lease

    async def submit(self, command: Command, /) -> bool:
        command = command if command.at else msgspec.structs.replace(command, at=self._clock.now())
        return await self.write(lambda connection: tables.submit(connection, command))

    async def tell(self, fact: Fact, /) -> None:
        await self.write(lambda connection: tables.tell(connection, fact))

    async def known_facts(self) -> tuple[Fact, ...]:
        return tuple(fact for _, fact in await self.read(lambda connection: tables.facts(connection, 0)))

    async def facts(self) -> AsyncIterator[Fact]:
        number = 0
        while True:
            seen = self.bells.facts.newest
            told = await self.read(partial(tables.facts, after=number))
            for number, fact in told:  # noqa: B007
                yield fact
            if not await self.bells.facts.wait(seen):
                return

    async def close(self, within: float) -> None:  # noqa: ARG002
        """The storage stays as it is, for the next backend over it."""
        for shard in range(self.shards):
            self.take(shard)
        self.bells.close()
        if self.bells in self.storage.listeners:
            self.storage.listeners.remove(self.bells)
        self._offers.put_nowait(None)

    # --- the tables -----------------------------------------------------------------------------------------------

    async def read(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        await asyncio.sleep(0)
        return self.storage.read(work)

    async def write(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        await asyncio.sleep(0)
        if self._trouble is not None:
            raise Unavailable(self._trouble)
        return self.storage.write(work)

    def lose(self, shard: int) -> None:
        """Ends the lease, as an error of a commit does: it is offered again."""
        if lease := self._leases.get(shard):
            lease.end()

    def owns(self, shard: int) -> bool:
        lease = self._leases.get(shard)
        return lease is not None and not lease.ended.is_set()

    def _offer(self, shard: int) -> None:
        if shard not in self._offered:
            self._offered.add(shard)
            self._offers.put_nowait(shard)

    def _ended(self, lease: TableLease) -> None:
        """Offered again, unless it has another owner or is to have one."""
        if lease.shard not in self._away and self.storage.owners.get(lease.shard) is lease:
            self._offer(lease.shard)

    def _is_of(self, shard: int, key: str) -> bool:
        return shard_of(key, self.shards) == shard


class _Shard:
    """The tables as one lease reaches them."""

    def __init__(self, backend: MemoryBackend, shard: int) -> None:
        self._backend = backend
        self._shard = shard

    @property
    def commands(self) -> Bell:
        return self._backend.bells.commands

    async def settle(self) -> None:
        """Nothing is ever on its way."""

    async def read(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        return await self._backend.read(work)

    async def write(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        await asyncio.sleep(0)
        faults = self._backend.faults[self._shard]
        fault = faults.popleft() if faults else None
        if fault == "unavailable":
            raise Unavailable("a fault that a test asked for")
        if fault == "lost":
            self._backend.lose(self._shard)
        if not self._backend.owns(self._shard):
            raise LeaseLost(f"shard {self._shard} has another owner")
        result = await self._backend.write(work)
        if fault == "lost_after":
            self._backend.lose(self._shard)
            raise LeaseLost("a fault that a test asked for, after everything was written")
        return result
