"""An open database file: one connection that writes, on a thread of its own, and two that read."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

import structlog

from notifier.backends import tables
from notifier.backends.sqlite import opening
from notifier.backends.sqlite.errors import is_fault, mapped
from notifier.backends.worker import Worker
from notifier.errors import LeaseLost, Unavailable
from notifier.model import Instant

log = structlog.get_logger()

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

READERS = 2


class Written(NamedTuple):
    """What became of each work: a result, or the error that is its own fault. `newest`: see `tables.newest`."""

    results: list[Any]
    newest: dict[str, int]


class File:
    """Its threads live from `open` to `close`; `reopen` gives it fresh connections after an error."""

    def __init__(self, path: Path, claimed: Callable[[], bool]) -> None:
        """`claimed`: whether the file is still this process's alone; asked on its threads."""
        self.path = path
        self._claimed = claimed
        self._writing = Worker("notifier-write")
        self._reading = Worker("notifier-read", READERS)
        self._connection: sqlite3.Connection | None = None
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._identity: tuple[int, int] | None = None

    async def open(self, epoch: Instant) -> dict[str, int]:
        """Checked, and made if it is missing; Refused."""
        return await self._writing.run(lambda: self._open(epoch))

    async def reopen(self) -> None:
        """Refused or Unavailable or LeaseLost while it does not work."""
        await self._writing.run(self._reopen)

    async def write(self, works: Sequence[Work]) -> Written:
        """All in one transaction, durable on return; several of which one is at fault are written one by one.

        Unavailable: nothing was written. LeaseLost: unknown, `reopen` it. The same may stand among the results.
        """
        return await self._writing.run(lambda: self._write(works))

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Sees everything committed. Unavailable or LeaseLost by its error."""
        return await self._reading.run(lambda: self._read(work))

    async def close(self) -> None:
        await self._writing.run(self._close)
        self._writing.stop()
        self._reading.stop()

    # --- on the threads ------------------------------------------------------------------------------------------

    def _open(self, epoch: Instant) -> dict[str, int]:
        if self.path.exists():
            opening.inspect(self.path)
        try:
            self._connect(epoch, create=True)
            assert self._connection is not None
            return tables.newest(self._connection)
        except sqlite3.Error as error:
            raise opening.refused(self.path, error) from error

    def _reopen(self) -> None:
        self._close()
        try:
            self._connect(0, create=False)
        except sqlite3.Error as error:
            raise mapped(error, self.path) from error

    def _connect(self, epoch: Instant, create: bool) -> None:
        connection = opening.connect(self.path, epoch, create)
        idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        for _ in range(READERS):
            idle.put(opening.read_only(self.path))
        self._connection, self._idle, self._identity = connection, idle, _identity(self.path)

    def _close(self) -> None:
        idle, self._idle = self._idle, SimpleQueue()
        connection, self._connection = self._connection, None
        if connection is None:
            return
        # A reader that is busy gives its connection back; the last connection to close tidies up the log.
        for each in [idle.get() for _ in range(READERS)] + [connection]:
            try:
                each.close()
            except sqlite3.Error as error:
                log.warning("close_failed", path=str(self.path), error=str(mapped(error, self.path)))

    def _write(self, works: Sequence[Work]) -> Written:
        connection = self._connection
        if connection is None:
            raise LeaseLost(f"{self.path} is closed")
        try:
            return self._transact(connection, works)
        except Exception as error:
            if not is_fault(error) or len(works) == 1:
                raise
        together = Written([], {})
        for work in works:
            try:
                results, newest = self._transact(connection, [work])
            except Exception as error:
                together.results.append(error)
            else:
                together.results.extend(results)
                together.newest.update(newest)
        return together

    def _transact(self, connection: sqlite3.Connection, works: Sequence[Work]) -> Written:
        self._check_place()
        try:
            connection.execute("BEGIN IMMEDIATE")
            written = Written([work(connection) for work in works], tables.newest(connection))
            connection.execute("COMMIT")
        except Exception as error:
            self._rollback(connection)
            if isinstance(error, sqlite3.Error) and not is_fault(error):
                raise mapped(error, self.path) from error
            raise
        return written

    def _check_place(self) -> None:
        """In WAL mode SQLite does not notice, and would write on into a file without a name."""
        if _identity(self.path) != self._identity:
            raise LeaseLost(f"{self.path}: it was moved, replaced or deleted while in use: put it back")
        if not self._claimed():
            raise LeaseLost(f"{self.path}: the file that claims it was deleted, so another process may be using it")

    def _rollback(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise LeaseLost(f"{self.path}: a rollback ended in {type(error).__name__}") from error

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        idle = self._idle
        try:
            connection = idle.get_nowait()  # as many as there are threads, unless it is closed
        except Empty:
            raise Unavailable(f"{self.path} is closed") from None
        try:
            return work(connection)
        except sqlite3.Error as error:
            if is_fault(error):
                raise
            raise mapped(error, self.path) from error
        finally:
            idle.put(connection)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
