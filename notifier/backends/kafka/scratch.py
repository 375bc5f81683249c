"""A database file that is thrown away: what is in it is in Kafka too, and is read again after a restart."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import structlog

from notifier.backends.claim import Claim
from notifier.backends.worker import Worker
from notifier.errors import Refused, Unavailable

log = structlog.get_logger()

T = TypeVar("T")

PREFIX = "notifier-view-"
READERS = 2
TRIES = 10

_SETTINGS = (
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 16000",
)
_OF_EACH = (
    "PRAGMA {schema}.journal_mode = WAL",  # readers see the last transaction while the next one is written
    "PRAGMA {schema}.synchronous = OFF",
    "PRAGMA {schema}.cache_size = -32000",
    "PRAGMA {schema}.journal_size_limit = 134217728",
)
READ_ONLY = "?mode=ro"


class Broken(Unavailable):
    """The file will not do any more: begin with a new one."""


_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


class Scratch:
    """One connection that writes, on a thread of its own, and some that read. `create` makes the tables.

    It lies in the system's folder for temporary files (TMPDIR), for this user alone.
    """

    def __init__(self, create: Callable[[sqlite3.Connection], None]) -> None:
        self.folder = Path()  # once it is open
        self._create = create
        self._writing = Worker("view-write")
        self._reading = Worker("view-read", READERS)
        self._idle: SimpleQueue[sqlite3.Connection | None] = SimpleQueue()  # None: closed
        self._connection: sqlite3.Connection | None = None
        self._removing: weakref.finalize[..., Scratch] | None = None
        self._claim: Claim | None = None
        self._closed = False

    async def open(self) -> None:
        """Refused, with what to do."""
        await self._writing.run(self._open)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """In one transaction. Unavailable: nothing was written; Broken: nothing ever will be."""
        self._check()
        return await self._writing.run(lambda: self._write(work))

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Sees everything written. Unavailable."""
        self._check()
        return await self._reading.run(lambda: self._read(work))

    async def attach(self, files: Mapping[str, Path]) -> None:
        """Files of `folder` under these names, for all connections. Broken; Unavailable where it is closed."""
        self._check()
        await self._writing.run(lambda: self._attach(files))

    async def close(self) -> None:
        """The file is gone."""
        self._check()
        self._closed = True
        await self._writing.run(self._close)
        self._writing.stop()
        self._reading.stop()

    def _check(self) -> None:
        if self._closed:  # its threads have ended: nobody would answer
            raise Unavailable("the view is closed")

    # --- on the threads ----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        remove_leftovers()
        self.folder, self._claim = folder, _ = _folder()
        self._removing = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        path = folder / "view.db"
        try:
            connection = _connect(path)
            for setting in (*_SETTINGS, *_OF_EACH):
                connection.execute(setting.format(schema="main"))
            with _transaction(connection):
                self._create(connection)
            for _ in range(READERS):
                self._idle.put(_connect(path, READ_ONLY))
        except sqlite3.Error as error:
            raise Refused(
                f"no database can be made in {folder.parent} ({type(error).__name__}): make room there, or set TMPDIR"
            ) from error
        self._connection = connection

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            raise Unavailable("the view is closed")
        try:
            with _transaction(self._connection):
                return work(self._connection)
        except sqlite3.Error as error:
            raise mapped(error) from error

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._idle.get()  # as many as there are threads, unless all are just being changed
        if connection is None:
            self._idle.put(None)
            raise Unavailable("the view is closed")
        try:
            return work(connection)
        except sqlite3.Error as error:
            raise mapped(error) from error
        finally:
            self._idle.put(connection)

    def _attach(self, files: Mapping[str, Path]) -> None:
        if self._connection is None:
            raise Unavailable("the view is closed")
        readers = self._readers()
        try:
            for name, path in files.items():
                self._connection.execute(f"ATTACH ? AS {name}", (path.as_uri(),))
                for setting in _OF_EACH:
                    self._connection.execute(setting.format(schema=name))
                for reader in readers:
                    reader.execute(f"ATTACH ? AS {name}", (path.as_uri() + READ_ONLY,))
        except sqlite3.Error as error:
            raise Broken(str(mapped(error))) from error
        finally:
            for reader in readers:
                self._idle.put(reader)

    def _readers(self) -> list[sqlite3.Connection]:
        """All of them: a busy one is waited for, and who comes then waits."""
        return [reader for reader in (self._idle.get() for _ in range(READERS)) if reader is not None]

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            for each in (*self._readers(), connection):
                each.close()
            self._idle.put(None)
        if self._removing is not None:
            self._removing()
        if self._claim is not None:
            self._claim.release()
            self._claim = None


def remove_leftovers() -> None:
    """Of processes that were killed: a folder of ours that nobody claims."""
    for folder in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        try:
            status = folder.lstat()
            if folder.is_symlink() or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
                continue  # not made by us: nothing in it is touched
            claim = Claim(folder / "view")
        except (OSError, Refused):
            continue
        shutil.rmtree(folder, ignore_errors=True)
        claim.release()
        log.info("leftover_removed", folder=str(folder))


def _folder() -> tuple[Path, Claim]:
    """A new one, claimed: somebody else who starts at the same moment may have taken it for a leftover."""
    for _ in range(TRIES):
        try:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        except OSError as error:
            raise Refused(
                f"no folder can be made in {tempfile.gettempdir()} ({error.strerror}): make it writable, or set TMPDIR"
            ) from error
        try:
            claim = Claim(folder / "view")
        except Refused:
            continue
        if claim.holds():
            return folder, claim
        claim.release()  # of a file that was taken away between its making and its claim
    raise Refused(f"new folders in {tempfile.gettempdir()} are taken away at once: set TMPDIR to one of our own")


def _connect(path: Path, mode: str = "") -> sqlite3.Connection:
    return sqlite3.connect(path.as_uri() + mode, uri=True, timeout=5, isolation_level=None, check_same_thread=False)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def mapped(error: sqlite3.Error) -> Unavailable:
    """What it means for who reads or writes."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    kind = Broken if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN else Unavailable
    return kind(f"the view's temporary file fails ({name}): make room for temporary files, or set TMPDIR")
