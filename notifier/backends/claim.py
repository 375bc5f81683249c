"""The claim of a file: one process, one backend.

An operating system's lock on a file beside it, so that a kill frees it. It is not a lock on the database file itself:
closing any descriptor of that one would drop the locks that SQLite holds on it (https://www.sqlite.org/howtocorrupt.html,
2.2). We never delete the file beside. Somebody else may, with the whole folder even, and a second process would come
in: hence `holds`, to be asked before each write.
"""

import os
import sys
from pathlib import Path

from notifier.errors import Refused

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # a locked byte cannot be read by others: lock one far behind
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # of the open file: holds off this process too


class Claim:
    """Held from its making until `release`. Refused when another one holds it."""

    def __init__(self, path: Path) -> None:
        beside = self.path = path.with_name(path.name + ".lock")
        try:
            self._descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Refused(f"{beside} cannot be made ({error.strerror}): choose a folder that can be written") from error
        try:
            _lock(self._descriptor)
        except OSError as error:
            holder = _read(self._descriptor)
            os.close(self._descriptor)
            raise Refused(
                f"{path} is in use by another notifier{holder}: stop it first, or give this one a file of its own"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, str(os.getpid()).encode())

    def holds(self) -> bool:
        """Whether it is still this one that another process would find locked."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except OSError:
            return False

    def release(self) -> None:
        os.close(self._descriptor)


def _read(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    pid = os.read(descriptor, 20).decode(errors="replace").strip()
    return f" (process {pid})" if pid.isdigit() else ""
