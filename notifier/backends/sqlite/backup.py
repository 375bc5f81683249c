"""Backup and restore of a database file: `notifier backup`, `notifier restore`. Blocking calls.

A backup is made online, while another process serves from the file. A restored order begins a new life: events after
the backup were published already, and their sequence numbers must not come again with another content.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from notifier.backends.claim import Claim
from notifier.backends.sqlite import opening
from notifier.backends.sqlite.new_life import begin_new_lives
from notifier.clock import Clock, SystemClock
from notifier.errors import Refused
from notifier.model import Instant

Progress = Callable[[int, int], None]
"""Told (done, total), first in pages, then in orders."""

PAGES_AT_ONCE = 100


class Restored(NamedTuple):
    """`dead`: deliveries that were open in the backup and are not sent. `aside`: where the replaced file lies now."""

    orders: int
    dead: int
    aside: Path | None


def _quiet(_done: int, _total: int) -> None:
    """For callers without a bar."""


def backup_file(source: Path | str, target: Path | str, progress: Progress = _quiet) -> None:
    """A consistent copy of what is committed, durable on return, in one file of its own.

    Refused when there is no such database, or when the target exists.
    """
    source, target = Path(source).absolute(), Path(target).absolute()
    if not source.is_file():
        raise Refused(f"{source} does not exist: name the database file of the service")
    if target.exists():
        raise Refused(f"{target} exists: choose another name for the backup")
    with _written_aside(target) as aside:
        _copy(source, aside, progress)
        _finish(aside)
        try:
            os.link(aside, target)  # unlike a rename it fails where somebody made the target meanwhile
        except FileExistsError:
            raise Refused(f"{target} exists: choose another name for the backup") from None
    opening.sync_folder(target.parent)


def restore_file(
    backup: Path | str,
    target: Path | str,
    force: bool = False,
    progress: Progress = _quiet,
    clock: Clock | None = None,
) -> Restored:
    """Puts a backup in the place of `target`; every order in it begins a new life now.

    Deliveries that were open are dead with reason `restored`, since they may have been sent after the backup was made:
    `deliveries retry` sends them all the same. With `force` an existing file is moved aside, never deleted.
    Refused when the backup is damaged or of a newer format, and when the target is in use or exists.
    """
    backup, target = Path(backup).absolute(), Path(target).absolute()
    if not backup.is_file():
        raise Refused(f"{backup} does not exist: name a file made by `notifier backup`")
    try:
        opening.inspect(backup)
    except opening.Damaged as error:
        raise Refused(f"{error.found}: name another file made by `notifier backup`") from error
    opening.prepare(target)
    now = (clock or SystemClock()).now()
    claim = Claim(target)
    try:
        if target.exists() and not force:
            raise Refused(f"{target} exists: move it away, or restore with --force (it is then kept beside)")
        with _written_aside(target) as aside:
            _copy(backup, aside, progress)
            with contextlib.closing(opening.writable(aside)) as connection:
                orders, dead = begin_new_lives(connection, now, progress)
            _finish(aside)
            replaced = _move_aside(target, now) if target.exists() else None
            aside.rename(target)
        opening.sync_folder(target.parent)
        return Restored(orders, dead, replaced)
    except sqlite3.Error as error:
        raise opening.refused(target, error) from error
    except OSError as error:
        raise Refused(f"{target} cannot be restored: {error.strerror}") from error
    finally:
        claim.release()


@contextlib.contextmanager
def _written_aside(target: Path) -> Iterator[Path]:
    """A file beside the target, gone at the end unless it was renamed."""
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise Refused(f"{target} cannot be written ({error.strerror}): choose a folder that can be") from error
    try:
        yield aside
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            aside.with_name(aside.name + suffix).unlink(missing_ok=True)


def _copy(source: Path, target: Path, progress: Progress) -> None:
    """Page by page under one read transaction: commits go on meanwhile, and are not in it."""

    def told(_status: int, remaining: int, total: int) -> None:
        progress(total - remaining, total)

    try:
        with contextlib.closing(opening.read_only(source)) as reading:
            reading.execute("BEGIN")
            if opening.is_empty(reading):
                raise Refused(f"{source} is empty: name the database file of the service")
            opening.check_format(reading, source)
            with contextlib.closing(opening.writable(target)) as writing:
                reading.backup(writing, pages=PAGES_AT_ONCE, progress=told)
    except sqlite3.Error as error:
        wrong = target if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL else source
        raise opening.refused(wrong, error) from error


def _finish(path: Path) -> None:
    """One whole file without a log beside it, durable."""
    with contextlib.closing(opening.writable(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    opening.inspect(path)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _move_aside(target: Path, now: Instant) -> Path:
    """The file and its log, under names of their own: a log left behind would be applied to the restored file."""
    aside = target.with_name(f"{target.name}.replaced-{now}")
    for suffix in ("-wal", "-shm", ""):
        part = target.with_name(target.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
