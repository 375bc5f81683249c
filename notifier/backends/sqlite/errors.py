"""What SQLite's errors mean for a write, in one table (https://www.sqlite.org/rescode.html)."""

import sqlite3
from pathlib import Path

from notifier.errors import LeaseLost, Unavailable

# Raised before anything is final: nothing was written, and the same may come again. A COMMIT that ends so has been
# rolled back by SQLite itself: in WAL mode it is final with its last frame only, and errors of the checkpoint after it
# are not told. (A frame that lies there without having counted can come back in a crash: with the bytes that are
# repeated anyway.)
_NOTHING_WRITTEN = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_READONLY: "it cannot be written: make the file and its folder writable",
    sqlite3.SQLITE_BUSY: "another program holds it: end that program",
    sqlite3.SQLITE_LOCKED: "another program holds it: end that program",
    sqlite3.SQLITE_NOMEM: "there is too little memory",
}

# Anything else leaves the outcome, or the connection itself, in doubt; these have words of their own.
_UNKNOWN = {
    sqlite3.SQLITE_IOERR: "the disk reports an error: see the system's log",
    sqlite3.SQLITE_CORRUPT: "it is damaged: stop, and restore a backup",
    sqlite3.SQLITE_NOTADB: "it is no database any more: stop, and restore a backup",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: is its folder still there and writable?",
    sqlite3.SQLITE_READONLY_DBMOVED: "it was moved, replaced or deleted while in use: put it back",
}


def mapped(error: sqlite3.Error, path: Path) -> Unavailable | LeaseLost:
    """For a read, or a transaction that was rolled back without an error."""
    code = getattr(error, "sqlite_errorcode", None)  # absent where Python itself raised it
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if code is None:
        return LeaseLost(f"{path}: {type(error).__name__}")
    if code in _UNKNOWN:
        return LeaseLost(f"{path}: {_UNKNOWN[code]} ({name})")
    primary = code & 0xFF
    if primary in _NOTHING_WRITTEN:
        return Unavailable(f"{path}: {_NOTHING_WRITTEN[primary]} ({name})")
    return LeaseLost(f"{path}: {_UNKNOWN.get(primary, 'SQLite reports an error')} ({name})")


def is_fault(error: Exception) -> bool:
    """Whether it is about what was asked, not about the file: the connection goes on."""
    if not isinstance(error, sqlite3.Error):
        return True
    about_the_request = sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError | sqlite3.DataError
    return isinstance(error, about_the_request | sqlite3.NotSupportedError)
