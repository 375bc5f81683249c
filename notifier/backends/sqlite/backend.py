"""The embedded backend: one file is one shard, and this process its only owner.

An error that leaves a commit's outcome unknown ends the lease; the file is opened again, as often as it takes, and a
new lease restores from what is really there.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from notifier.backends import tables
from notifier.backends.base import Lease
from notifier.backends.bell import Bell, Bells
from notifier.backends.claim import Claim
from notifier.backends.lease import TableLease
from notifier.backends.sqlite.backup import backup_file
from notifier.backends.sqlite.file import File
from notifier.backends.sqlite.group import Group
from notifier.backends.sqlite.opening import prepare
from notifier.backends.view import SqlView
from notifier.clock import Clock
from notifier.errors import BackendError, LeaseLost, Unavailable
from notifier.model import Command, Fact

log = structlog.get_logger()

T = TypeVar("T")

FIRST_PAUSE, LAST_PAUSE = 0.05, 2.0  # seconds between tries to get a broken file, or a lease, going again
QUIET = 2.0  # seconds without a failure before a write of our own may say that all is well
LONG_ENOUGH = 1.0  # seconds after which a lease was not lost at once


class SqliteBackend:
    """`path` is relative to the working directory; its folder is made."""

    shards = 1

    def __init__(self, path: Path | str, clock: Clock) -> None:
        self.path = Path(path).absolute()
        self._clock = clock
        self._bells = Bells()
        self._view = SqlView(self._look, self._bells.events, clock)
        self._claim: Claim | None = None
        self._file: File | None = None
        self._group: Group | None = None
        self._lease: TableLease | None = None
        self._sound = asyncio.Event()  # the file is open
        self._trouble: str | None = None
        self._failed_at = 0.0
        self._healing: asyncio.Task[None] | None = None

    @property
    def view(self) -> SqlView:
        return self._view

    @property
    def commands(self) -> Bell:
        return self._bells.commands

    def trouble(self) -> str | None:
        return self._trouble

    # --- opening and closing -------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Refused: in use, damaged, not ours, or not writable; the file is as it was."""
        prepare(self.path)
        self._claim = Claim(self.path)
        self._file = File(self.path, lambda: self._claim is not None and self._claim.holds())
        self._group = Group(self._file, self._written, self._failed)
        try:
            self._bells.reach(await self._file.open(self._clock.now()))
        except BaseException:
            await self._file.close()
            self._claim.release()
            raise
        self._sound.set()
        log.info("file_opened", path=str(self.path))

    async def close(self, within: float) -> None:
        """What was given to it is still written, if that takes no longer than `within` seconds."""
        if self._lease is not None:
            self._lease.end()
        self._bells.close()
        if self._healing is not None:
            self._healing.cancel()
            await asyncio.wait([self._healing])
        if self._file is None or self._group is None or self._claim is None:
            return
        try:
            async with asyncio.timeout(within):
                await self._group.drain()
                await self._file.close()
        except TimeoutError:
            log.error("file_not_closed", path=str(self.path), within=within)  # its claim ends with the process
        else:
            self._claim.release()
        self._file = self._group = self._claim = None
        self._sound.set()  # who waits for the next lease learns that there is none

    async def backup(self, target: Path | str) -> None:
        """A consistent copy of what is committed, while everything goes on. Refused."""
        await asyncio.to_thread(backup_file, self.path, Path(target))

    # --- what the program asks ------------------------------------------------------------------------------------

    async def leases(self) -> AsyncIterator[Lease]:
        pause = 0.0
        while True:
            await self._sound.wait()
            if self._bells.events.closed:
                return
            began = self._clock.monotonic()
            self._lease = TableLease(0, self)
            yield self._lease
            await self._lease.ended.wait()
            if self._clock.monotonic() - began > LONG_ENOUGH:
                pause = 0.0
            await asyncio.sleep(pause)  # one that was lost at once would be lost again
            pause = min(max(pause * 2, FIRST_PAUSE), LAST_PAUSE)

    async def submit(self, command: Command, /) -> bool:
        command = command if command.at else msgspec.structs.replace(command, at=self._clock.now())
        return await self._ask(lambda connection: tables.submit(connection, command))

    async def tell(self, fact: Fact, /) -> None:
        await self._ask(lambda connection: tables.tell(connection, fact))

    async def known_facts(self) -> tuple[Fact, ...]:
        return tuple(fact for _, fact in await self._look(lambda connection: tables.facts(connection, 0)))

    async def facts(self) -> AsyncIterator[Fact]:
        number = 0
        while True:
            seen = self._bells.facts.newest
            try:
                told = await self._look(partial(tables.facts, after=number))
            except Unavailable:
                if self._bells.facts.closed:
                    return
                await asyncio.sleep(LAST_PAUSE)
                continue
            for number, fact in told:  # noqa: B007
                yield fact
            if not await self._bells.facts.wait(seen):
                return

    # --- the tables -----------------------------------------------------------------------------------------------

    async def read(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """For the lease. Off the loop, seeing everything committed; Unavailable: the file is opened anew."""
        try:
            return await self._look(work)
        except Unavailable as error:
            self._failed(LeaseLost(str(error)))
            raise

    async def _look(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """For everybody else: who cannot read a page of the past does not stop what goes on."""
        if self._file is None:
            raise Unavailable(f"{self.path} is not open")
        try:
            return await self._file.read(work)
        except LeaseLost as error:
            raise Unavailable(str(error)) from error

    async def write(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """In one transaction with whatever else waits; Unavailable or LeaseLost."""
        if self._group is None:
            raise Unavailable(f"{self.path} is not open")
        if not self._sound.is_set():
            raise LeaseLost(self._trouble or f"{self.path} is not open")
        return await self._group.write(work)

    async def settle(self) -> None:
        """Everything given to `write` before is done with."""
        await self.write(lambda _: None)

    async def _ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self.write(work)
        except LeaseLost as error:
            raise Unavailable(str(error)) from error

    # --- trouble --------------------------------------------------------------------------------------------------

    def _written(self, newest: dict[str, int]) -> None:
        if self._trouble is not None:
            log.info("file_works_again", path=str(self.path))
            self._trouble = None
        self._bells.reach(newest)

    def _failed(self, error: Unavailable | LeaseLost) -> None:
        if self._bells.events.closed:
            return
        if self._trouble is None:
            log.error("file_fails", error=str(error))
        self._trouble = str(error)
        self._failed_at = self._clock.monotonic()
        if isinstance(error, LeaseLost):
            self._sound.clear()
            if self._lease is not None:
                self._lease.end()
        if self._healing is None:
            self._healing = asyncio.get_running_loop().create_task(self._heal(), name="sqlite healing")

    def _claim_again(self) -> None:
        """Refused when another process has the file by now; that one has come later, but may have written to it."""
        if self._claim is not None and not self._claim.holds():
            again = Claim(self.path)
            self._claim.release()
            self._claim = again

    async def _heal(self) -> None:
        """Until something could be written again."""
        assert self._file is not None
        assert self._group is not None
        pause = 0.0
        try:
            while self._trouble is not None:
                await asyncio.sleep(pause)
                pause = min(max(pause * 2, FIRST_PAUSE), LAST_PAUSE)
                try:
                    if not self._sound.is_set():
                        self._claim_again()
                        await self._file.reopen()
                        self._sound.set()
                    elif self._clock.monotonic() - self._failed_at < QUIET:
                        continue  # while others fail, a small write that fits is no sign of health
                    await self._group.write(tables.probe)
                except BackendError as error:
                    self._trouble = str(error)
        finally:
            self._healing = None
