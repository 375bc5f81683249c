"""A lease over the tables: the same for every backend that keeps its shards in them."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import structlog

from notifier.backends import commits, tables
from notifier.backends.base import Change, Stored
from notifier.backends.bell import Bell
from notifier.errors import LeaseLost, Unavailable
from notifier.model import Command, Delivery, Instant

log = structlog.get_logger()

T = TypeVar("T")

SLICE = 500  # rows decoded by the loop in one go: some milliseconds
FORGET_SLICE = 50  # orders deleted in one transaction: others write in between


class Store(Protocol):
    """The tables, wherever they are."""

    @property
    def commands(self) -> Bell: ...

    def settle(self) -> Awaitable[None]:
        """What was given to `write` before is written, or never will be. Unavailable or LeaseLost."""
        ...

    def read(self, work: Callable[[sqlite3.Connection], T], /) -> Awaitable[T]:
        """Unavailable."""
        ...

    def write(self, work: Callable[[sqlite3.Connection], T], /) -> Awaitable[T]:
        """In one transaction, durable on return; Unavailable: nothing was written; LeaseLost: unknown."""
        ...


class TableLease:
    """`mine` says which keys belong to the shard where the tables hold more than one; `on_end` hears its end, once."""

    def __init__(
        self,
        shard: int,
        store: Store,
        mine: Callable[[str], bool] | None = None,
        on_end: Callable[["TableLease"], None] = lambda _: None,
    ) -> None:
        self.shard = shard
        self.ended = asyncio.Event()
        self._store = store
        self._mine = mine
        self._on_end = on_end

    async def restore(self) -> AsyncIterator[Stored | Delivery]:
        # A commit of the lease before may still be on its way, if it was cancelled: it comes first.
        await self._settle()
        number = 0
        while orders := await self._read(_after(commits.live_orders, number)):
            for number, stored in orders:  # noqa: B007
                if self._mine is None or self._mine(stored.key):
                    yield stored
        number = 0
        while deliveries := await self._read(_after(commits.open_deliveries, number)):
            for number, delivery in deliveries:  # noqa: B007
                if self._mine is None or self._mine(delivery.key):
                    yield delivery

    async def commands(self) -> AsyncIterator[Command]:
        number = 0
        while True:
            seen = self._store.commands.newest
            commands = await self._read(_after(tables.commands, number))
            for command in commands:
                number = command.number
                if self._mine is None or self._mine(command.key):
                    yield command
            if not commands and not await self._store.commands.wait(seen):
                return

    async def load(self, key: str, /) -> Stored | None:
        return await self._read(lambda connection: commits.load(connection, key))

    async def delivery(self, key: str, delivery_id: str, /) -> Delivery | None:
        return await self._read(lambda connection: commits.delivery(connection, key, delivery_id))

    async def commit(self, changes: Sequence[Change], /) -> None:
        await self._write(lambda connection: commits.commit(connection, changes))

    async def forget(self, retired_before: Instant, /) -> int:
        """All of them, a slice at a time."""
        total = 0
        while forgotten := await self._write(
            lambda connection: commits.forget(connection, retired_before, FORGET_SLICE, self._mine)
        ):
            total += forgotten
        return total

    def held(self) -> str | None:
        return "this lease has ended" if self.ended.is_set() else None

    async def release(self) -> None:
        self.end()

    def end(self) -> None:
        """Nothing is read or written by it from now on."""
        if not self.ended.is_set():
            self.ended.set()
            self._on_end(self)

    async def _settle(self) -> None:
        self._check()
        try:
            await self._store.settle()
        except (Unavailable, LeaseLost) as error:
            self.end()
            raise LeaseLost(str(error)) from error

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._check()
        try:
            return await self._store.read(work)
        except Unavailable as error:
            self.end()
            raise LeaseLost(str(error)) from error

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._check()
        try:
            return await self._store.write(work)
        except Unavailable:
            raise
        except (LeaseLost, asyncio.CancelledError):
            self.end()
            raise
        except Exception as error:
            log.exception("commit_failed", shard=self.shard)
            self.end()
            raise LeaseLost(f"a fault of ours, {type(error).__name__}: see the log") from error

    def _check(self) -> None:
        if self.ended.is_set():
            raise LeaseLost("this lease has ended")


def _after(
    table: Callable[[sqlite3.Connection, int, int], list[T]], number: int
) -> Callable[[sqlite3.Connection], list[T]]:
    return lambda connection: table(connection, number, SLICE)
