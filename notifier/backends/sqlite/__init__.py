"""The embedded backend: one file, one shard, one process."""

from notifier.backends.sqlite.backend import SqliteBackend
from notifier.backends.sqlite.backup import backup_file, restore_file

__all__ = ["SqliteBackend", "backup_file", "restore_file"]
