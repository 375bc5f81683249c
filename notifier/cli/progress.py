"""Progress bars on stderr, where that is a terminal; nothing elsewhere."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from notifier.cli.bulk import Line, read_lines


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A function of (done, total) that moves the bar."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)


@contextmanager
def lines_read(file: BinaryIO) -> Iterator[Iterator[Line]]:
    """The lines of a file, with a bar of how much of it has been read where its size is known."""
    size = _size(file)
    with bar("importing") as move:
        yield read_lines(file, lambda read: move(read, size))


def _size(file: BinaryIO) -> int:
    """0 for a pipe."""
    try:
        status = os.fstat(file.fileno())
    except OSError:  # no real file (io.UnsupportedOperation is one)
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
