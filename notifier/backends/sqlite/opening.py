"""Opening a database file: what it must be, and the settings of a connection. Blocking calls.

Whatever is wrong is Refused with what to do, and the file is left as it was.
"""

import os
import sqlite3
from pathlib import Path
from threading import Timer

import structlog

from notifier import codec
from notifier.backends import tables
from notifier.errors import Refused
from notifier.model import Instant

log = structlog.get_logger()

APPLICATION_ID = int.from_bytes(b"ontf", "big")
OLDEST_SQLITE = (3, 35)
CHECK_SECONDS = 10.0

_SETTINGS = (
    "PRAGMA synchronous = FULL",  # NORMAL lost acknowledged commits at a power cut
    "PRAGMA fullfsync = ON",  # macOS: fsync alone does not reach the disk
    "PRAGMA secure_delete = ON",  # FAST leaves addresses in free pages; this costs at the end of retention alone
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -4000",  # KiB: the inner pages of a million orders; leaves are in the cache of the system
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
)


class Damaged(Refused):
    """`found` is what is wrong, without what to do about it."""

    def __init__(self, path: Path, detail: str) -> None:
        self.found = f"{path} is damaged or no database ({detail})"
        super().__init__(f"{self.found}: restore a backup with `notifier restore`, or move the file away to begin anew")


def prepare(path: Path) -> None:
    """The folder, and a place that can be written."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise Refused(f"this Python has SQLite {sqlite3.sqlite_version}: 3.35 or newer is needed")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(
            f"the folder {path.parent} cannot be made ({error.strerror}): choose another path, or make it writable"
        ) from error
    if path.is_dir():
        raise Refused(f"{path} is a folder: name a file in it")
    for place in (path, path.parent):
        if place.exists() and not os.access(place, os.W_OK):
            raise Refused(f"{place} cannot be written: make it writable for this user, or choose another path")


def inspect(path: Path) -> None:
    """Refused unless the existing file is whole, ours, and of a format that we read."""
    try:
        connection = read_only(path)
        try:
            if not is_empty(connection):
                check_format(connection, path)
                _check_whole(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise refused(path, error) from error


def connect(path: Path, epoch: Instant, create: bool) -> sqlite3.Connection:
    """The connection that writes; the file is made if `create`. Refused, or sqlite3.Error for an existing file."""
    if create and not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # personal data: for this user alone
        sync_folder(path.parent)
    connection = writable(path)
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise Refused(f"{path} lies on a file system without shared memory: choose a folder on a local disk")
        for setting in _SETTINGS:
            connection.execute(setting)
        if is_empty(connection):
            if not create:
                raise Refused(f"{path} was replaced by an empty file while in use: put the old one back, then restart")
            begin(connection, epoch)
        check_format(connection, path)
        connection.execute("BEGIN IMMEDIATE")  # tells a file that cannot be written
        connection.execute("ROLLBACK")
    except BaseException:
        connection.close()
        raise
    return connection


def begin(connection: sqlite3.Connection, epoch: Instant) -> None:
    """The tables and the marks of an empty file."""
    connection.execute("BEGIN IMMEDIATE")
    tables.create(connection, epoch)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {codec.FORMAT}")
    connection.execute("COMMIT")


def read_only(path: Path) -> sqlite3.Connection:
    return _connect(path, "ro")


def writable(path: Path) -> sqlite3.Connection:
    """An existing file, with SQLite's own settings."""
    return _connect(path, "rw")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None, check_same_thread=False)


def is_empty(connection: sqlite3.Connection) -> bool:
    """No table yet: an empty file, or one whose first transaction never came to its end."""
    (found,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    return not found and mark in (0, APPLICATION_ID)


def check_format(connection: sqlite3.Connection, path: Path) -> None:
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if mark != APPLICATION_ID:
        raise Refused(f"{path} is a database of another program: choose another path")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > codec.FORMAT:
        raise Refused(
            f"{path} has format {version}, written by a newer release; this one reads up to {codec.FORMAT}: "
            "start that release again, or restore a backup that was made before it"
        )


def _check_whole(connection: sqlite3.Connection, path: Path) -> None:
    """Reads every page, for so many seconds at most: what lies behind shows when it is read."""
    timer = Timer(CHECK_SECONDS, connection.interrupt)
    timer.start()
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        log.warning("file_not_wholly_checked", path=str(path), seconds=CHECK_SECONDS)
        return
    finally:
        timer.cancel()
        timer.join()
    if verdict != "ok":
        raise Damaged(path, verdict)


def refused(path: Path, error: sqlite3.Error) -> Refused:
    """Why a file cannot be opened, and what to do."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Damaged(path, name)
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return Refused(f"{path} cannot be opened for writing ({name}): make the file and its folder writable")
    if primary == sqlite3.SQLITE_FULL:
        return Refused(f"{path}: the disk is full ({name}): free some space")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Refused(f"{path} is held by another program ({name}): end that program")
    return Refused(f"{path} cannot be read ({name}): look at the disk, or restore a backup")


def sync_folder(folder: Path) -> None:
    """Makes new names in it durable."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
